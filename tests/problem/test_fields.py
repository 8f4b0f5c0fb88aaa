"""The table of fields: what follows from it agrees, whichever way a field comes in."""

import math

import numpy as np
import pytest

import ncsolve
from ncsolve.problem.fields import AXES, FIELDS, TAIL, built, moved

GIVEN = {
    "depth": "2",
    "width": "5,4",
    "weight_decay": "1e-3,2e-3",
    "feature_decay": "3e-3",
    "bias": "free",
}
GIVEN |= {"features": "relu", "loss": "ce", "smoothing": "0.1", "logit_adjustment": "0.5"}
GIVEN |= {"label_scale": "1,1.1,1.2", "class_scale": "1,0.9,0.8"}


def test_words_a_mapping_and_a_document_mean_the_same_problem():
    read = {name: FIELDS[name].read(text) for name, text in GIVEN.items()}
    ufm = built({"counts": [30, 20, 10], **read})
    offsets = [0.5 * math.log(n / 60) for n in (30, 20, 10)]
    loss = ncsolve.CrossEntropy(0.1, offsets, [1.0, 1.1, 1.2], [1.0, 0.9, 0.8])
    assert ufm == ncsolve.UFM([30, 20, 10], loss, 2, [5, 4], [1e-3, 2e-3], 3e-3, "free", "relu")
    assert ncsolve.UFM.from_dict(ufm.to_dict()) == ufm
    assert set(ufm.to_dict()) == {"names", "counts"} | {FIELDS[name].key for name in GIVEN}


@pytest.mark.parametrize("name", [name for name in AXES if name not in TAIL])
def test_every_axis_moves_its_field_and_no_other(name):
    ufm = ncsolve.UFM([30, 20, 10], "ce", 2, weight_decay=[1e-3, 4e-3], feature_decay=2e-3)
    ufm = ufm.replace(weight_decay=1e-3) if name == "depth" else ufm
    value = {"depth": 3, "width": 7}.get(name, 0.25)
    changed = {
        key
        for key, entry in moved(ufm, {name: value}).to_dict().items()
        if ufm.to_dict().get(key) != entry
    }
    expected = {
        "decay": {"weight_decay", "feature_decay"},
        "mean-decay": {"weight_decay", "feature_decay"},
        "depth": {"depth", "width", "weight_decay"},
        "bias-decay": {"bias"},
        "logit-adjustment": {"offsets"},
    }
    assert changed == expected.get(name, {name.replace("-", "_")})


def test_the_mean_decay_keeps_the_ratios_of_the_decays():
    ufm = ncsolve.UFM([30, 10], depth=3, weight_decay=[1e-3, 4e-3, 2e-3], feature_decay=5e-4)
    found = np.array(moved(ufm, {"mean-decay": 0.02}).decays)
    np.testing.assert_allclose(np.prod(found) ** 0.25, 0.02, rtol=1e-14)
    np.testing.assert_allclose(found / found[0], np.array(ufm.decays) / ufm.decays[0], rtol=1e-14)


def test_an_axis_of_another_loss_is_refused():
    with pytest.raises(ncsolve.ProblemError, match="smoothing belongs to loss 'ce', not to 'mse'"):
        moved(ncsolve.UFM([3, 2]), {"smoothing": 0.1})
