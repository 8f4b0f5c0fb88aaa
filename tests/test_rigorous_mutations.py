"""Planting an error in a proof, or leaving a check out, makes the tests fail: each is planted in a copy of the package."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rigorous_mutations import MUTATIONS

import ncsolve

TESTS = Path(__file__).parent
READERS = [TESTS / f"test_rigorous_{name}.py" for name in ("enclosures", "replay", "outcomes")]


def _run_on_a_copy(place, file=None, old=None, new=None):
    """The tests of the rigorous referee, on a copy of the package with one change."""
    shutil.copytree(Path(ncsolve.__file__).parent, place / "ncsolve", ignore=shutil.ignore_patterns("__pycache__"))
    if file:
        path = place / "ncsolve" / "rigorous" / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}; bring rigorous_mutations.py up to date"
        path.write_text(text.replace(old, new))
    probe = "import ncsolve, pathlib, pytest, sys; assert pathlib.Path(ncsolve.__file__).is_relative_to(sys.argv.pop(1)); "
    command = [sys.executable, "-c", probe + "sys.exit(pytest.main(sys.argv[1:]))", str(place), "-x", "-q", "--tb=no"]
    command += ["-c", str(TESTS.parent / "pyproject.toml"), "-p", "no:cacheprovider", "-p", "no:xdist", *map(str, READERS)]
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.planted
def test_planting_an_error_in_any_proof_makes_a_test_fail(tmp_path, record_property):
    names = [name for name, *_ in MUTATIONS]
    assert len(set(names)) == len(names) >= 40
    done = _run_on_a_copy(tmp_path / "sound")
    assert done.returncode == 0, done.stdout
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda i: _run_on_a_copy(tmp_path / str(i), *MUTATIONS[i][1:]), range(len(names))))
    failed = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)  # the latter: the tests' certificates cannot be made
    survivors = [name for name, run in zip(names, runs, strict=True) if run.returncode not in failed]
    record_property("planted errors", len(names))
    print(f"\n{len(names) - len(survivors)} of {len(names)} planted errors were found")
    assert not survivors, "; ".join(survivors)
