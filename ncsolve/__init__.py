"""ncsolve: the closed-form theory solver for neural collapse.

Counts, loss, depth, widths, decays and bias in; the exact geometry of features and classifiers out, with the strength of the
claim, and its check by gradient descent and by certificate. Names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import campaign as campaign
    from .analytic.course import TimeCourse as TimeCourse
    from .analytic.dynamics import time_course as time_course
    from .analytic.exact import Exact as Exact
    from .analytic.exact import exact as exact
    from .analytic.landscape import CriticalPoint as CriticalPoint
    from .analytic.landscape import Inertia as Inertia
    from .analytic.landscape import critical_point as critical_point
    from .analytic.predict import applicable as applicable
    from .analytic.predict import predict as predict
    from .analytic.prediction import Prediction as Prediction
    from .analytic.theorem import Claim as Claim
    from .analytic.thresholds import Thresholds as Thresholds
    from .analytic.thresholds import thresholds as thresholds
    from .conventions import Converted as Converted
    from .conventions import DecayConvention as DecayConvention
    from .conventions import convert as convert
    from .errors import CampaignError as CampaignError
    from .errors import CountsError as CountsError
    from .errors import DataError as DataError
    from .errors import MissingPackage as MissingPackage
    from .errors import NcsolveError as NcsolveError
    from .errors import NoConversion as NoConversion
    from .errors import NoTheorem as NoTheorem
    from .errors import ProblemError as ProblemError
    from .landscapes import Landscape as Landscape
    from .landscapes import measure_inertia as measure_inertia
    from .losses import CrossEntropy as CrossEntropy
    from .losses import Squared as Squared
    from .metrics.comparison import Comparison as Comparison
    from .metrics.comparison import compare as compare
    from .metrics.convention import Convention as Convention
    from .metrics.measure import measure as measure
    from .metrics.measurement import Measurement as Measurement
    from .metrics.streaming import StreamingMeasure as StreamingMeasure
    from .networks.fixed import to_torch as to_torch
    from .networks.frames import orthogonal_frame as orthogonal_frame
    from .networks.frames import simplex_frame as simplex_frame
    from .numeric.certify import Certificate as Certificate
    from .numeric.descent import Descent as Descent
    from .numeric.newton import Newton as Newton
    from .numeric.optimizers import LBFGS as LBFGS
    from .numeric.optimizers import GradientDescent as GradientDescent
    from .numeric.optimizers import Momentum as Momentum
    from .problem import UFM as UFM
    from .raw_objective import Parameters as Parameters
    from .raw_objective import objective as objective
    from .rigorous import Outcome as Outcome
    from .rigorous import RigorousCertificate as RigorousCertificate
    from .rigorous import replay as replay
    from .tracking import Track as Track
    from .tracking import gaussian_start as gaussian_start
    from .tracking import track as track
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
    "exact": "analytic.exact",
    "Exact": "analytic.exact",
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
    "RigorousCertificate": "rigorous",
    "Outcome": "rigorous",
    "replay": "rigorous",
    "thresholds": "analytic.thresholds",
    "Thresholds": "analytic.thresholds",
    "DecayConvention": "conventions",
    "Converted": "conventions",
    "convert": "conventions",
    "measure": "metrics.measure",
    "Measurement": "metrics.measurement",
    "compare": "metrics.comparison",
    "Comparison": "metrics.comparison",
    "StreamingMeasure": "metrics.streaming",
    "Convention": "metrics.convention",
    "critical_point": "analytic.landscape",
    "CriticalPoint": "analytic.landscape",
    "Inertia": "analytic.landscape",
    "measure_inertia": "landscapes",
    "Landscape": "landscapes",
    "time_course": "analytic.dynamics",
    "TimeCourse": "analytic.course",
    "track": "tracking",
    "Track": "tracking",
    "gaussian_start": "tracking",
    "to_torch": "networks.fixed",
    "simplex_frame": "networks.frames",
    "orthogonal_frame": "networks.frames",
    "NcsolveError": "errors",
    "CampaignError": "errors",
    "CountsError": "errors",
    "DataError": "errors",
    "ProblemError": "errors",
    "MissingPackage": "errors",
    "NoConversion": "errors",
    "NoTheorem": "errors",
}

_MODULES = ("campaign",)

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module 'ncsolve' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
