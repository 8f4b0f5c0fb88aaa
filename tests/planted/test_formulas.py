"""Planting a 1% error in any formula makes the tests fail: each error is planted in a copy of the package."""

import pytest
from planted.mutations import MUTATIONS
from planted.planting import run_on_a_copy, survivors

READERS = {  # the tests that read a file's formulas most directly
    "analytic/scalar.py": ["scalar", "thresholds"],
    "analytic/reduction.py": ["scalar", "factors", "ce_convex"],
    "analytic/atoms.py": ["ce_theorems"],
    "analytic/secular.py": ["spectra"],
    "analytic/spectrum.py": ["spectra", "factors"],
    "analytic/factors.py": ["factors"],
    "analytic/spectral.py": ["thresholds"],
    "analytic/classes.py": ["factors"],
    "theorems/squared_spectral.py": ["factors"],
    "theorems/squared_targets.py": ["targets"],
    "theorems/balanced_regularized_bias.py": ["bias", "thresholds"],
    "problem/squared.py": ["objective"],
    "problem/cross_entropy.py": ["ce_loss", "ce_convex"],
    "analytic/simplex.py": ["ce_theorems", "ce_convex"],
    "analytic/simplex_solution.py": ["ce_theorems", "ce_convex"],
    "theorems/relu_cross_entropy.py": ["ce_theorems", "ce_convex"],
    "theorems/vanishing_decay.py": ["ce_theorems"],
    "analytic/groups.py": ["ce_convex"],
    "analytic/convex.py": ["ce_convex"],
    "analytic/grouped.py": ["ce_convex"],
    "numeric/certify.py": ["ce_theorems", "ce_convex"],
    "problem/objective.py": ["objective"],
    "metrics/predicted.py": ["measure_inputs", "measure_compare"],
    "metrics/accumulator.py": ["measure_streaming"],
    "metrics/alignment.py": ["measure_compare"],
    "metrics/comparison.py": ["measure_compare"],
} | {
    f"metrics/{name}.py": ["measure_metrics", "measure_presets"]
    for name in (
        "variability",
        "frames",
        "evidence",
        "predicted_geometry",
        "duality",
        "decision",
        "statistics",
        "revisit",
        "presets",
    )
}
CHOSEN = ("-m", "not slow", "-k", "not random_problems and not regression and not 90_digits")


def _readers(names):
    return [name if name.startswith("measure") else f"analytic_{name}" for name in names]


@pytest.mark.slow
@pytest.mark.planted
def test_planting_a_one_percent_error_in_any_formula_makes_a_test_fail(tmp_path):
    names = [name for name, *_ in MUTATIONS]
    assert len(set(names)) == len(names) >= 20
    everything = sorted({name for names in READERS.values() for name in names})
    sound = run_on_a_copy(tmp_path / "sound", _readers(everything), chosen=CHOSEN)
    assert sound.returncode == 0, sound.stdout
    runs = [(name, _readers(READERS[change[0]]), change) for name, *change in MUTATIONS]
    assert not survivors(tmp_path, runs, chosen=CHOSEN)
