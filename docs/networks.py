"""Run the experiments of docs/networks.md: python docs/networks.py [NAME ...] draws their figures and rewrites its table.

Without names all of them run, one after the other. Results of the others are kept in the table.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from ncsolve.cli import main
from ncsolve.networks.experiments import EXPERIMENTS

HERE = Path(__file__).parent
PAGE, FIGURES = HERE / "networks.md", HERE / "networks"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
HEAD = "| experiment | M | claim | NC1 | excess | class means | classifier | nearest other target | with scale | CPU seconds |"


def row(name: str) -> str:
    """One line of the table."""
    FIGURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run.json"
        began = time.process_time()
        words = [
            "train",
            "--experiment",
            name,
            "--threads",
            "1",
            "--quiet",
            "--json",
            "--out",
            str(out),
        ]
        code = main([*words, "--figure", str(FIGURES / f"{name}.png"), "--dpi", "90", "--force"])
        seconds = time.process_time() - began
        run = json.loads(out.read_text())
    last, targets = run["metrics"], run["targets"]
    ours = targets.pop("predicted")
    other, nearest = min(
        ((name, min(found)) for name, found in targets.items()), key=lambda pair: pair[1]
    )
    cells = [
        f"`{name}`",
        run["ufm"]["depth"],
        run["theorem"]["claim"],
        f"{last['nc1_quotient']:.1e}",
        f"{last['excess']:.1e}",
        f"{ours[0]:.4f}",
        f"{ours[1]:.4f}",
        f"{nearest:.3f} ({other})",
        f"{last['nc2_abs_H']:.4f}, {last['nc2_abs_W']:.4f}",
        f"{seconds:.0f}",
    ]
    print(f"{name}: exit {code}, {run['verdict']}", file=sys.stderr)
    return "| " + " | ".join(map(str, cells)) + " |"


def run(names: list[str]) -> None:
    """Run the experiments and put their rows into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    for name in names or EXPERIMENTS:
        rows[name] = row(name)
        kept = [rows[one] for one in EXPERIMENTS if one in rows]
        table = "\n".join(["", HEAD, "|" + "---|" * 10, *kept, ""])
        PAGE.write_text(before + BEGIN + "\n" + table + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    run(sys.argv[1:])
