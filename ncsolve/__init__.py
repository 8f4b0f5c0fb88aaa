"""ncsolve: the closed-form theory solver for neural collapse.

Counts, loss, depth, widths, decays and bias in; the exact geometry of features and classifiers out, with the strength of the
claim, and its check by gradient descent and by certificate. Names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analytic.phase import Axis as Axis
    from .analytic.phase import LongTail as LongTail
    from .analytic.phase import PhaseMap as PhaseMap
    from .analytic.phase import phase_map as phase_map
    from .analytic.predict import applicable as applicable
    from .analytic.predict import predict as predict
    from .analytic.prediction import Prediction as Prediction
    from .analytic.theorem import Claim as Claim
    from .analytic.thresholds import Thresholds as Thresholds
    from .analytic.thresholds import thresholds as thresholds
    from .errors import CountsError as CountsError
    from .errors import NcsolveError as NcsolveError
    from .errors import NoTheorem as NoTheorem
    from .errors import ProblemError as ProblemError
    from .losses import CrossEntropy as CrossEntropy
    from .losses import Squared as Squared
    from .numeric.certify import Certificate as Certificate
    from .numeric.descent import Descent as Descent
    from .numeric.newton import Newton as Newton
    from .numeric.optimizers import LBFGS as LBFGS
    from .numeric.optimizers import GradientDescent as GradientDescent
    from .numeric.optimizers import Momentum as Momentum
    from .problem import UFM as UFM
    from .raw_objective import Parameters as Parameters
    from .raw_objective import objective as objective
    from .verification import Verdict as Verdict
    from .verification import Verification as Verification
    from .verification import certify as certify
    from .verification import verify as verify

__version__ = "0.1.0"

_HOME = {
    "UFM": "problem",
    "Parameters": "raw_objective",
    "objective": "raw_objective",
    "Squared": "losses",
    "CrossEntropy": "losses",
    "applicable": "analytic.predict",
    "predict": "analytic.predict",
    "Prediction": "analytic.prediction",
    "Claim": "analytic.theorem",
    "Certificate": "numeric.certify",
    "Descent": "numeric.descent",
    "Newton": "numeric.newton",
    "LBFGS": "numeric.optimizers",
    "GradientDescent": "numeric.optimizers",
    "Momentum": "numeric.optimizers",
    "Verdict": "verification",
    "Verification": "verification",
    "certify": "verification",
    "verify": "verification",
    "phase_map": "analytic.phase",
    "PhaseMap": "analytic.phase",
    "LongTail": "analytic.phase",
    "Axis": "analytic.phase",
    "thresholds": "analytic.thresholds",
    "Thresholds": "analytic.thresholds",
    "NcsolveError": "errors",
    "CountsError": "errors",
    "ProblemError": "errors",
    "NoTheorem": "errors",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ncsolve' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
