"""The inverse question: the decay, count, weights, temperatures, bias decay, oversampling or width that gives what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...problem.border import shown
from .. import options
from ..answer import CONTRADICTED, DONE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable

    from ...problem.ufm import UFM
    from ...questions.design.side import Design

#: Each question, what it asks, and the options that belong to it.
QUESTIONS = {
    "decay": (
        "the largest decay that keeps classes alive",
        ("share", "class_names", "keep_ratios", "margin", "theorem"),
    ),
    "count": ("the smallest count a minority needs", ("class_names",)),
    "class-weights": ("weights in the loss that equalize thresholds or lengths", ("aim",)),
    "ldt": ("label temperatures that equalize merge thresholds or make a simplex", ("aim",)),
    "bias-decay": ("the bias decay for a wanted angle", ("cosine", "angle")),
    "oversample": ("oversampling factors at which no class is lost", ("fixed_total",)),
    "width": ("the smallest width that keeps the geometry", ()),
}
#: What a question asks for cannot be given.
ASKED = {"bias-decay": "bias", "ldt": "label_scale", "width": "width"}
AIMS = {
    "class-weights": ("thresholds", "classifiers", "features"),
    "ldt": ("thresholds", "limit", "classifiers"),
}


def add(parser: ArgumentParser) -> None:
    """A question and a problem in; the answer, and what is predicted on both sides of it, out."""
    says = "; ".join(f"{name}: {what}" for name, (what, _) in QUESTIONS.items())
    parser.add_argument("question", choices=tuple(QUESTIONS), metavar="question", help=says)
    options.add_problem(parser)
    group = parser.add_argument_group("design")
    group.add_argument(
        "--share", metavar="X", help="decay: the share of classes that must live (1)"
    )
    group.add_argument(
        "--class",
        dest="class_names",
        metavar="NAME",
        action="append",
        help="decay, count: this class; repeatable",
    )
    group.add_argument(
        "--keep-ratios", action="store_true", help="decay: a common factor on the given decays"
    )
    group.add_argument(
        "--margin", metavar="X", help="decay: how far below the boundary to recommend (0.01)"
    )
    group.add_argument(
        "--aim",
        metavar="WORD",
        help="class-weights: "
        + ", ".join(AIMS["class-weights"])
        + "; ldt: thresholds, limit, classifiers",
    )
    group.add_argument("--cosine", metavar="X", help="bias-decay: between class means")
    group.add_argument("--angle", metavar="X", help="bias-decay: in degrees, instead of --cosine")
    group.add_argument(
        "--fixed-total",
        action="store_true",
        help="oversample: keep N by subsampling the other classes",
    )
    options.add_output(parser)


def check(args: Namespace) -> None:
    """Options that the question would ignore are refused."""
    question = args.question
    for name in dict.fromkeys(option for _, belongs in QUESTIONS.values() for option in belongs):
        if getattr(args, name) not in (None, False) and name not in QUESTIONS[question][1]:
            owners = " and ".join(
                f"design {one}" for one, (_, belongs) in QUESTIONS.items() if name in belongs
            )
            raise options.UsageError(f"{_flag(name)} belongs to {owners}, not to design {question}")
    if args.limit is not None:
        raise options.UsageError(
            "--limit is not a question of design; ncsolve predict --limit shows a limit"
        )
    if (asked := ASKED.get(question)) is not None and getattr(args, asked) is not None:
        raise options.UsageError(f"{_flag(asked)} is what design {question} answers; leave it out")
    given = [name for name in ("weight_decay", "feature_decay") if getattr(args, name) is not None]
    if question == "decay" and given and not args.keep_ratios:
        raise options.UsageError(
            f"{_flag(given[0])} is what design decay answers; leave it out, or add --keep-ratios to scale it"
        )
    if question == "decay" and args.keep_ratios and not given:
        raise options.UsageError(
            "--keep-ratios needs --weight-decay or --feature-decay, whose ratios are kept"
        )
    if question == "bias-decay" and (args.cosine is None) == (args.angle is None):
        raise options.UsageError("design bias-decay needs one of --cosine X and --angle DEGREES")
    if args.aim is not None and args.aim not in AIMS[question]:
        raise options.UsageError(
            f"--aim {shown(args.aim)} is unknown; design {question} knows {', '.join(AIMS[question])}"
        )


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Answer the question."""
    from ...files import check_writable
    from ...show.design_text import design_blocks

    if args.out is not None:
        check_writable(args.out, overwrite=args.force)
    found = _answers()[args.question](options.problem(args), args)

    def blocks(_terminal: bool) -> Iterable[str]:
        return design_blocks(found)

    return Answer(found.to_dict(), blocks, DONE if found.verified else CONTRADICTED)


def _answers() -> dict[str, Callable[[UFM, Namespace], Design]]:
    return {
        "decay": _decay,
        "count": lambda ufm, args: _module("count").smallest_count(ufm, args.class_names),
        "class-weights": lambda ufm, args: _module("weights").class_weights(
            ufm, args.aim or "thresholds"
        ),
        "ldt": lambda ufm, args: _module("temperatures").label_temperatures(
            ufm, args.aim or "thresholds"
        ),
        "bias-decay": _bias_decay,
        "oversample": lambda ufm, args: _module("oversample").oversampling(
            ufm, fixed_total=args.fixed_total
        ),
        "width": lambda ufm, args: _module("width").smallest_width(ufm),
    }


def _decay(ufm: UFM, args: Namespace) -> Design:
    from ...questions.design.decay import largest_decay

    share, margin = _number(args.share, "share", 1.0), _number(args.margin, "margin", 0.01)
    given = {"classes": args.class_names, "keep_ratios": args.keep_ratios, "theorem": args.theorem}
    return largest_decay(ufm, share=share, margin=margin, **given)


def _bias_decay(ufm: UFM, args: Namespace) -> Design:
    import math

    from ...questions.design.bias import bias_decay_for_cosine

    if args.angle is None:
        return bias_decay_for_cosine(ufm, _number(args.cosine, "cosine", 0.0))
    angle = _number(args.angle, "angle", 0.0)
    if not 0.0 <= angle <= 180.0:
        raise options.UsageError(
            f"--angle {shown(args.angle)} is not an angle from 0 to 180 degrees"
        )
    return bias_decay_for_cosine(ufm, math.cos(math.radians(angle)))


def _number(text: str | None, name: str, usual: float) -> float:
    if text is None:
        return usual
    try:
        return float(text)
    except ValueError:
        raise options.UsageError(f"--{name} {shown(text)} is not a number") from None


def _module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"...questions.design.{name}", __package__)


def _flag(name: str) -> str:
    return "--" + name.removesuffix("_names").replace("_", "-")
