"""One problem of a campaign: predicted, certified, verified, and what came of it as one row of plain values.

A row depends on the spec and the index alone, and not on who computes it or when; only `seconds` differs from run to run.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ...numeric.descent import Descent
from ...problem.errors import NcsolveError, ProblemError, TooLarge
from ...theorems.predict import predict
from ...verification import certify, verify

if TYPE_CHECKING:
    from ...analytic.prediction import Prediction
    from ...numeric.certify import Certificate
    from .spec import Spec

LONGEST = 500  # characters of an error's message


def solved(spec: Spec, index: int) -> dict[str, Any]:
    """The row of problem `index`.

    Returns
    -------
    dict
        index, problem (the fields that not all problems share), then either

        - theorem, claim, value, states (number of classes active, vanished, merged);
        - certify, verify: lower_bound, relative_gap (None where no bound is known); certify: certified, and why not;
        - verify: verdict, excess, distances of the best run to the prediction

        or error (type, message; `unexpected` unless ncsolve raised it on purpose), and seconds.

    Raises
    ------
    KeyboardInterrupt
        Also if it came during a descent, which `verify` would cut short.

    Examples
    --------
    >>> from ncsolve.campaign import read_spec
    >>> spec = read_spec({"problem": {"counts": [20, 10]}, "grid": {"depth": [1, 0]}})
    >>> solved(spec, 0)["verdict"], solved(spec, 1)["error"]["type"]
    ('AGREES', 'ProblemError')
    """
    started = time.perf_counter()
    row: dict[str, Any] = {"index": index, "problem": spec.listed(index)}
    try:
        row["problem"] = spec.varying(index)
        row |= _outcome(spec, index)
    except Exception as error:  # whatever is wrong with one problem, the others go on
        row["error"] = told(error)
    return row | {"seconds": round(time.perf_counter() - started, 6)}


def told(error: BaseException) -> dict[str, Any]:
    """An error as plain values: type, one line, and whether ncsolve did not raise it on purpose."""
    message = " ".join(str(error).split())
    message = message if len(message) <= LONGEST else message[: LONGEST - 3] + "..."
    known = isinstance(error, NcsolveError | MemoryError)
    return {"type": type(error).__name__, "message": message} | (
        {} if known else {"unexpected": True}
    )


def _outcome(spec: Spec, index: int) -> dict[str, Any]:
    prediction = predict(spec.problem(index), spec.theorem)
    states = {
        state: int((prediction.classes.state == state).sum())
        for state in ("active", "vanished", "merged")
    }
    found: dict[str, Any] = {
        "theorem": prediction.theorem.name,
        "claim": prediction.claim.name,
        "value": number(prediction.value),
        "states": states,
    }
    verification = None
    if "verify" in spec.actions:
        method = Descent(starts=spec.starts)
        verification = verify(
            prediction, method, rng=spec.descent_rng(index), tolerance=spec.tolerance
        )
        if verification.interrupted:
            raise KeyboardInterrupt
    if "certify" in spec.actions:
        certificate, why = (
            (verification.certificate, "") if verification is not None else (None, "")
        )
        if certificate is None:
            certificate, why = _certificate(prediction)
        found |= _bound(certificate)
        found["certified"] = certificate is not None and certificate.relative_gap <= spec.tolerance
        found |= {"why": why} if why else {}
    elif verification is not None:
        found |= _bound(verification.certificate)
    if verification is not None:
        found |= {"verdict": verification.verdict.name, "excess": number(verification.excess)}
        found["distances"] = {
            name: number(distance) for name, distance in verification.metrics.items()
        }
    return found


def _certificate(prediction: Prediction) -> tuple[Certificate | None, str]:
    """The certificate, or why there is none."""
    if prediction.theorem.limit:
        certify(prediction)  # refuses, with the reason
    prediction.parameters()
    try:
        return certify(prediction), ""
    except (ProblemError, TooLarge) as error:  # the problem is sound, but no bound is known
        return None, told(error)["message"]


def _bound(certificate: Certificate | None) -> dict[str, Any]:
    if certificate is None:
        return {"lower_bound": None, "relative_gap": None}
    return {
        "lower_bound": number(certificate.lower_bound),
        "relative_gap": number(certificate.relative_gap),
    }


def number(value: float | np.floating[Any]) -> float | None:
    """A Python float, None where it is not finite."""
    plain = float(value)
    return plain if math.isfinite(plain) else None
