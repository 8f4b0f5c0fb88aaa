"""The pictures of docs/gallery.md: python docs/gallery.py runs the commands of the page and keeps what they draw in docs/gallery/."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PAGE, PICTURES = HERE / "gallery.md", HERE / "gallery"
BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DPI = "75"


def draw() -> None:
    """Run every console block in an empty folder, pictures at a low resolution, and copy those that the page shows."""
    text = PAGE.read_text(encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, code in BLOCK.findall(text):
            if kind == "toml":
                (folder / "campaign.toml").write_text(code, encoding="utf-8")
                continue
            for line in code.splitlines():
                run(line.partition(" # exit ")[0], folder, int(line.partition(" # exit ")[2] or 0))
        for picture in re.findall(r"\(gallery/([\w.]+)\)", text):
            (PICTURES / picture).write_bytes((folder / picture).read_bytes())


def run(line: str, folder: Path, code: int) -> None:
    """One command of the page."""
    words = shlex.split(line)
    assert words[0] == "ncsolve"
    drawing = words[1] == "plot"
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", *words, *(["--dpi", DPI] if drawing else [])]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, check=False)
    assert done.returncode == code, line


if __name__ == "__main__":
    draw()
