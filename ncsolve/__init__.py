"""ncsolve: the closed-form theory solver for neural collapse.

Counts, loss, depth, widths, decays and bias in; the exact geometry of features and classifiers out, with the strength of the
claim, and its check by gradient descent and by certificate. Names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analytic.exact import Exact as Exact
    from .analytic.exact import exact as exact
    from .analytic.prediction import Prediction as Prediction
    from .analytic.theorem import Claim as Claim
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
    from .numeric.rigorous import Outcome as Outcome
    from .numeric.rigorous import RigorousCertificate as RigorousCertificate
    from .numeric.rigorous import replay as replay
    from .problem.conventions import Converted as Converted
    from .problem.conventions import DecayConvention as DecayConvention
    from .problem.conventions import convert as convert
    from .problem.errors import CampaignError as CampaignError
    from .problem.errors import CountsError as CountsError
    from .problem.errors import DataError as DataError
    from .problem.errors import MissingPackage as MissingPackage
    from .problem.errors import NcsolveError as NcsolveError
    from .problem.errors import NoAnswer as NoAnswer
    from .problem.errors import NoConversion as NoConversion
    from .problem.errors import NoTheorem as NoTheorem
    from .problem.errors import ProblemError as ProblemError
    from .problem.losses import CrossEntropy as CrossEntropy
    from .problem.losses import Squared as Squared
    from .problem.objective import Parameters as Parameters
    from .problem.objective import objective as objective
    from .problem.ufm import UFM as UFM
    from .questions import campaign as campaign
    from .questions.course import TimeCourse as TimeCourse
    from .questions.design.bias import BiasDecay as BiasDecay
    from .questions.design.bias import bias_decay_for_cosine as bias_decay_for_cosine
    from .questions.design.count import SmallestCount as SmallestCount
    from .questions.design.count import smallest_count as smallest_count
    from .questions.design.decay import LargestDecay as LargestDecay
    from .questions.design.decay import largest_decay as largest_decay
    from .questions.design.oversample import Oversampling as Oversampling
    from .questions.design.oversample import oversampling as oversampling
    from .questions.design.temperatures import LabelTemperatures as LabelTemperatures
    from .questions.design.temperatures import label_temperatures as label_temperatures
    from .questions.design.weights import ClassWeights as ClassWeights
    from .questions.design.weights import class_weights as class_weights
    from .questions.design.width import SmallestWidth as SmallestWidth
    from .questions.design.width import smallest_width as smallest_width
    from .questions.dynamics import time_course as time_course
    from .questions.landscape import CriticalPoint as CriticalPoint
    from .questions.landscape import Inertia as Inertia
    from .questions.landscape import critical_point as critical_point
    from .questions.landscapes import Landscape as Landscape
    from .questions.landscapes import measure_inertia as measure_inertia
    from .questions.phase import Axis as Axis
    from .questions.phase import LongTail as LongTail
    from .questions.phase import PhaseMap as PhaseMap
    from .questions.phase import phase_map as phase_map
    from .questions.thresholds import Thresholds as Thresholds
    from .questions.thresholds import thresholds as thresholds
    from .questions.tracking import Track as Track
    from .questions.tracking import gaussian_start as gaussian_start
    from .questions.tracking import track as track
    from .theorems.predict import applicable as applicable
    from .theorems.predict import predict as predict
    from .verification import Verdict as Verdict
    from .verification import Verification as Verification
    from .verification import certify as certify
    from .verification import verify as verify

__version__ = "0.1.0"

_HOME = {
    "UFM": "problem.ufm",
    "Parameters": "problem.objective",
    "objective": "problem.objective",
    "Squared": "problem.losses",
    "CrossEntropy": "problem.losses",
    "exact": "analytic.exact",
    "Exact": "analytic.exact",
    "applicable": "theorems.predict",
    "predict": "theorems.predict",
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
    "RigorousCertificate": "numeric.rigorous",
    "Outcome": "numeric.rigorous",
    "replay": "numeric.rigorous",
    "phase_map": "questions.phase",
    "PhaseMap": "questions.phase",
    "LongTail": "questions.phase",
    "Axis": "questions.phase",
    "thresholds": "questions.thresholds",
    "Thresholds": "questions.thresholds",
    "DecayConvention": "problem.conventions",
    "Converted": "problem.conventions",
    "convert": "problem.conventions",
    "measure": "metrics.measure",
    "Measurement": "metrics.measurement",
    "compare": "metrics.comparison",
    "Comparison": "metrics.comparison",
    "StreamingMeasure": "metrics.streaming",
    "Convention": "metrics.convention",
    "critical_point": "questions.landscape",
    "CriticalPoint": "questions.landscape",
    "Inertia": "questions.landscape",
    "measure_inertia": "questions.landscapes",
    "Landscape": "questions.landscapes",
    "time_course": "questions.dynamics",
    "TimeCourse": "questions.course",
    "track": "questions.tracking",
    "Track": "questions.tracking",
    "gaussian_start": "questions.tracking",
    "to_torch": "networks.fixed",
    "simplex_frame": "networks.frames",
    "orthogonal_frame": "networks.frames",
    "BiasDecay": "questions.design.bias",
    "bias_decay_for_cosine": "questions.design.bias",
    "SmallestCount": "questions.design.count",
    "smallest_count": "questions.design.count",
    "LargestDecay": "questions.design.decay",
    "largest_decay": "questions.design.decay",
    "Oversampling": "questions.design.oversample",
    "oversampling": "questions.design.oversample",
    "LabelTemperatures": "questions.design.temperatures",
    "label_temperatures": "questions.design.temperatures",
    "ClassWeights": "questions.design.weights",
    "class_weights": "questions.design.weights",
    "SmallestWidth": "questions.design.width",
    "smallest_width": "questions.design.width",
    "NcsolveError": "problem.errors",
    "CampaignError": "problem.errors",
    "CountsError": "problem.errors",
    "DataError": "problem.errors",
    "ProblemError": "problem.errors",
    "MissingPackage": "problem.errors",
    "NoConversion": "problem.errors",
    "NoAnswer": "problem.errors",
    "NoTheorem": "problem.errors",
}

_MODULES = {"campaign": "questions.campaign"}

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{_MODULES[name]}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module 'ncsolve' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
