"""Planting a 1% error in any formula makes the tests fail: each error is planted in a copy of the package."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mutations import MUTATIONS

import ncsolve

TESTS = Path(__file__).parent
READERS = {  # the tests that read a file's formulas most directly
    "analytic/scalar.py": ["scalar", "thresholds"],
    "analytic/reduction.py": ["scalar", "factors", "ce_convex"],
    "analytic/atoms.py": ["ce_theorems"],
    "analytic/secular.py": ["spectra"],
    "analytic/spectrum.py": ["spectra", "factors"],
    "analytic/factors.py": ["factors"],
    "analytic/spectral.py": ["thresholds"],
    "analytic/classes.py": ["factors"],
    "analytic/theorems/squared_spectral.py": ["factors"],
    "analytic/theorems/squared_targets.py": ["targets"],
    "analytic/theorems/balanced_regularized_bias.py": ["bias", "thresholds"],
    "losses/squared.py": ["objective"],
    "losses/cross_entropy.py": ["ce_loss", "ce_convex"],
    "analytic/simplex.py": ["ce_theorems", "ce_convex"],
    "analytic/simplex_solution.py": ["ce_theorems", "ce_convex"],
    "analytic/theorems/relu_cross_entropy.py": ["ce_theorems", "ce_convex"],
    "analytic/theorems/vanishing_decay.py": ["ce_theorems"],
    "analytic/groups.py": ["ce_convex"],
    "analytic/convex.py": ["ce_convex"],
    "analytic/grouped.py": ["ce_convex"],
    "numeric/certify.py": ["ce_theorems", "ce_convex"],
    "raw_objective.py": ["objective"],
    "metrics/predicted.py": ["measure_inputs", "measure_compare"],
    "metrics/accumulator.py": ["measure_streaming"],
    "metrics/alignment.py": ["measure_compare"],
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
SKIPPED = "not random_problems and not regression and not 90_digits"


def _run_on_a_copy(place, file=None, old=None, new=None):
    """The tests that read `file` (all of READERS without one), on a copy of the package with one change."""
    shutil.copytree(Path(ncsolve.__file__).parent, place / "ncsolve", ignore=shutil.ignore_patterns("__pycache__"))
    if file:
        text = (place / "ncsolve" / file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}; bring mutations.py up to date"
        (place / "ncsolve" / file).write_text(text.replace(old, new))
    probe = "import ncsolve, pathlib, pytest, sys; assert pathlib.Path(ncsolve.__file__).is_relative_to(sys.argv.pop(1)); "
    command = [sys.executable, "-c", probe + "sys.exit(pytest.main(sys.argv[1:]))", str(place), "-x", "-q", "--tb=no"]
    command += [
        "-c",
        str(TESTS.parent / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-m",
        "not slow",
        "-k",
        SKIPPED,
    ]
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    readers = READERS[file] if file else sorted({name for names in READERS.values() for name in names})
    command += [str(TESTS / f"test_{'' if name.startswith('measure') else 'analytic_'}{name}.py") for name in readers]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.planted
def test_planting_a_one_percent_error_in_any_formula_makes_a_test_fail(tmp_path, record_property):
    names = [name for name, *_ in MUTATIONS]
    assert len(set(names)) == len(names) >= 20
    sound = tmp_path / "sound"
    done = _run_on_a_copy(sound)
    assert done.returncode == 0, done.stdout
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda i: _run_on_a_copy(tmp_path / str(i), *MUTATIONS[i][1:]), range(len(names))))
    survivors = [name for name, run in zip(names, runs, strict=True) if run.returncode != pytest.ExitCode.TESTS_FAILED]
    record_property("planted errors", len(names))
    print(f"\n{len(names) - len(survivors)} of {len(names)} planted errors were found")
    assert not survivors
