"""Planting an error in any formula of the phase maps makes their tests fail: each error is planted in a copy of the package."""

import pytest
from planted.planting import run_on_a_copy, survivors

READERS = ["questions/test_maps", "questions/test_boundaries", "questions/test_axes"]
FREE, BIAS = "theorems/squared_spectral.py", "theorems/balanced_regularized_bias.py"
RELU, SIMPLEX = "theorems/relu_cross_entropy.py", "theorems/balanced_cross_entropy.py"
SPECTRAL, MERGING, ANGLES = (f"analytic/{name}.py" for name in ("spectral", "merging", "angles"))
AXES, FIELDS = "questions/axes.py", "problem/fields.py"
FAULTS = [  # file, what stands there, what is planted
    (FREE, "unit[of] * (problems.samples * g)", "1.01 * unit[of] * (problems.samples * g)"),
    (FREE, "alive[:, ufm.rank_limit :] = False", "alive[:, ufm.rank_limit + 1 :] = False"),
    (FREE, "np.asarray(near.any(axis=1))", "np.zeros(g.size, dtype=bool)"),
    (FREE, "share, problems.counts[of])", "share, 1.01 * problems.counts[of])"),
    (FREE, "spectrum.tau2[spectrum.roots - 1]", "spectrum.tau2[0]"),
    (SPECTRAL, "1.0, depth) * mean_decay", "1.01, depth) * mean_decay"),
    (SPECTRAL, "np.power(chosen.sigma, 2.0 *", "np.power(chosen.sigma, 2.02 *"),
    (SPECTRAL, "own * (1.0 - 1.0 / sizes)", "own * (1.01 - 1.0 / sizes)"),
    (SPECTRAL, "(shared - own / sizes)", "(shared + own / sizes)"),
    (SPECTRAL, "doubtful |= (alive & (chosen.room < chosen.copies)).any(axis=1)", "pass"),
    (SPECTRAL, "np.power(tau2, m / (m + 1.0))", "np.power(tau2, 1.01 * m / (m + 1.0))"),
    (SPECTRAL, "folds = decay * more", "folds = 1.01 * decay * more"),
    (BIAS, "pull_mean = pull * (1.0 + 1.0 / decay)", "pull_mean = pull * (1.0 + 1.01 / decay)"),
    (BIAS, "(mean - contrast) / (mean", "(mean - contrast) / (1.01 * mean"),
    (BIAS, "root / (1.0 + 1.0 / ufm.bias_decay)", "root / (1.0 + 1.01 / ufm.bias_decay)"),
    (RELU, "(1.0 - ufm.loss.smoothing) / (samples * c)", "(1.0 - 0.0) / (samples * c)"),
    (RELU, "np.minimum(active, ufm.classes - 1)", "active"),
    (RELU, "(classes - 2.0) * t + total", "(classes - 2.0) * t - total"),
    (RELU, "((2.0 * t - total) * inverse**2)", "((2.0 * t + total) * inverse**2)"),
    (RELU, "* (1.0 - ufm.loss.smoothing) / ufm.samples)", "* (1.0 - 0.0) / ufm.samples)"),
    (SIMPLEX, "c * (classes - 1) * a", "1.01 * c * (classes - 1) * a"),
    (SIMPLEX, "-1.0 / (classes - 1)", "-1.01 / (classes - 1)"),
    (MERGING, "spread = (k - m) * np.exp(-a", "spread = 1.01 * (k - m) * np.exp(-a"),
    (MERGING, "(k * share - self.smoothing)", "(k * share + self.smoothing)"),
    (MERGING, "np.outer(u, u) - np.eye", "np.outer(u, u) - 1.01 * np.eye"),
    (ANGLES, "(sum2 - number)", "(sum2 - number + 0.01)"),
    (ANGLES, "gram[zero] = worst", "pass"),
    (AXES, "np.arange(classes) / (classes - 1.0)", "np.arange(classes) / classes"),
    (AXES, "<= NEAR * counts)", "< 0.0)"),
    (
        AXES,
        "return self.rows[row], self.columns[column]",
        "return self.rows[row], self.columns[row % self.columns.size]",
    ),
    (
        FIELDS,
        """changes["feature_decay"] = value / mean""",
        """changes["feature_decay"] = 1.01 * value / mean""",
    ),
    ("questions/boundaries.py", "math.log(critical / g)", "math.log(1.01 * critical / g)"),
]


@pytest.mark.slow
@pytest.mark.planted
def test_planting_an_error_in_any_formula_of_the_maps_makes_a_test_fail(tmp_path):
    sound = run_on_a_copy(tmp_path / "sound", READERS)
    assert sound.returncode == 0, sound.stdout
    runs = [(new, READERS, (file, old, new)) for file, old, new in FAULTS]
    assert not survivors(tmp_path, runs)
