"""python docs/errata.py: write docs/errata.md from the refuted claims of the registry."""

from pathlib import Path

from ncsolve.questions.statements import errata

Path(__file__).with_suffix(".md").write_text(errata(), encoding="utf-8")
