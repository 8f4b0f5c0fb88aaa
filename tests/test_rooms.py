"""Who may import whom: imports run one way, and no class stands twice."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import ncsolve

PACKAGE = Path(ncsolve.__file__).parent
#: Room -> the rooms that it may import. Files at the top are rooms of their own; SHARED may be imported by all.
MAY = {
    "problem": (),
    "analytic": ("problem",),
    "numeric": ("problem",),
    "metrics": ("problem",),
    "theorems": ("problem", "analytic"),
    "proof": ("problem", "numeric"),
    "verification": ("problem", "analytic", "numeric", "theorems", "proof"),
    "networks": ("problem", "analytic", "metrics", "theorems"),
    "questions": (
        "problem", "analytic", "numeric", "metrics", "theorems", "proof", "verification", "networks",
    ),
    "campaign": ("questions",),  # the module under the name of 0.1.0
    "show": (
        "problem", "analytic", "numeric", "metrics", "theorems", "proof", "verification", "networks",
        "questions",
    ),
    "cli": (
        "problem", "analytic", "numeric", "metrics", "theorems", "proof", "verification", "networks",
        "questions", "show",
    ),
}  # fmt: skip
SHARED = ("values", "files", "version")
#: (file, room): imports that are allowed beyond the rule, each with its reason.
EXCEPTIONS = {
    ("theorems/descent_only.py", "numeric"): "its statement is what descent finds",
    ("analytic/prediction.py", "show"): "print(prediction) shows the table of the command line",
}
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room(file):
    return file.split("/")[0].removesuffix(".py")


def imported(file):
    """Every module of the package that a file imports, at its top, in functions or for types, as a path."""
    home = file.split("/")[:-1]
    for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = home[: len(home) - node.level + 1] + (node.module.split(".") if node.module else [])
        for alias in node.names:
            for parts in ([*base, alias.name], base):
                path = "/".join(parts)
                if f"{path}.py" in FILES or f"{path}/__init__.py" in FILES:
                    yield path
                    break


@pytest.mark.parametrize("name", sorted({room(file) for file in FILES} - {"__init__", "__main__"}))
def test_imports_run_one_way(name):
    against = {
        (file, path)
        for file in FILES
        for path in (imported(file) if room(file) == name else ())
        if room(path) not in (name, *SHARED, *MAY.get(name, ()))
        and (file, room(path)) not in EXCEPTIONS
    }
    assert not against


def test_the_scan_sees_every_way_of_importing():
    assert "problem/errors" in imported("cli/__init__.py")  # at the top
    assert "files" in imported("verification.py")  # in a function
    assert "problem/ufm" in imported("verification.py")  # for types


def test_only_the_command_line_prints():
    for file in FILES:
        if file not in ("cli/__init__.py", "__main__.py"):
            tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
            calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
            assert "print" not in {getattr(call, "id", "") for call in calls}, file


def test_no_class_name_stands_twice():
    names = Counter(
        node.name
        for file in FILES
        for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert not {name for name, times in names.items() if times > 1}
