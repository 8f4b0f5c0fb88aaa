"""Every code block of README.md and docs/ runs: Python in one namespace per page, console lines in a shell, in an empty folder.

In a console block with lines that begin with "$ " only these are commands, the others are their output. A command may end in `# exit N`. A
TOML, CSV or JSON block after a line that names a file in backticks is written to that file. A block after `<!-- not run: reason -->`
is left out, as are the two commands of README.md that make an environment, which .ci/run runs.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = {"README.md", "places_lt.md"}
TORCH = {"networks.md", "gallery.md"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n+)?^```(console|python|toml|csv|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w.-]+\.(?:toml|csv|json))`[^\n]*\n+\Z")


def blocks(text):
    """(kind, code) in order; for files kind is the name."""
    found = []
    for match in BLOCK.finditer(text):
        skipped, kind, code = match.groups()
        if kind not in ("console", "python"):
            named = NAMED.search(text, 0, match.start())
            kind = named[1] if named else ""
        if not skipped and kind and not code.startswith("python3 -m venv"):
            found.append((kind, code))
    return found


def commands(code):
    lines = re.sub(r"\\\n", " ", code).splitlines()
    marked = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return marked or [line for line in lines if line]


def run_console(code, folder):
    for line in commands(code):
        command, _, expected = line.partition("# exit ")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == int(expected or 0), f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def environment(folder):
    """`ncsolve` and `python` are this package and this interpreter."""
    programs = folder / ".programs"
    if not programs.exists():
        programs.mkdir()
        for name, words in {"ncsolve": [sys.executable, "-m", "ncsolve"], "python": [sys.executable]}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


def marks(page):
    without_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
    return [pytest.mark.slow] * (page.name in SLOW) + [without_torch] * (page.name in TORCH)


@pytest.mark.parametrize("page", [pytest.param(p, marks=marks(p)) for p in PAGES], ids=lambda page: page.name)
def test_every_block_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for kind, code in blocks(page.read_text(encoding="utf-8")):
        if kind == "console":
            run_console(code, tmp_path)
        elif kind != "python":
            (tmp_path / kind).write_text(code, encoding="utf-8")
        else:
            exec(compile(code, f"{page.name}: {code.splitlines()[0]}", "exec"), namespace)


def test_the_reader_of_blocks_sees_what_a_page_holds():
    text = "a\n```python\nx = 1\n```\n<!-- not run: needs a cluster -->\n```console\nfalse\n```\n```text\nno\n```\n```console\ntrue\n```\n"
    assert blocks(text) == [("python", "x = 1\n"), ("console", "true\n")]
    assert blocks("This is `a.toml`:\n\n```toml\nx = 1\n```\n```json\n{}\n```\n") == [("a.toml", "x = 1\n")]
    assert commands("$ ls \\\n  a\nb\n$ true\n") == ["ls    a", "true"]
    assert sum(len(blocks(page.read_text(encoding="utf-8"))) for page in PAGES) >= 10


def test_a_block_that_fails_is_seen(tmp_path):
    with pytest.raises(AssertionError, match="predict"):
        run_console("ncsolve predict --counts 1,-2\n", tmp_path)
    run_console("ncsolve predict --counts 1,-2 # exit 4\n", tmp_path)
