r"""Long-tailed class counts, as the CIFAR-LT benchmarks make them.

    n_k = floor(n ratio^(-k / (K - 1))),   k = 0, ..., K - 1

falls from n to floor(n / ratio). The step profile has n for the first half of the classes and the end value after it.
"""

from __future__ import annotations

from .border import shown
from .errors import CountsError

FORM = "the form is K=10,n=500,ratio=100 with an optional ,step"
MOST_CLASSES = 10**7
LARGEST_COUNT = 2**53  # doubles hold every whole number up to here


def long_tail(classes: int, largest: int, ratio: float, step: bool = False) -> list[int]:
    """Class counts that fall by `ratio` from the first class to the last.

    The rule is evaluated with 60 digits: 500 / 100 is 5, where rounded powers would give floor(4.999...) = 4.

    Parameters
    ----------
    classes : int, K >= 2
    largest : int, n >= 1
        Count of the first class.
    ratio : float >= 1
        Largest count over smallest, read as the decimal it prints as (2.2 is 22/10).
    step : bool
        Two levels instead of a geometric fall: the first ceil(K/2) classes have n, the others floor(n / ratio).

    Returns
    -------
    list of K ints, none below 1

    Raises
    ------
    CountsError
        A parameter is out of range, or a class would be left without samples.

    Examples
    --------
    >>> long_tail(10, 500, 100)
    [500, 299, 179, 107, 64, 38, 23, 13, 8, 5]
    >>> long_tail(4, 500, 100, step=True)
    [500, 500, 5, 5]
    """
    from decimal import Decimal, localcontext

    _whole("K", classes, 2, MOST_CLASSES)
    _whole("n", largest, 1, LARGEST_COUNT)
    if isinstance(ratio, bool) or not 1 <= ratio <= 1e300:  # the second is true of nan
        raise CountsError(
            f"long tail: ratio={ratio} is not a number from 1 to n; it is the largest count / the smallest"
        )
    with localcontext(prec=60):
        n, rho = Decimal(int(largest)), Decimal(str(ratio))
        to_integer = Decimal(
            "1e-30"
        )  # absorbs the rounding of 60 digits where the value is an exact integer
        last = int(n / rho)
        if last < 1:
            raise CountsError(
                f"long tail: ratio={ratio} leaves class {classes} of {classes} with 0 of n={largest} samples; "
                f"use a ratio of at most {largest}"
            )
        if step:
            return [int(largest)] * (classes - classes // 2) + [last] * (classes // 2)
        fall = rho ** (Decimal(-1) / (int(classes) - 1))
        counts = [int(n)]
        exact = n
        for _ in range(classes - 2):
            exact *= fall
            counts.append(int(exact + to_integer))
        return [*counts, last]


def parse_long_tail(text: str) -> list[int]:
    """Counts from ``K=10,n=500,ratio=100``, with ``,step`` for two levels; the order is free.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of K ints

    Raises
    ------
    CountsError
        A key is unknown, missing or repeated, or a value is not a number.

    Examples
    --------
    >>> parse_long_tail("ratio=10, n=100, K=3")
    [100, 31, 10]
    """
    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in ("K", "n", "ratio", "step"):
            raise CountsError(f"long tail {shown(text)}: {shown(key)} is not a key; {FORM}")
        if key in given:
            raise CountsError(f"long tail {shown(text)}: {key} is given twice; {FORM}")
        if (key == "step") == bool(equals):
            raise CountsError(
                f"long tail {shown(text)}: {key} {'takes no' if equals else 'needs a'} value; {FORM}"
            )
        given[key] = value
    if missing := [key for key in ("K", "n", "ratio") if key not in given]:
        raise CountsError(f"long tail {shown(text)}: {' and '.join(missing)} missing; {FORM}")
    number = {key: _number(key, given[key], text) for key in ("K", "n", "ratio")}
    for key in ("K", "n"):
        if not number[key].is_integer():
            raise CountsError(
                f"long tail {shown(text)}: {key}={given[key]} is not a whole number; {FORM}"
            )
    return long_tail(int(number["K"]), int(number["n"]), number["ratio"], step="step" in given)


def _number(key: str, value: str, text: str) -> float:
    try:
        if "_" in value:  # float would read 1_000
            raise ValueError
        return float(value)
    except ValueError:
        raise CountsError(
            f"long tail {shown(text)}: {key}={shown(value)} is not a number; {FORM}"
        ) from None


def _whole(key: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not low <= value <= high:
        raise CountsError(
            f"long tail: {key}={shown(value)} is not a whole number from {low} to {high}; {FORM}"
        )
