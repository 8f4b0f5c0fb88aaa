"""Planting a 1% error in any formula makes the tests fail: each error is planted in a copy of the package."""

import pytest
from planted.mutations import MUTATIONS
from planted.planting import run_on_a_copy, survivors

READERS = {  # the tests that read a file's formulas most directly
    "analytic/scalar.py": ["analytic/test_scalar", "questions/test_thresholds"],
    "analytic/reduction.py": [
        "analytic/test_scalar",
        "analytic/test_factors",
        "analytic/test_convex",
    ],
    "analytic/secular.py": ["analytic/test_spectrum"],
    "analytic/spectrum.py": [
        "analytic/test_spectrum",
        "analytic/test_factors",
        "theorems/test_ce_theorems",
    ],
    "analytic/factors.py": ["analytic/test_factors"],
    "analytic/spectral.py": ["questions/test_thresholds", "analytic/test_factors"],
    "analytic/prediction.py": ["analytic/test_factors"],
    "theorems/squared_spectral.py": ["analytic/test_factors"],
    "theorems/squared_targets.py": ["theorems/test_squared_targets"],
    "theorems/balanced_regularized_bias.py": [
        "theorems/test_balanced_regularized_bias",
        "questions/test_thresholds",
    ],
    "problem/losses.py": ["problem/test_objective", "problem/test_losses", "analytic/test_convex"],
    "analytic/simplex.py": ["theorems/test_ce_theorems", "analytic/test_convex"],
    "theorems/relu_cross_entropy.py": ["theorems/test_ce_theorems", "analytic/test_convex"],
    "theorems/vanishing_decay.py": ["theorems/test_ce_theorems"],
    "analytic/groups.py": ["analytic/test_convex"],
    "analytic/convex.py": ["analytic/test_convex"],
    "problem/duality.py": ["theorems/test_ce_theorems", "analytic/test_convex"],
    "problem/objective.py": ["problem/test_objective"],
    "metrics/statistics.py": ["metrics/test_measure", "metrics/test_metrics"],
    "metrics/presets.py": ["metrics/test_presets"],
    "metrics/metrics.py": ["metrics/test_metrics", "metrics/test_presets", "metrics/test_compare"],
    "metrics/compare.py": ["metrics/test_compare"],
}
CHOSEN = ("-m", "not slow", "-k", "not random_problems and not regression and not 90_digits")


@pytest.mark.slow
@pytest.mark.planted
def test_planting_a_one_percent_error_in_any_formula_makes_a_test_fail(tmp_path):
    names = [name for name, *_ in MUTATIONS]
    assert len(set(names)) == len(names) >= 20
    everything = sorted({name for names in READERS.values() for name in names})
    sound = run_on_a_copy(tmp_path / "sound", everything, chosen=CHOSEN)
    assert sound.returncode == 0, sound.stdout
    runs = [(name, READERS[change[0]], change) for name, *change in MUTATIONS]
    assert not survivors(tmp_path, runs, chosen=CHOSEN)
