"""The page on the architecture is the tree: its rooms, files and imports, and where each file has its test."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from test_rooms import FILES, MAY, SHARED, room

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LINES = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
HEADS = [line for line in LINES if line[0] != " "]
ROOMS = [re.split("  +", line)[0].rstrip("/") for line in HEADS]
BESIDE = {"campaign", "__init__", "__main__", *SHARED}


def test_the_page_is_one_page():
    assert len(PAGE.splitlines()) <= 120


def test_every_room_stands_on_the_page_with_what_it_may_import():
    assert set(ROOMS) == set(MAY) - BESIDE == {room(file) for file in FILES} - BESIDE
    for floor, line in enumerate(HEADS):
        said = re.split("  +", line)[-1]
        below = ROOMS[floor + 1 :] if said == "all below" else said.strip("-").split()
        assert set(below) == set(MAY[ROOMS[floor]]), line
        assert set(below) <= set(ROOMS[floor + 1 :])


def test_every_file_stands_below_its_room():
    said, home = set(), ""
    for line in LINES:
        if line[0] != " ":
            home = line.split()[0]
            said |= {f"{home}.py"} if home[-1] != "/" else set()
            continue
        folder = home
        for word in re.split(r",? +", line.strip()):
            if word.endswith(":"):
                folder = f"{home}{word[:-1]}/"
            else:
                said.add(f"{folder}{word}.py")
    assert said == {
        file for file in FILES if not file.endswith("__init__.py") and room(file) not in BESIDE
    }


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:ncsolve|tests|docs)/[^`\s]*)`", PAGE)))
)
def test_every_path_exists(path):
    assert (ROOT / path).exists() or "FILE" in path


@pytest.mark.parametrize(
    "names",
    re.findall(
        r"in `(\w+)`, `ncsolve/([\w/]+\.py)`|`(\w+)` (?:in|of) `ncsolve/([\w/]+\.py)`", PAGE
    ),
)
def test_every_table_that_is_named_stands_in_its_file(names):
    name, file = (one for one in names if one)
    assert re.search(
        rf"^(class )?{name}\b", (ROOT / "ncsolve" / file).read_text(encoding="utf-8"), re.MULTILINE
    )


def test_every_file_has_its_test_where_the_page_says():
    table = PAGE.partition("## Where the tests are")[2]
    named = re.findall(
        r"`([\w/*]+\.py)`", "".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE))
    )
    alone = set()
    for file in FILES:
        folder, _, name = file.rpartition("/")
        if name != "__init__.py" and not (ROOT / "tests" / folder / f"test_{name}").exists():
            alone.add(file)
    lost = {
        f for f in alone if not any(fnmatch(f, n) and f.count("/") == n.count("/") for n in named)
    }
    assert not lost
    for name in named:
        assert any(fnmatch(file, name) for file in alone), f"{name} has a test of its own now"


TEXTS = [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md"), *(ROOT / "ncsolve").rglob("*.py")]
# written by a page that is followed, or any file
MADE = {"check.py", "cross_entropy_pair.py", "FILE.py", "test_FILE.py"}


def test_no_page_and_no_docstring_names_a_file_that_is_not_there():
    folders = (ROOT, ROOT / "ncsolve", ROOT / "docs")
    names = {
        path.name
        for folder in ("ncsolve", "docs", "tests")
        for path in (ROOT / folder).rglob("*.py")
    }
    for text in TEXTS:
        if "generated" in text.parts or "_build" in text.parts:
            continue
        for name in re.findall(r"[\w/]*\w\.py\b", text.read_text(encoding="utf-8")):
            there = any((folder / name).exists() for folder in (*folders, text.parent))
            last = name.rpartition("/")[2]
            assert there or last in MADE or ("/" not in name and name in names), f"{text}: {name}"
