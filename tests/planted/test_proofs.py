"""Planting an error in a proof, or leaving a check out, makes the tests fail: each is planted in a copy of the package."""

import pytest
from planted.planting import run_on_a_copy, survivors
from planted.rigorous_mutations import MUTATIONS

READERS = [
    *(f"numeric/test_{name}" for name in ("balls", "point", "modes", "dual", "states")),
    "test_proof",
]
# the latter: the tests' certificates cannot be made
FOUND = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)


@pytest.mark.slow
@pytest.mark.planted
def test_planting_an_error_in_any_proof_makes_a_test_fail(tmp_path):
    names = [name for name, *_ in MUTATIONS]
    assert len(set(names)) == len(names) >= 40
    sound = run_on_a_copy(tmp_path / "sound", READERS)
    assert sound.returncode == 0, sound.stdout
    runs = [(name, READERS, change) for name, *change in MUTATIONS]
    assert not survivors(tmp_path, runs, found=FOUND)
