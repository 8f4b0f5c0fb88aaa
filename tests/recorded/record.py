"""What ncsolve answers on the command line, recorded once and compared with what it answers now.

    python tests/recorded/record.py write             run all of lines.txt, write answers.json
    python tests/recorded/record.py compare           run them again, print what differs
    python tests/recorded/record.py compare --only phase      lines with this word; also of write

lines.txt holds one command line of ncsolve per line, with two additions: `< FILE` at the end gives
standard input, and a line that begins with @ prepares a file for later lines:

    @edit FILE KEY.KEY.0=JSON > NEW    a JSON document with one entry changed
    @cut FILE BYTES > NEW              the beginning of a file
    @python CODE > NEW                 a file that CODE writes

All lines run in one temporary folder, which holds the files that inputs.py makes. A line waits for
all earlier lines that mention a file which is written on the way.

What is compared: exit codes; JSON documents key by key; words of a text one by one, whatever blanks
are between them; the last line on standard error; files that were written. Numbers may differ by
1e-12 relatively, in texts also by one unit of their last digit; below 1e-13 times the largest
number of the document they are noise. Answers of descents (`is_loose`) may differ by 1e-6
relatively, and numbers below 1e-6 are noise there. Of a help only the names of options and commands
are compared, of a picture only that it is there. Times, versions, provenance, trajectories and
digests are not compared.

compare exits with 1 if an answer differs whose line is not in differences.txt: number of the line
or its text, a tab, the reason.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from inputs import make_inputs

HERE = Path(__file__).resolve().parent
ANSWERS = HERE / "answers.json"
WRITING = ("--out", "--picture", "--plot", "--html", "--figure", "--log", "--checkpoint")
WRITING += ("--save-features",)
DOCUMENTS = (".json", ".jsonl", ".npz", ".csv", ".tex")  # others only have to be there
IGNORED = ("provenance", "ncsolve_version", "version", "versions", "time", "seconds", "trajectory")
IGNORED += ("float64", "digest")
LOOSELY_IGNORED = ("steps",)
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w.]*\w)")
DURATION = re.compile(r"\d[\d.]* s\b")
EXACT = re.compile(r"(-?\d+)(?:\*2\^(-?\d+))?")  # an endpoint of a rigorous enclosure


@dataclass(eq=False)
class Line:
    """A line of lines.txt, and the earlier ones that it goes with."""

    number: int
    text: str
    words: list[str]
    stdin: str | None = None
    writes: list[str] = field(default_factory=list)
    needs: list[Line] = field(default_factory=list)  # they write what it mentions
    waits: list[Line] = field(default_factory=list)  # they mention what is written on the way

    @property
    def is_step(self) -> bool:
        """Whether it only prepares a file."""
        return self.words[0].startswith("@")

    @property
    def is_help(self) -> bool:
        """Whether it is compared as a help."""
        return "--help" in self.words or "-h" in self.words

    @property
    def is_loose(self) -> bool:
        """Whether its numbers come from a descent."""
        words = self.words
        descends = words[0] in ("verify", "campaign", "train") or words[:2] == ["theorems", "check"]
        descends |= words[0] == "plot" and "--rng" in words
        options = ("--measured", "--verified", "descent_only")
        return descends or any(option in words for option in options)


def read_lines() -> list[Line]:
    """lines.txt, with what depends on what."""
    lines: list[Line] = []
    for number, text in enumerate((HERE / "lines.txt").read_text().splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        line = Line(number, text, shlex.split(text))
        if line.words[-2:-1] in (["<"], [">"]):
            *line.words, sign, file = line.words
            line.stdin, line.writes = (file, []) if sign == "<" else (None, [file])
        line.writes += [b for a, b in zip(line.words, line.words[1:], strict=False) if a in WRITING]
        lines.append(line)
    texts = [line.text for line in lines]
    if twice := {text for text in texts if texts.count(text) > 1}:
        sys.exit(f"lines.txt has lines twice: {twice}")
    written = {file for line in lines for file in line.writes}
    for i, line in enumerate(lines):
        mine = {*line.words, *line.writes} & written
        line.needs = [other for other in lines[:i] if mine & {*other.writes}]
        line.waits = [other for other in lines[:i] if mine & {*other.words, *other.writes}]
    return lines


# Running


def run_lines(lines: list[Line], jobs: int) -> dict[str, dict[str, Any]]:
    """The answer to every line that is no step, by its text."""
    futures: dict[Line, Future[dict[str, Any]]] = {}

    def after_others(line: Line, folder: Path) -> dict[str, Any]:
        for other in line.waits:
            if other in futures:
                futures[other].result()
        return prepared(line, folder) if line.is_step else answer(line, folder)

    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(jobs) as pool:
        make_inputs(Path(place))
        for line in lines:  # first in, first out: those that a line waits for have begun before it
            futures[line] = pool.submit(after_others, line, Path(place))
        return {line.text: futures[line].result() for line in lines if not line.is_step}


def environment() -> dict[str, str]:
    """One thread, no color, a fixed width; the package beside tests/ if nothing else is said."""
    fixed = {"NO_COLOR": "1", "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {"PYTHONPATH": str(HERE.parents[1])} | dict(os.environ) | fixed


def prepared(line: Line, folder: Path) -> dict[str, Any]:
    """Make the file of a step."""
    step, source, *rest = line.words
    target = folder / line.writes[0]
    if step in ("@cut", "@edit") and not (folder / source).exists():
        return {}  # the line that writes it does not now: those that read the new file will say so
    if step == "@cut":
        target.write_bytes((folder / source).read_bytes()[: int(rest[0])])
    elif step == "@edit":
        document = json.loads((folder / source).read_text())
        path, _, value = rest[0].partition("=")
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        place = document
        for key in parents:
            place = place[key]
        place[last] = json.loads(value)
        target.write_text(json.dumps(document))
    elif step == "@python":
        subprocess.run([sys.executable, "-c", source], cwd=folder, env=environment(), check=True)
    else:
        sys.exit(f"line {line.number}: unknown step {step}")
    return {}


def answer(line: Line, folder: Path) -> dict[str, Any]:
    """Exit code, standard output, last line of standard error and files that a line gives."""
    before = time.perf_counter()
    there = {path.name for path in folder.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "ncsolve", *line.words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        input=None if line.stdin is None else (folder / line.stdin).read_text(),
        timeout=300,
    )
    out = done.stdout.replace(str(folder), "FOLDER")
    found: dict[str, Any] = {"code": done.returncode}
    if line.is_help:
        found["options"] = sorted(set(re.findall(r"--[a-z][a-z-]*|(?<=^    )[a-z]+", out, re.M)))
    elif "--json" in line.words and out:
        found["document"] = brief(json.loads(out))
    else:
        found["text"] = out.splitlines()
    found["stderr"] = (done.stderr.strip().splitlines() or [""])[-1].replace(str(folder), "FOLDER")
    files = {name: content(folder / name) for name in line.writes}
    files = {name: file for name, file in files.items() if file is not None or name in there}
    if files:
        same = found.get("document")
        found["files"] = {n: "the document" if f == same else f for n, f in files.items()}
    if os.environ.get("TIMES"):
        print(f"{time.perf_counter() - before:7.2f}  {line.text}", file=sys.stderr)
    return found


def content(path: Path) -> Any:
    """What a file holds, as JSON can say it; None where there is no file."""
    if not path.is_file():
        return "a folder" if path.exists() else None
    if path.suffix not in DOCUMENTS:
        return "there" if path.stat().st_size else "empty"
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: summary(name, arrays[name]) for name in sorted(arrays)}
    text = path.read_text()
    try:
        if path.suffix == ".json":
            return brief(json.loads(text))
        if path.suffix == ".jsonl":
            rows = [brief(json.loads(row)) for row in text.splitlines()]
            return rows[:1] + sorted(rows[1:], key=lambda row: row.get("index", row.get("epoch")))
    except ValueError:
        pass
    return {"text": text.splitlines()}


def summary(name: str, array: Any) -> Any:
    """Kind, shape and norm of an array; the document that an .npz file holds, whole."""
    if name == "document":
        return brief(json.loads(str(array))) if str(array) else ""
    kind = [array.dtype.kind, list(array.shape)]
    known = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return kind + ([float(np.linalg.norm(known))] if array.dtype.kind in "if" else [])


def brief(document: Any) -> Any:
    """The document without what is not compared."""
    if isinstance(document, dict):
        return {k: "..." if k in IGNORED else brief(value) for k, value in document.items()}
    return [brief(value) for value in document] if isinstance(document, list) else document


# Comparing


@dataclass
class Rule:
    """When two numbers are equal; both below `noise` always are."""

    relative: float
    noise: float
    loose: bool

    def same(self, a: float, b: float, unit: float = 0.0) -> bool:
        """Whether they are; `unit` is that of the last digit."""
        largest = max(abs(a), abs(b))
        if a == b or largest <= self.noise:
            return True
        return abs(a - b) <= max(self.relative * largest, 0.01 * self.noise, 1.001 * unit)


def differences(old: dict[str, Any], new: dict[str, Any], loose: bool) -> list[str]:
    """What differs between two answers, in words."""
    largest = max([0.0, *magnitudes(old)])
    rule = Rule(1e-6, 1e-6, True) if loose else Rule(1e-12, 1e-13 * largest, False)
    found: list[str] = []
    compare(old, new, "", rule, found)
    return found


def magnitudes(value: Any, in_text: bool = False) -> Any:
    """Magnitudes of all numbers of a document or a text that are not whole."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from magnitudes(entry, key == "text")
    elif isinstance(value, list):
        for entry in value:
            yield from magnitudes(entry, in_text)
    elif isinstance(value, float):
        yield abs(value)
    elif isinstance(value, str) and in_text:
        numbers = NUMBER.findall(value.partition("arXiv")[0])
        yield from (abs(float(number)) for number in numbers if not number.lstrip("+-").isdigit())


def compare(old: Any, new: Any, path: str, rule: Rule, found: list[str]) -> None:
    """Append to `found` what differs."""
    if path.endswith("/text") and isinstance(old, list) and isinstance(new, list):
        same_text("\n".join(old), "\n".join(new), path, rule, found)
    elif isinstance(old, dict) and isinstance(new, dict):
        found += [f"{path}/{key} is missing" for key in old if key not in new]
        found += [f"{path}/{key} is new" for key in new if key not in old]
        for key in old:
            if key in new and not (rule.loose and key in LOOSELY_IGNORED):
                compare(old[key], new[key], f"{path}/{key}", rule, found)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            compare(a, b, f"{path}/{i}", rule, found)
    elif is_number(old) and is_number(new) and not (isinstance(old, int) and isinstance(new, int)):
        if not rule.same(old, new):
            found.append(f"{path}: {old!r} was, {new!r} is")
    elif isinstance(old, str) and isinstance(new, str):
        exact = exactly(old), exactly(new)
        if None in exact or not Rule(1e-12, 0.0, False).same(*exact):  # type: ignore[arg-type]
            same_text(old, new, path, rule, found)
    elif type(old) is not type(new) or old != new:
        found.append(f"{path}: {str(old)[:60]} was, {str(new)[:60]} is")


def is_number(value: Any) -> bool:
    """Whether it is a number of JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def exactly(text: str) -> float | None:
    """The number that a string of a rigorous certificate stands for."""
    if text.lstrip("-").startswith("0x"):
        return float.fromhex(text)
    match = EXACT.fullmatch(text)
    if match is None or match[2] is None:
        return None
    return math.ldexp(float(int(match[1])), int(match[2]))


def same_text(old: str, new: str, path: str, rule: Rule, found: list[str]) -> None:
    """Words one by one; numbers up to a unit of their last digit, whole numbers exactly."""
    a, b = (spoken(text, rule.loose) for text in (old, new))
    words = [re.split(r"\s+", NUMBER.sub("#", text)) for text in (a, b)]
    if words[0] != words[1]:
        i = next(
            (i for i, (x, y) in enumerate(zip(*words, strict=False)) if x != y),
            min(map(len, words)),
        )
        near = [" ".join(w[max(0, i - 4) : i + 5]) for w in words]
        found.append(f"{path}: '{near[0]}' was, '{near[1]}' is")
        return
    for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True):
        whole = x.lstrip("+-").isdigit() and y.lstrip("+-").isdigit()
        if x != y and (whole or not rule.same(float(x), float(y), min(unit(x), unit(y)))):
            found.append(f"{path}: {x} was, {y} is")


def spoken(text: str, loose: bool) -> str:
    """A text without durations, and without counts of steps if `loose`."""
    text = DURATION.sub("_ s", text.strip())
    if "median s" in text:  # the last column of a campaign's table
        head, _, table = text.partition("median s\n")
        text = head + "\n".join(row.rpartition(" ")[0] for row in table.splitlines())
    return re.sub(r"\d+ steps|\(problem \d+\)", "_", text) if loose else text


def unit(text: str) -> float:
    """One in the last printed digit."""
    mantissa, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def explained() -> dict[str, str]:
    """Reasons by number or text of the line, from differences.txt."""
    path = HERE / "differences.txt"
    rows = path.read_text().splitlines() if path.exists() else []
    pairs = [row.split("\t", 1) for row in rows if row.strip() and not row.startswith("#")]
    return {pair[0].strip(): pair[-1] for pair in pairs}


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description="Record or compare answers of the command line.")
    parser.add_argument("action", choices=("write", "compare"))
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time (2)")
    parser.add_argument("--only", metavar="WORD", help="only lines that contain WORD")
    args = parser.parse_args()
    lines = read_lines()
    chosen = [line for line in lines if not args.only or args.only in line.text]
    needed = set(chosen)
    for line in reversed(lines):
        needed |= {*line.needs} if line in needed else set()
    recorded = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    found = run_lines([line for line in lines if line in needed], args.jobs)
    chosen = [line for line in chosen if not line.is_step]
    if args.action == "compare":
        return report(chosen, recorded, found)
    recorded |= {line.text: found[line.text] for line in chosen}
    texts = [line.text for line in lines if line.text in recorded]
    rows = [f"{json.dumps(text)}: {json.dumps(recorded[text])}" for text in texts]
    ANSWERS.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print(f"{len(rows)} answers, {ANSWERS.stat().st_size / 1e6:.2f} MB")
    return 0


def report(chosen: list[Line], recorded: dict[str, Any], found: dict[str, Any]) -> int:
    """Print what differs; 1 if something does that is not explained."""
    reasons, bad = explained(), 0
    for line in chosen:
        old, new = recorded.get(line.text), found[line.text]
        says = differences(old, new, line.is_loose) if old else ["no answer is recorded"]
        reason = reasons.get(str(line.number)) or reasons.get(line.text)
        bad += bool(says) and reason is None
        if says:
            print(f"line {line.number}: {line.text}" + (f"\n    known: {reason}" if reason else ""))
            print(*(f"    {one}" for one in says[:8]), *["    ..."] * (len(says) > 8), sep="\n")
    print(f"{len(chosen)} lines compared, {bad} differ unexplained")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
