"""Problems of every kind with a rigorous bound, claims about them, and what is found of a claim."""

import dataclasses
import json

import ncsolve
from ncsolve import CrossEntropy, Squared
from ncsolve.proof import Claimed, certify_rigorously, replay_document

BIASES = ("none", "free", 0.05)
LOSSES = {
    "plain": CrossEntropy(),
    "smoothing": CrossEntropy(0.1),
    "offsets": CrossEntropy(0, [1, 2, 0, 0]),
    "label scale": CrossEntropy(0, None, [1, 2, 3, 3]),
    "class scale": CrossEntropy(0, None, None, [1, 0.5, 1, 1]),
    "all": CrossEntropy(0.1, [1, 2, 0, 0], [1, 2, 3, 3], [1, 0.5, 1, 1]),
}
COUNTS = [200, 100, 50, 50]
PROBLEMS = {
    f"ce-{loss}-bias_{bias}": ncsolve.UFM(COUNTS, LOSSES[loss], bias=bias)
    for loss in LOSSES
    for bias in BIASES
}
PROBLEMS |= {
    f"M{m}-bias_{bias}-width_{width}": ncsolve.UFM(
        COUNTS, depth=m, bias=bias, width=width, weight_decay=2e-3, feature_decay=1e-3
    )
    for m in (1, 2, 3, 6, 20)
    for bias in ("none", "free")
    for width in (None, 9, 2)
}
PROBLEMS |= {f"squared-bias_{bias}": ncsolve.UFM(COUNTS, bias=bias) for bias in (1e-4, 0.05, 2.0)}
PROBLEMS |= {
    "relu": ncsolve.UFM(COUNTS, depth=3, features="relu"),
    "ce-relu": ncsolve.UFM(
        [200, 100, 50, 1], "ce", features="relu", weight_decay=3e-3, feature_decay=3e-3
    ),
    "ce-relu-smoothing": ncsolve.UFM(COUNTS, CrossEntropy(0.1), features="relu"),
    "ce-merging": ncsolve.UFM([100, 50, 50, 9, 9, 9], "ce", weight_decay=0.02, feature_decay=0.015),
    "ce-merging-free": ncsolve.UFM(
        [100, 50, 50, 9, 9, 9], "ce", bias="free", weight_decay=0.02, feature_decay=0.015
    ),
    "ce-balanced": ncsolve.UFM([100] * 4, "ce", width=3),
    "ce-nothing": ncsolve.UFM([30, 20], "ce", weight_decay=3, feature_decay=3),
    "ce-nothing-free": ncsolve.UFM([30, 20], "ce", bias="free", weight_decay=3, feature_decay=3),
    "squared-nothing": ncsolve.UFM([30, 20], bias=1.0, weight_decay=3, feature_decay=3),
    "targets": ncsolve.UFM([9, 5, 3], Squared([[1, -1, 0.3], [0, 2, 1]]), 2, 4, 4e-3, 9e-4, "free"),
    "seed": ncsolve.UFM([1000, 100, 10, 2], depth=3, weight_decay=5e-4, feature_decay=5e-4),
}


def claim(prediction, **changes):
    """What a prediction claims, but for the changes."""
    claimed = Claimed(
        prediction.parameters(),
        prediction.value,
        tuple(prediction.classes.state.tolist()),
        tuple(prediction.singular_values.tolist()),
    )
    return dataclasses.replace(claimed, **changes)


def verdicts(found):
    """The verdict on each part of a claim."""
    return {finding.about: finding.verdict for finding in found.findings}


def as_read(certificate):
    """The document of a certificate as it is read back."""
    return json.loads(json.dumps(certificate.document(), allow_nan=False))


def judged(ufm, states):
    """The outcome and the verdict on class states, from a certificate that is accepted by a replay."""
    found = certify_rigorously(ufm, claim(ncsolve.predict(ufm), states=tuple(states)))
    assert replay_document(as_read(found)).accepted
    return found.outcome, verdicts(found)["class states"]
