"""The letters of the derivations, what they stand for, and formulas that sympy leaves as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from .steps import Result, Step

M, N, K, n, g, c = sp.symbols("M N K n g c", positive=True)
sigma, tau, kappa, p, x, y, t, a = sp.symbols("sigma tau kappa p x y t a", positive=True)
lambda_W, lambda_H, lambda_b, delta = sp.symbols("lambda_W lambda_H lambda_b delta", positive=True)
k, m = sp.symbols("k m", positive=True)  # K - 1 and M - 1 where a sign needs K > 1 or M > 1

q = 2 / (M + 1)
e = (M - 1) / (M + 1)

MEANING = {
    "M": "depth, the number of weight matrices",
    "N": "number of samples",
    "K": "number of classes",
    "n": "number of samples of a class",
    "g": "geometric mean of the M + 1 decays",
    "c": "g (M + 1)/2, the weight of the penalty on singular values",
    "Pi": "product of the M + 1 decays",
    "sigma": "a singular value of A (logits without the bias, column k times sqrt(n_k))",
    "tau": "the matching singular value of the target T",
    "kappa": "N g tau^(-2M/(M + 1)), the level",
    "p": "shrinkage, sigma = tau (1 - p); 0 < p < 1 is written 1/(1 + y)",
    "x": "the variable of Dang et al. (2023), x^M = (1 - p)/p",
    "S": "singular value of W_M ... W_1",
    "L": "the objective",
    "h": "singular value of the features",
    "a": "margin: own logit minus any other",
    "s": "an auxiliary number",
    "w": "an auxiliary number",
    "z": "a logit",
    "mu": "a squared singular value",
    "theta": "an angle",
    "phi": "a real number",
    "alpha": "angle between left singular vectors of two matrices",
    "beta": "angle between right singular vectors of two matrices",
    "lambda_W": "decay of the weights",
    "lambda_H": "decay of the features",
    "lambda_b": "decay of the bias",
    "lambda": "both decays",
    "delta": "label smoothing",
    "r": "ratio of decays: lambda_H = g r^M, lambda_j = g/r",
    "m": "M - 1",
    "k": "K - 1",
    **dict.fromkeys("ytl", "a positive number"),
    "g_own": "gradient's entry for the own class",
    "g_partner": "gradient's entry for the partner",
    "g_other": "gradient's entry for any other class",
}
INDEXED = {
    "lambda": "decays of W_1, W_2, ...",
    "h": "features of the samples of a class, or entries of one feature",
    "u": "(lambda_j s_j^2)^(1/(M + 1)) for the M + 1 factors",
    "S": "singular values of the M + 1 factors",
    "n": "numbers of samples of classes, or of the classes of two groups",
    "m": "numbers of classes in two groups",
    "z": "logits",
    "b": "biases",
    "y": "targets",
    "p": "probabilities",
    "w": "positive weights",
    "v": "a direction",
    "A": "entries of A",
    "C": "mean logit of one group at the mean of another",
    "a": "own logit above the rest of the group",
    "r": "temperatures of the classes' logits (CDT)",
    "s": "temperatures of the labels (LDT)",
    "sigma": "singular values of A, descending",
    "tau": "singular values of T, descending",
    "gamma": "singular values of the gradient, descending",
    "W1": "entries of W_1",
    "W2": "entries of W_2",
    "W": "entries of W",
    "H": "entries of H",
    "Y": "entries of Y",
    "G": "entries of dF/dZ",
    "D": "entries of a derivative of L",
    "E": "entries of a derivative of L",
}


def described(
    steps: Iterable[Step], results: Iterable[Result], words: Mapping[str, str]
) -> tuple[tuple[Any, str], ...]:
    """(symbol, meaning) of every symbol in use, in the order of first use; `words` overrules, by name or by name without index.

    Raises
    ------
    KeyError
        If a symbol has no meaning here.
    """
    found: dict[str, tuple[Any, str]] = {}

    def add(symbols: Iterable[Any]) -> None:
        for symbol in sorted(symbols, key=str):
            name, (stem, _, index) = symbol.name, symbol.name.partition("_")
            told = words.get(name) or (words.get(stem) if index else None) or MEANING.get(name)
            found.setdefault(name, (symbol, told or INDEXED[stem]))

    for step in steps:
        add(step.formula.free_symbols)
        for new in step.where.values():
            add(new.free_symbols)
    for result in results:
        add(result.arguments)
    return tuple(found.values())


def matrix(rows: Any) -> Any:
    """An immutable matrix."""
    return sp.ImmutableMatrix(rows)


def times(*factors: Any) -> Any:
    """A product of matrices that is shown as such."""
    return sp.MatMul(*map(sp.ImmutableMatrix, factors), evaluate=False)


def total(terms: Iterable[Any]) -> Any:
    """A sum that is shown as such."""
    return sp.Add(*terms, evaluate=False)


def eq(left: Any, right: Any) -> Any:
    """An equation that sympy leaves as it stands."""
    return sp.Eq(left, right, evaluate=False)
