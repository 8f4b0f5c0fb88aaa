"""What the tests of campaigns share: a spec with everything in it, rows without their times, the command line as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

#: Both losses, both biases, an impossible problem in every third place; 30 problems of some 20 ms.
MIXED = {
    "campaign": {"action": ["certify", "verify"], "seed": 3, "starts": 1, "trials": 5},
    "problem": [{"depth": 3}, {"depth": 0}, {"loss": {"name": "ce", "smoothing": 0.1}}],
    "grid": {"bias": ["none", "free"]},
    "draw": {
        "counts": {"K": [2, 4], "count": [2, 40], "repeats": [1, 2]},
        "decay": {"loguniform": [1e-4, 1e-2]},
    },
}
QUICK = {
    "campaign": {"action": "predict"},
    "problem": {"counts": [20, 10]},
    "grid": {"depth": [1, 2, 3, 4, 5]},
}
ENVIRONMENT = os.environ | {
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(__file__).parents[2]),
}


def toml(spec):
    """The spec as TOML text: inline tables, whose JSON differs from TOML in two marks."""

    def value(entry):
        if isinstance(entry, dict):
            return "{" + ", ".join(f"{key} = {value(x)}" for key, x in entry.items()) + "}"
        if isinstance(entry, list):
            return "[" + ", ".join(map(value, entry)) + "]"
        return json.dumps(entry)

    return "".join(f"{section} = {value(entry)}\n" for section, entry in spec.items())


def lines(path):
    """The lines of a file of results, each whole and JSON."""
    data = Path(path).read_bytes()
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def rows(path):
    """The rows by index, as text without the one field that may differ; every index at most once."""
    found = {}
    for row in lines(path)[1:]:
        assert row["index"] not in found
        found[row["index"]] = json.dumps(
            {key: value for key, value in row.items() if key != "seconds"}, sort_keys=True
        )
    return found


def command(*argv):
    """The words of `python -m ncsolve campaign ...`."""
    return [sys.executable, "-m", "ncsolve", "campaign", *map(str, argv)]


def started(*argv, **options):
    """The running process, in a group of its own."""
    settings = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": ENVIRONMENT,
        "start_new_session": True,
    }
    return subprocess.Popen(command(*argv), **(settings | options))


def children(pid):
    """Process ids of the children of a process."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == pid:
            found.append(int(entry))
    return found


def workers(pid):
    """Process ids of the worker processes among the children of a process."""
    found = []
    for child in children(pid):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        found += [child] if b"spawn_main" in words else []
    return found


def running(pid):
    """Whether the process exists and is not waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
