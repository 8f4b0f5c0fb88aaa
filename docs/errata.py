"""python docs/errata.py: write docs/errata.md from the refuted claims of the registry."""

import re
from pathlib import Path

from ncsolve.theorems.refuted import refutations
from ncsolve.theorems.statements import command, sections

INTRODUCTION = """# Errata

Published claims that do not hold as they stand. Each has a problem, two explicit points and their raw objectives: the point that \
the claim calls a global minimizer, and one that lies lower. `ncsolve theorems check NAME` evaluates both again, on this problem \
and on random ones. The papers' other results are not concerned; most of them are theorems of this package. This page is made \
by `python docs/errata.py` from `ncsolve/theorems/refuted/`."""


def errata() -> str:
    """The page of errata in Markdown, made from the files of refuted claims."""
    parts = [INTRODUCTION]
    for one in refutations():
        title, words = sections(one)
        pair = one.evaluate()
        parts += [f"## {title.rstrip('.')}", f"`{one.name}`, {one.reference}."]
        parts += [f"**{heading}.** {paragraph(text)}" for heading, text in words]
        claimed = f"| claimed to be a global minimizer | {pair.published:.12g} |"
        other = f"| explicit other point | {pair.better:.12g} |"
        parts.append(f"| point | objective |\n|---|---|\n{claimed}\n{other}")
        problem = command(pair.ufm.to_dict())
        parts.append(f"What holds: `ncsolve theorems show {one.holds}`. Problem: `{problem}`.")
    return "\n\n".join(parts) + "\n"


def paragraph(text: str) -> str:
    """Markdown: stars and underscores of formulas are not emphasis."""
    return re.sub(r"([*_|])", r"\\\1", " ".join(text.split()))


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(errata(), encoding="utf-8")
