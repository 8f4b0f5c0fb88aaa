"""Pages of the site that are made from the code: one per theorem and refuted claim, the command line, the public names."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import ncsolve
from ncsolve.cli import COMMANDS, parser
from ncsolve.theorems import statements
from ncsolve.theorems.refuted import Refutation

API = {
    "The problem": ["UFM", "Squared", "CrossEntropy", "Parameters", "objective"],
    "Prediction": [
        "applicable",
        "predict",
        "Prediction",
        "Claim",
        "thresholds",
        "Thresholds",
    ],
    "Checks": [
        "certify",
        "Certificate",
        "verify",
        "Verification",
        "Verdict",
        "Descent",
        "LBFGS",
        "GradientDescent",
        "Momentum",
        "Newton",
    ],
    "Measuring": [
        "measure",
        "Measurement",
        "StreamingMeasure",
        "Convention",
        "compare",
        "Comparison",
    ],
    "Decays": ["DecayConvention", "convert", "Converted"],
    "Fixed classifiers": ["to_torch", "simplex_frame", "orthogonal_frame"],
    "Phase maps": ["phase_map", "PhaseMap", "Axis", "LongTail"],
    "Rigorous certificates": ["RigorousCertificate", "Outcome", "replay"],
    "Campaigns": ["campaign"],
    "Pictures": ["plots"],
    "Dynamics and landscape": [
        "time_course",
        "TimeCourse",
        "critical_point",
        "CriticalPoint",
        "Inertia",
        "measure_inertia",
        "Landscape",
    ],
    "Design": [
        "largest_decay",
        "LargestDecay",
        "smallest_count",
        "SmallestCount",
        "class_weights",
        "ClassWeights",
        "label_temperatures",
        "LabelTemperatures",
        "bias_decay_for_cosine",
        "BiasDecay",
        "oversampling",
        "Oversampling",
        "smallest_width",
        "SmallestWidth",
    ],
    "Errors": [
        "NcsolveError",
        "CountsError",
        "DataError",
        "ProblemError",
        "CampaignError",
        "NoTheorem",
        "NoConversion",
        "NoAnswer",
        "MissingPackage",
    ],
}


def write(folder: Path) -> None:
    """Write every page that has changed."""
    made = {f"theorems/{one.name}.md": theorem(one) for one in statements.entries()}
    made |= {"theorems.md": theorems(), "cli.md": command_line(), "api.rst": api()}
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def theorems() -> str:
    """The table of theorems, and the tree of their pages."""
    head = ("name", "claim", *statements.COLUMNS)
    lines = ["# The theorems", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in statements.rows():
        cells = [
            f"[{row['name']}](theorems/{row['name']}.md)",
            *(row[column] for column in head[1:]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    tree = [f"theorems/{one.name}" for one in statements.entries()]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *tree, "```", ""])


def theorem(one: object) -> str:
    """One theorem or refuted claim in full."""
    title, parts = statements.sections(one)
    lines = [f"# {one.name}", "", f"*{escaped(title)}*", ""]
    for heading, text in parts:
        lines += [f"## {heading}", "", *blocks(text), ""]
    lines += ["## Where it applies", ""]
    lines += [f"- {column}: {words}" for column, words in statements.scope(one.hypotheses).items()]
    lines += [f"- hypothesis: {escaped(h.text)}" for h in one.hypotheses]
    lines += ["", f"Claim: {statements.claim(one)}. Reference: {escaped(one.reference)}.", ""]
    if isinstance(one, Refutation):
        found = one.evaluate()
        lines += [
            f"Published point: {found.published:.12g}. Better point: {found.better:.12g}.",
            "",
        ]
    else:
        lines += [f"Case: {escaped(case.reference)}.\n" for case in one.cases]
    lines += ["```console", f"ncsolve theorems show {one.name}", "```", ""]
    return "\n".join(lines)


def blocks(text: str) -> list[str]:
    """Paragraphs of a section: indented lines are formulas and stay as they are."""
    made: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith("    "):
            made += ["", "```text", paragraph, "```", ""]
        else:
            made += ["", escaped(" ".join(paragraph.split())), ""]
    return made


def escaped(text: str) -> str:
    """Markdown that shows the text as it is; code between backticks stays code."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_|<>$\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def command_line() -> str:
    """Usage and options of every command."""
    lines = ["# Command line", "", "```text", usage(parser()), "```", ""]
    for name in COMMANDS:
        lines += [f"## ncsolve {name}", "", "```text", usage(parser(name)), "```", ""]
    return "\n".join(lines)


def usage(command: argparse.ArgumentParser) -> str:
    """The help text, at a fixed width."""
    command.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=110)
    return command.format_help().rstrip()


def api() -> str:
    """Every public name, by what it is for; a name that is nowhere is an error."""
    listed = [name for names in API.values() for name in names]
    missing = sorted(set(ncsolve.__all__) - set(listed) - {"__version__"})
    if missing or set(listed) - set(ncsolve.__all__):
        raise ValueError(
            f"docs/pages.py: public names {missing} are in no section of API, or it lists names that are not public"
        )
    lines = ["API", "===", "", ".. currentmodule:: ncsolve", ""]
    for section, names in API.items():
        lines += [
            section,
            "-" * len(section),
            "",
            ".. autosummary::",
            "   :toctree: api",
            "   :nosignatures:",
            "",
        ]
        lines += [f"   {name}" for name in names] + [""]
    return "\n".join(lines)
