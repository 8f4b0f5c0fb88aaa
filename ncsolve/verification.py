"""Verify: join a prediction, descent on the raw objective and a certificate into a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from .analytic.prediction import Prediction
from .analytic.theorem import Claim
from .numeric.bounds import Certificate, certificate
from .numeric.descent import Descent, Progress, Reference, Run, descend
from .numeric.hessian import HessianCheck, hessian_check
from .numeric.optimizers import Stop
from .problem.duality import check_size
from .problem.errors import ProblemError, TooLarge
from .theorems.predict import predict
from .values import Value

if TYPE_CHECKING:
    from pathlib import Path

    from .problem.ufm import UFM
    from .proof import RigorousCertificate

ROUNDING = 8 * float(np.finfo(float).eps)  # of a residual, relative to its target


class Verdict(Enum):
    """What descent says of a prediction; the value is the sentence for the reader."""

    AGREES = "the best run ends at the predicted value"
    STUCK = "every run ended above the prediction: nothing is refuted, more starts or steps may settle it"
    REFUTED = "a run went below a value that is claimed to be global"
    BEATEN = "a run went below the prediction, which claims only a critical point or the best known value"


@dataclass(frozen=True, eq=False, repr=False)
class Verification(Value):
    """The outcome of `verify`.

    Attributes
    ----------
    prediction, runs, certificate : what was compared; certificate is None where none is known
    tolerance : relative excess within which values agree
    metrics : relative distances of the best run to the prediction: features (Gram of class means), weights (Gram of
        W_M ... W_1), logits, within_class (share of the features' squared norm that is not in the class means), norms of the
        class means
    hessian : HessianCheck of the best run, if asked for
    notes : sentences, such as why there is no Hessian check
    interrupted : whether Ctrl-C ended the runs early
    """

    prediction: Prediction
    runs: tuple[Run, ...]
    certificate: Certificate | None
    tolerance: float
    metrics: dict[str, float]
    hessian: HessianCheck | None
    interrupted: bool
    notes: tuple[str, ...] = ()

    entries = (
        "verdict",
        "excess",
        "tolerance",
        "interrupted",
        "notes",
        "metrics",
        "certificate",
        "hessian",
        "runs",
    )

    @property
    def best(self) -> Run:
        """The lowest run."""
        return min(self.runs, key=lambda run: run.value)

    @property
    def excess(self) -> float:
        """(lowest value - predicted value) / |predicted value|; 0 where both are zero up to the rounding of residuals."""
        run, value = self.best, self.prediction.value
        nothing = np.zeros((self.prediction.ufm.outputs, run.objective.feature_shape[1]))
        if max(abs(run.value), abs(value)) <= ROUNDING**2 * run.objective.columns.value(nothing):
            return 0.0
        return (run.value - value) / (abs(value) or 1.0)

    @property
    def verdict(self) -> Verdict:
        """AGREES, STUCK, REFUTED or BEATEN."""
        if abs(self.excess) <= self.tolerance:
            return Verdict.AGREES
        if not self.excess < 0:
            return Verdict.STUCK
        proved = self.prediction.claim in (Claim.GLOBAL, Claim.CERTIFIED)
        return Verdict.REFUTED if proved else Verdict.BEATEN

    def to_dict(self) -> dict[str, Any]:
        """The verification as plain values: the prediction's document with runs and verdict added."""
        return self.prediction.to_dict() | super().to_dict()

    def save(self, path: str | Path, document: str = "", *, overwrite: bool = False) -> None:
        """Write the matrices of the prediction and of the best run, and a JSON text, to an .npz file, atomically.

        Arrays: W_1 .. W_M, class_means, bias as predicted; found_W_1 .. found_W_M, found_class_means, found_bias of the best run;
        counts; `document`, a JSON text (by default `to_dict`). Load with ``np.load(path, allow_pickle=False)``.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        from .files import document_of, write_arrays

        arrays = self.prediction.parameters().named() | self.best.parameters.named("found_")
        arrays |= {"counts": self.prediction.ufm.counts}
        write_arrays(
            path, arrays, document or document_of("verify", self.to_dict()), overwrite=overwrite
        )


def verify(
    problem: UFM | Prediction,
    method: Descent | None = None,
    *,
    rng: int | np.random.Generator | None = None,
    tolerance: float = 1e-8,
    hessian: bool = False,
    progress: Progress | None = None,
    each: Callable[[Run], None] | None = None,
) -> Verification:
    """Check a prediction by descent from random starts and by a lower bound.

    Parameters
    ----------
    problem : UFM (predicted first) or Prediction
    method : Descent
    rng : seed or Generator
    tolerance : float
        Values that differ by less than this share agree.
    hessian : bool
        Also compute the Hessian check of the best run; `.notes` says so where it is too much.
    progress, each : callbacks, per step and per finished run

    Returns
    -------
    Verification
        With `.verdict`, `.excess`, `.runs`, `.certificate`, `.metrics`.

    Notes
    -----
    One agreeing run shows that the value is reached; the others look for something lower. KeyboardInterrupt keeps the runs so
    far, the interrupted one included.

    Examples
    --------
    >>> import ncsolve
    >>> ufm = ncsolve.UFM(counts=[20, 10, 5], depth=2, weight_decay=5e-3, feature_decay=5e-3)
    >>> ncsolve.verify(ufm, rng=0).verdict.name
    'AGREES'
    """
    prediction = problem if isinstance(problem, Prediction) else predict(problem)
    ufm = prediction.ufm
    if prediction.theorem.limit:
        raise ProblemError(
            f"theorem {prediction.theorem.name!r} is about a limit: descent at positive decays only comes near it"
        )
    if not 0 < tolerance < np.inf:
        raise ProblemError(f"tolerance {tolerance!r} is not a positive number such as 1e-8")
    product = prediction.parameters().end_to_end @ prediction.class_means
    reference = Reference(prediction.gram_features, prediction.gram_weights, product)
    runs: list[Run] = []
    interrupted = False
    try:
        for run in descend(ufm, method, rng=rng, reference=reference, progress=progress):
            runs.append(run)
            if each is not None:
                each(run)
    except KeyboardInterrupt:  # between two runs: nothing to keep of the next one
        if not runs:
            raise
        interrupted = True
    best = min(runs, key=lambda run: run.value)
    found = Verification(
        prediction,
        tuple(runs),
        certificate_if_known(prediction),
        tolerance,
        _metrics(prediction, best),
        None,
        interrupted or any(run.ending is Stop.INTERRUPTED for run in runs),
    )
    return _with_hessian(found) if hessian and not found.interrupted else found


def _with_hessian(found: Verification) -> Verification:
    """The Hessian check of the best run; if it is too much, the runs are worth keeping all the same."""
    from scipy.sparse.linalg import ArpackNoConvergence

    try:
        return replace(found, hessian=hessian_check(found.best.objective, found.best.theta))
    except (TooLarge, ArpackNoConvergence) as error:
        return replace(found, notes=(f"no Hessian check: {' '.join(str(error).split())}",))
    except KeyboardInterrupt:
        return replace(found, interrupted=True, notes=("interrupted before the Hessian check",))


@overload
def certify(prediction: Prediction) -> Certificate: ...
@overload
def certify(
    prediction: Prediction, *, rigorous: Literal[False], tolerance: float = 1e-8
) -> Certificate: ...
@overload
def certify(
    prediction: Prediction, *, rigorous: Literal[True], tolerance: float = 1e-8
) -> RigorousCertificate: ...
def certify(
    prediction: Prediction, *, rigorous: bool = False, tolerance: float = 1e-8
) -> Certificate | RigorousCertificate:
    """Lower bound on the objective of the prediction's problem, and the gap to the predicted matrices.

    Parameters
    ----------
    prediction : Prediction
        Its matrices are only evaluated; the bound does not use how they were found.
    rigorous : bool
        False: floating point, evidence but no proof (`ncsolve.numeric.bounds`). True: exact and ball arithmetic
        (`ncsolve.proof`, extra `rigorous`), with an outcome.
    tolerance : float
        For `rigorous` alone: the relative excess over the global minimum, and the relative error of claimed numbers, that is
        judged.

    Returns
    -------
    Certificate, or with `rigorous` a RigorousCertificate

    Raises
    ------
    ProblemError
        Where no bound is known.
    MissingPackage
        If `rigorous` and python-flint is not installed.

    Examples
    --------
    >>> import ncsolve
    >>> prediction = ncsolve.predict(ncsolve.UFM(counts=[20, 10, 5], depth=2, weight_decay=5e-3, feature_decay=5e-3))
    >>> ncsolve.certify(prediction).relative_gap < 1e-12
    True
    >>> ncsolve.certify(prediction, rigorous=True).outcome.name
    'PROVED'
    """
    if prediction.theorem.limit:
        raise ProblemError(
            f"theorem {prediction.theorem.name!r} is about a limit: it has no point to certify at positive decays"
        )
    if rigorous:
        return _certify_rigorously(prediction, tolerance)
    check_size(prediction.ufm)  # before any matrix is built
    witness = prediction.solution.witness
    return certificate(
        prediction.ufm, prediction.parameters(), () if witness is None else witness()
    )


def _certify_rigorously(prediction: Prediction, tolerance: float) -> RigorousCertificate:
    from .numeric.balls import flint
    from .proof import Claimed, certify_rigorously, refuse

    flint()
    refuse(prediction.ufm)  # before any matrix is built
    claimed = Claimed(
        prediction.parameters(),
        prediction.value,
        tuple(prediction.classes.state.tolist()),
        tuple(prediction.singular_values.tolist()),
        tolerance,
    )
    return certify_rigorously(prediction.ufm, claimed)


def certificate_if_known(prediction: Prediction) -> Certificate | None:
    """`certify`, or None where no bound is known or it is too large."""
    try:
        return certify(prediction)
    except (ProblemError, TooLarge):
        return None


def _metrics(prediction: Prediction, run: Run) -> dict[str, float]:
    found = run.parameters
    product = found.end_to_end
    means = found.features
    total = float(np.sum(means**2 * prediction.ufm.counts)) + run.within
    norms = np.linalg.norm(means, axis=0)
    predicted = prediction.classes.feature_norm
    return {
        "features": _relative(means.T @ means, prediction.gram_features),
        "weights": _relative(product @ product.T, prediction.gram_weights),
        "logits": _relative(product @ means + found.bias[:, None], prediction.logits),
        "within_class": run.within / total if total > 0 else 0.0,
        "norms": _relative(norms, predicted),
    }


def _relative(found: np.ndarray, predicted: np.ndarray) -> float:
    """||found - predicted|| / ||predicted||, or the plain distance where the prediction is zero."""
    size = float(np.linalg.norm(predicted))
    return float(np.linalg.norm(found - predicted)) / (size or 1.0)
