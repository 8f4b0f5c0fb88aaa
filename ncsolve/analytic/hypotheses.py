"""Conditions that several theorems share: each sentence, and its test, once."""

from ..losses import CrossEntropy, Squared
from .theorem import Hypothesis

SQUARED = Hypothesis("the loss is squared loss", lambda ufm: isinstance(ufm.loss, Squared))
ONE_HOT = Hypothesis("the targets are one-hot", lambda ufm: ufm.loss.one_hot)
CROSS_ENTROPY = Hypothesis("the loss is cross-entropy", lambda ufm: isinstance(ufm.loss, CrossEntropy))
PLAIN = Hypothesis("the loss has no offsets or scales", lambda ufm: getattr(ufm.loss, "plain", True))
LINEAR = Hypothesis("features are linear", lambda ufm: ufm.features == "linear")
BALANCED = Hypothesis("all counts are equal", lambda ufm: ufm.balanced)
ONE_LAYER = Hypothesis("depth is 1", lambda ufm: ufm.depth == 1)
DEEP = Hypothesis("depth is 2 or more", lambda ufm: ufm.depth >= 2)
NO_BIAS = Hypothesis("there is no bias", lambda ufm: ufm.bias == "none")
UNPENALIZED_BIAS = Hypothesis("the bias is none or free", lambda ufm: isinstance(ufm.bias, str))
REGULARIZED_BIAS = Hypothesis("the bias is regularized", lambda ufm: not isinstance(ufm.bias, str))
