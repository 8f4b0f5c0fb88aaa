"""Planting an error in any formula of the phase maps makes their tests fail: each error is planted in a copy of the package."""

import pytest
from planted.planting import run_on_a_copy, survivors

READERS = [
    "questions/test_phase_map",
    "questions/test_phase_boundaries",
    "questions/test_phase_axes",
]
FAULTS = [  # file, what stands there, what is planted
    ("squared.py", "share[alive] = p * (1.0 + depth", "share[alive] = p * (1.0 + 1.01 * depth"),
    ("squared.py", "level[of] * pull[:, None]", "1.01 * level[of] * pull[:, None]"),
    ("squared.py", "alive[:, room:] = False", "alive[:, room + 1 :] = False"),
    ("squared.py", "<= fold * limit", "<= -1.0"),
    ("squared.py", "(self.copies - kept)", "1.01 * (self.copies - kept)"),
    (
        "squared.py",
        "np.where(contrasts > 0, contrasts + 1, 0)",
        "np.where(contrasts > 0, contrasts, 0)",
    ),
    ("squared.py", "np.where(moved & (left == 1), 1, 0)", "0"),
    ("squared.py", "np.where(moved & (left > 1), left, 0)", "np.where(left > 1, left, 0)"),
    ("squared.py", "2.0 * exponent / (self.depth + 1.0)", "2.02 * exponent / (self.depth + 1.0)"),
    ("squared.py", "own * (1.0 - 1.0 / self.sizes)", "own * (1.01 - 1.0 / self.sizes)"),
    ("squared.py", "(shared - own / self.sizes)", "(shared + own / self.sizes)"),
    ("squared.py", "doubtful |= cut", "doubtful |= False"),
    ("squared.py", "pull * (1.0 + 1.0 / decay)", "pull * (1.0 + 1.01 / decay)"),
    ("squared.py", "decay / (2 * classes", "decay / (2.02 * classes"),
    ("squared.py", "(middle - contrast) / (middle", "(middle - contrast) / (1.01 * middle"),
    ("cross_entropy.py", "+ delta) * share", "+ 1.01 * delta) * share"),
    (
        "cross_entropy.py",
        "np.log(classes))\n        active",
        "np.log(classes + 1))\n        active",
    ),
    ("cross_entropy.py", "np.minimum(active, classes - 1)", "active"),
    ("cross_entropy.py", "(classes - 2.0) * t + total", "(classes - 2.0) * t - total"),
    ("cross_entropy.py", "(2.0 * t - total) * inverse**2", "(2.0 * t + total) * inverse**2"),
    ("cross_entropy.py", "c * (classes - 1) * a", "1.01 * c * (classes - 1) * a"),
    ("cross_entropy.py", "-1.0 / (classes - 1)", "-1.01 / (classes - 1)"),
    ("merging.py", "spread = (k - m) * np.exp(-a", "spread = 1.01 * (k - m) * np.exp(-a"),
    ("merging.py", "(k * share - self.smoothing)", "(k * share + self.smoothing)"),
    ("merging.py", "np.outer(u, u) - np.eye", "np.outer(u, u) - 1.01 * np.eye"),
    ("angles.py", "(sum2 - number)", "(sum2 - number + 0.01)"),
    ("angles.py", "between[~there] = worst", "pass"),
    ("tail.py", "np.arange(classes) / (classes - 1.0)", "np.arange(classes) / classes"),
    ("tail.py", "<= NEAR * counts)", "< 0.0)"),
    ("plane.py", "factor = values", "factor = 1.01 * values"),
    (
        "plane.py",
        "self.columns[cells % self.columns.size]\n        moved",
        "self.columns[cells // self.columns.size]\n        moved",
    ),
    ("critical.py", "np.power(tau2, m / (m + 1.0))", "np.power(tau2, 1.01 * m / (m + 1.0))"),
    ("critical.py", "scalar.fold(ufm.depth) / scalar", "1.01 * scalar.fold(ufm.depth) / scalar"),
    (
        "critical.py",
        "(ufm.classes - 1.0) / ufm.classes) * kept",
        "(ufm.classes - 1.0) / ufm.classes)",
    ),
    ("critical.py", "root / (1.0 + 1.0 / decay)", "root / (1.0 + 1.01 / decay)"),
    (
        "critical.py",
        "float(spectrum.tau2[: counts.size - 1].max())",
        "float(spectrum.tau2[: counts.size - 1].min())",
    ),
    ("boundaries.py", "math.log(critical / g)", "math.log(1.01 * critical / g)"),
]


@pytest.mark.slow
@pytest.mark.planted
def test_planting_an_error_in_any_formula_of_the_maps_makes_a_test_fail(tmp_path):
    sound = run_on_a_copy(tmp_path / "sound", READERS)
    assert sound.returncode == 0, sound.stdout
    runs = [(new, READERS, (f"questions/phase/{file}", old, new)) for file, old, new in FAULTS]
    assert not survivors(tmp_path, runs)
