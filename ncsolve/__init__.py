"""ncsolve: the closed-form theory solver for neural collapse.

Counts, loss, depth, widths, decays and bias in; the exact geometry of features and classifiers out, with the strength of the
claim, and its check by gradient descent and by certificate. Names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analytic.design.bias import BiasDecay as BiasDecay
    from .analytic.design.bias import bias_decay_for_cosine as bias_decay_for_cosine
    from .analytic.design.count import SmallestCount as SmallestCount
    from .analytic.design.count import smallest_count as smallest_count
    from .analytic.design.decay import LargestDecay as LargestDecay
    from .analytic.design.decay import largest_decay as largest_decay
    from .analytic.design.oversample import Oversampling as Oversampling
    from .analytic.design.oversample import oversampling as oversampling
    from .analytic.design.temperatures import LabelTemperatures as LabelTemperatures
    from .analytic.design.temperatures import label_temperatures as label_temperatures
    from .analytic.design.weights import ClassWeights as ClassWeights
    from .analytic.design.weights import class_weights as class_weights
    from .analytic.design.width import SmallestWidth as SmallestWidth
    from .analytic.design.width import smallest_width as smallest_width
    from .analytic.predict import applicable as applicable
    from .analytic.predict import predict as predict
    from .analytic.prediction import Prediction as Prediction
    from .analytic.theorem import Claim as Claim
    from .analytic.thresholds import Thresholds as Thresholds
    from .analytic.thresholds import thresholds as thresholds
    from .errors import CountsError as CountsError
    from .errors import DataError as DataError
    from .errors import NcsolveError as NcsolveError
    from .errors import NoAnswer as NoAnswer
    from .errors import NoTheorem as NoTheorem
    from .errors import ProblemError as ProblemError
    from .losses import CrossEntropy as CrossEntropy
    from .losses import Squared as Squared
    from .metrics.comparison import Comparison as Comparison
    from .metrics.comparison import compare as compare
    from .metrics.convention import Convention as Convention
    from .metrics.measure import measure as measure
    from .metrics.measurement import Measurement as Measurement
    from .metrics.streaming import StreamingMeasure as StreamingMeasure
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
    "thresholds": "analytic.thresholds",
    "Thresholds": "analytic.thresholds",
    "measure": "metrics.measure",
    "Measurement": "metrics.measurement",
    "compare": "metrics.comparison",
    "Comparison": "metrics.comparison",
    "StreamingMeasure": "metrics.streaming",
    "Convention": "metrics.convention",
    "BiasDecay": "analytic.design.bias",
    "bias_decay_for_cosine": "analytic.design.bias",
    "SmallestCount": "analytic.design.count",
    "smallest_count": "analytic.design.count",
    "LargestDecay": "analytic.design.decay",
    "largest_decay": "analytic.design.decay",
    "Oversampling": "analytic.design.oversample",
    "oversampling": "analytic.design.oversample",
    "LabelTemperatures": "analytic.design.temperatures",
    "label_temperatures": "analytic.design.temperatures",
    "ClassWeights": "analytic.design.weights",
    "class_weights": "analytic.design.weights",
    "SmallestWidth": "analytic.design.width",
    "smallest_width": "analytic.design.width",
    "NcsolveError": "errors",
    "CountsError": "errors",
    "DataError": "errors",
    "ProblemError": "errors",
    "NoAnswer": "errors",
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
