"""Every code block of README.md and docs/ runs: Python in one namespace per page, console lines in a shell, in an empty folder.

In a console block with lines that begin with "$ " only these are commands, the others are their output. A command may end in `# exit N`. An
`output` block is held against what the block before it printed, line by line; ... stands for anything. A TOML, CSV or JSON block after a
line that names a file in backticks is written to that file, and a Python block after a line that ends in `file.py`: likewise; a diff block
after such a line changes the file, its lines standing there once (hunks are parted by lines that begin with @@). A cell of a
tutorial is Python, or lines that begin with "!". A block after `<!-- not run: reason -->` is left out, as are the two commands of
README.md that make an environment, which .ci/run runs; one after `<!-- needs PACKAGE -->` runs where the package is installed.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLOW = {"README.md", "places_lt.md"}
TORCH = {"networks.md", "gallery.md"}
MADE = {"generated", "_build"}
PAGES = [
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if not MADE & set(p.parts)),
]
BLOCK = re.compile(
    r"(?:<!-- (not run: [^\n]+|needs [\w-]+) -->\n+)?^```(console|python|output|toml|csv|json|diff|\{code-cell\}[^\n]*)\n(.*?)^```",
    re.MULTILINE | re.DOTALL,
)
NAMED = re.compile(r"`([\w.-]+\.(?:toml|csv|json))`[^\n]*\n+\Z")
MODULE = re.compile(r"`([\w./-]+\.py)`:\n+\Z")


def blocks(text):
    """(kind, code) in order; for files kind is the name."""
    found = []
    for match in BLOCK.finditer(text):
        said, kind, code = match.groups()
        named = (MODULE if kind in ("python", "diff") else NAMED).search(
            text, 0, match.start(2) - 3
        )
        if kind in ("toml", "csv", "json") or (kind == "python" and named):
            kind = named[1] if named else ""
        elif kind == "diff":
            kind = f"diff {named[1]}"
        if kind.startswith("{code-cell}"):
            code = re.sub(r"\A(:[^\n]*\n)+\n*", "", code)
            shell = [line.startswith("!") for line in code.splitlines() if line]
            assert all(shell) or not any(shell), f"a cell mixes Python and commands:\n{code}"
            kind, code = (
                ("console", re.sub("^!", "", code, flags=re.MULTILINE))
                if all(shell)
                else ("python", code)
            )
        left_out = said and (
            said.startswith("not run") or find_spec(said.removeprefix("needs ")) is None
        )
        if not left_out and kind and not code.startswith("python3 -m venv"):
            found.append((kind, code))
        elif left_out:
            found.append(("left out", ""))
    return found


def commands(code):
    lines = re.sub(r"\\\n", " ", code).splitlines()
    marked = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return marked or [line for line in lines if line]


def run_console(code, folder):
    """What the commands print on standard output, and on standard error where they print nothing else."""
    printed = ""
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
        printed += done.stdout or done.stderr
    return printed


def run_python(code, name, namespace):
    """What it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, f"{name}: {code.splitlines()[0]}", "exec"), namespace)
    return printed.getvalue()


def check_output(want, got):
    """Equal up to the number of blanks between words; ... stands for anything."""
    lines = [
        "".join(" ".join(line.split()) + "\n" for line in text.strip("\n").splitlines())
        for text in (want, got)
    ]
    assert doctest.OutputChecker().check_output(*lines, doctest.ELLIPSIS), (
        f"printed:\n{got}\nnot:\n{want}"
    )


def environment(folder):
    """`ncsolve`, `python` and `dask` are this package, this interpreter and its dask."""
    programs = folder / ".programs"
    if not programs.exists():
        programs.mkdir()
        for name in ("ncsolve", "python", "dask"):
            words = [sys.executable, *(["-m", name] if name != "python" else [])]
            (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


def change(file, code):
    """Replace the lines of each hunk that stand in the file, blank or -, by those that are blank or +."""
    text = file.read_text(encoding="utf-8")
    for hunk in re.split(r"^@@.*\n", code, flags=re.MULTILINE):
        lines = [line or " " for line in hunk.splitlines()]
        old, new = (
            "".join(line[1:] + "\n" for line in lines if line[0] in kept) for kept in (" -", " +")
        )
        assert text.count(old) == 1, f"not once in {file.name}:\n{old}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def marks(page):
    without_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
    return [pytest.mark.slow] * (page.name in SLOW) + [without_torch] * (page.name in TORCH)


def where(page):
    docs = ROOT / "docs"
    return str(page.relative_to(docs if docs in page.parents else ROOT))


@pytest.fixture
def ended(tmp_path):
    """What a page has put into the background, by files NAME.pid, is ended with the page."""
    yield
    for file in tmp_path.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGTERM)


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("page", [pytest.param(p, marks=marks(p)) for p in PAGES], ids=where)
def test_every_block_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    namespace, printed = {"__name__": "__main__"}, None
    for kind, code in blocks(page.read_text(encoding="utf-8")):
        if kind == "console":
            printed = run_console(code, tmp_path)
        elif kind == "python":
            printed = run_python(code, page.name, namespace)
        elif kind == "output":
            if printed is not None:
                check_output(code, printed)
        elif kind == "left out":
            printed = None
        elif kind.startswith("diff "):
            change(tmp_path / kind.removeprefix("diff "), code)
        else:
            (tmp_path / kind).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kind).write_text(code, encoding="utf-8")


def test_the_reader_of_blocks_sees_what_a_page_holds():
    left = ("left out", "")
    text = "a\n```python\nx = 1\n```\n<!-- not run: needs a cluster -->\n```console\nfalse\n```\n```text\nno\n```\n```console\ntrue\n```\n"
    assert blocks(text) == [("python", "x = 1\n"), left, ("console", "true\n")]
    assert blocks("This is `a.toml`:\n\n```toml\nx = 1\n```\n```json\n{}\n```\n") == [
        ("a.toml", "x = 1\n")
    ]
    assert blocks("This is `b/a.py`:\n\n```python\nx = 1\n```\n") == [("b/a.py", "x = 1\n")]
    assert blocks(
        "<!-- needs nopackage -->\n```python\nx\n```\n<!-- needs numpy -->\n```python\ny\n```\n"
    ) == [left, ("python", "y\n")]
    assert blocks("In `b/a.py`:\n\n```diff\n-x\n```\n") == [("diff b/a.py", "-x\n")]
    cells = "```{code-cell} ipython3\n:tags: [a]\n\nx = 1\n```\n```{code-cell} ipython3\n!ls\n!true\n```\n"
    assert blocks(cells) == [("python", "x = 1\n"), ("console", "ls\ntrue\n")]
    assert commands("$ ls \\\n  a\nb\n$ true\n") == ["ls    a", "true"]
    assert sum(len(blocks(page.read_text(encoding="utf-8"))) for page in PAGES) >= 10


def test_a_block_that_fails_is_seen(tmp_path):
    with pytest.raises(AssertionError, match="predict"):
        run_console("ncsolve predict --counts 1,-2\n", tmp_path)
    assert "-2" in run_console("ncsolve predict --counts 1,-2 # exit 4\n", tmp_path)
    assert run_python("print(2)\n", "page", {}) == "2\n"


def test_a_diff_changes_lines_that_stand_once(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("a\nb\n\nc\n")
    change(file, " a\n-b\n+B\n@@\n\n+d\n c\n")
    assert file.read_text() == "a\nB\n\nd\nc\n"
    with pytest.raises(AssertionError, match="not once"):
        change(file, "-e\n")


def test_output_that_differs_is_seen():
    check_output("a ...\nb\n", "a 1  \nb\n\n")
    for want in ("a\n", "a 1\nb ...\nc\n", "a 2\nb\n"):
        with pytest.raises(AssertionError, match="printed"):
            check_output(want, "a 1\nb\n")
