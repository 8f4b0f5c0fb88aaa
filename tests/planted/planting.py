"""Plant errors in copies of the package, and run tests on each copy."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ncsolve

TESTS = Path(__file__).parents[1]
PROBE = "import ncsolve, pathlib, pytest, sys; assert pathlib.Path(ncsolve.__file__).is_relative_to(sys.argv.pop(1)); "
OPTIONS = [
    *"-x -q --tb=no -c".split(),
    str(TESTS.parent / "pyproject.toml"),
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
]


def run_on_a_copy(place, tests, change=None, *, chosen=("-m", "not slow")):
    """Run `tests` on a copy of the package in `place`, with one `change`: (file, what stands there once, what is planted)."""
    shutil.copytree(
        Path(ncsolve.__file__).parent,
        place / "ncsolve",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    if change:
        file, old, new = change
        path = place / "ncsolve" / file
        text = path.read_text()
        places = _pattern(old).findall(text)
        assert len(places) == 1, (
            f"{old!r} stands {len(places)} times in {file}; bring the planted errors up to date"
        )
        path.write_text(text.replace(places[0], new))
    command = [
        sys.executable,
        "-c",
        PROBE + "sys.exit(pytest.main(sys.argv[1:]))",
        str(place),
        *OPTIONS,
        *chosen,
    ]
    command += [str(TESTS / f"{name}.py") for name in tests]
    environment = os.environ | {
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def _pattern(code):
    """The code, however its lines are broken."""
    return re.compile(r"\s*".join(map(re.escape, re.findall(r"\w+|[^\w\s]", code))))


def survivors(place, runs, *, found=(pytest.ExitCode.TESTS_FAILED,), **options):
    """Names of the errors that no test finds; `runs` has for each its name, the tests, and the change."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(
            lambda i: run_on_a_copy(place / str(i), *runs[i][1:], **options).returncode,
            range(len(runs)),
        )
    missed = [run[0] for run, code in zip(runs, done, strict=True) if code not in found]
    print(f"\n{len(runs) - len(missed)} of {len(runs)} planted errors were found")
    return missed
