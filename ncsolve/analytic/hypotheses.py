"""Conditions that several theorems share: each sentence, its test, and the cell of the table of theorems that it fills, once."""

from ..problem.losses import CrossEntropy, Squared
from .theorem import Hypothesis

SQUARED = Hypothesis(
    "the loss is squared loss", lambda ufm: isinstance(ufm.loss, Squared), {"loss": "squared"}
)
ONE_HOT = Hypothesis("the targets are one-hot", lambda ufm: ufm.loss.one_hot, {"loss": "one-hot"})
CROSS_ENTROPY = Hypothesis(
    "the loss is cross-entropy",
    lambda ufm: isinstance(ufm.loss, CrossEntropy),
    {"loss": "cross-entropy"},
)
PLAIN = Hypothesis(
    "the loss has no offsets or scales",
    lambda ufm: ufm.loss.plain,
    {"loss": "plain"},
)
LINEAR = Hypothesis(
    "features are linear", lambda ufm: ufm.features == "linear", {"features": "linear"}
)
BALANCED = Hypothesis("all counts are equal", lambda ufm: ufm.balanced, {"imbalance": "balanced"})
ONE_LAYER = Hypothesis("depth is 1", lambda ufm: ufm.depth == 1, {"depth": "1"})
DEEP = Hypothesis("depth is 2 or more", lambda ufm: ufm.depth >= 2, {"depth": ">= 2"})
NO_BIAS = Hypothesis("there is no bias", lambda ufm: ufm.bias == "none", {"bias": "none"})
UNPENALIZED_BIAS = Hypothesis(
    "the bias is none or free", lambda ufm: isinstance(ufm.bias, str), {"bias": "none or free"}
)
REGULARIZED_BIAS = Hypothesis(
    "the bias is regularized", lambda ufm: not isinstance(ufm.bias, str), {"bias": "regularized"}
)
