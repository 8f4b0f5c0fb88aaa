"""Commands on the theory itself: which problem gives what is wanted, and what the theorems say and withstand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..problem.border import shown
from . import options
from .answer import CLOSED, Answer, Exit, Terminal, command
from .options import UsageError, flag, given, refuse

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable

    from ..analytic.theorem import Theorem
    from ..problem.ufm import UFM
    from ..questions.attacks import Attack, Trial
    from ..questions.design import Design
    from ..theorems.refuted import Refutation

#: Each question of design, what it asks, and the options that belong to it.
QUESTIONS = {
    "decay": (
        "the largest decay that keeps classes alive",
        ("share", "class", "keep_ratios", "margin", "theorem"),
    ),
    "count": ("the smallest count a minority needs", ("class",)),
    "class-weights": ("weights in the loss that equalize thresholds", ("aim",)),
    "ldt": ("label temperatures that equalize merge thresholds or make a simplex", ("aim",)),
    "bias-decay": ("the bias decay for a wanted angle", ("cosine", "angle")),
    "oversample": ("oversampling factors at which no class is lost", ("fixed_total",)),
    "width": ("the smallest width that keeps the geometry", ()),
}
#: What a question asks for cannot be given.
ASKED = {"bias-decay": ("bias",), "ldt": ("label_scale",), "width": ("width",)}
AIMS = {
    "class-weights": ("thresholds",),
    "ldt": ("thresholds", "limit", "classifiers"),
}


def _add_question(parser: ArgumentParser) -> None:
    says = "; ".join(f"{name}: {what}" for name, (what, _) in QUESTIONS.items())
    parser.add_argument("question", choices=tuple(QUESTIONS), metavar="question", help=says)


@command(
    _add_question,
    options.add_problem,
    f"""
design
  --share X(-inf,inf)  decay: the share of classes that must live (1)
  --class NAME...  decay, count: this class; repeatable
  --keep-ratios  decay: a common factor on the given decays
  --margin X(-inf,inf)  decay: how far below the boundary to recommend (0.01)
  --aim WORD  {"; ".join(f"{name}: {', '.join(aims)}" for name, aims in AIMS.items())}
  --cosine X(-inf,inf)  bias-decay: between class means
  --angle X(-inf,inf)  bias-decay: in degrees, instead of --cosine
  --fixed-total  oversample: keep N by subsampling the other classes
""",
    options.output(),
)
def design(args: Namespace, terminal: Terminal) -> Answer:
    """The question's answer, and what is predicted on both sides of it."""
    from ..show.text import blocks

    _check_question(args)
    found = _designed(options.problem(args), args)
    code = Exit.DONE if found.verified else Exit.CONTRADICTED
    return Answer(found.to_dict(), lambda _: blocks(found), code)


def _check_question(args: Namespace) -> None:
    """Options that the question would ignore are refused."""
    question = args.question
    for name in dict.fromkeys(option for _, own in QUESTIONS.values() for option in own):
        if given(args, [name]) and name not in QUESTIONS[question][1]:
            owners = " and ".join(
                f"design {one}" for one, (_, own) in QUESTIONS.items() if name in own
            )
            raise UsageError(f"{flag(name)} belongs to {owners}, not to design {question}")
    shows = "ncsolve predict --limit shows a limit"
    refuse(args.limit is not None, f"--limit is not a question of design; {shows}")
    for asked in given(args, ASKED.get(question, ())):
        raise UsageError(f"{asked} is what design {question} answers; leave it out")
    decays = given(args, ("weight_decay", "feature_decay")) if question == "decay" else []
    if decays and not args.keep_ratios:
        instead = "leave it out, or add --keep-ratios to scale it"
        raise UsageError(f"{decays[0]} is what design decay answers; {instead}")
    needs = "--keep-ratios needs --weight-decay or --feature-decay, whose ratios are kept"
    refuse(question == "decay" and args.keep_ratios and not decays, needs)
    one = question != "bias-decay" or (args.cosine is None) != (args.angle is None)
    refuse(not one, "design bias-decay needs one of --cosine X and --angle DEGREES")
    if args.aim is not None and args.aim not in AIMS[question]:
        known = f"design {question} knows {', '.join(AIMS[question])}"
        raise UsageError(f"--aim {shown(args.aim)} is unknown; {known}")


def _designed(ufm: UFM, args: Namespace) -> Design:
    from ..questions import design, recount, reweigh

    classes, aim = getattr(args, "class"), args.aim or "thresholds"
    match args.question:
        case "decay":
            kept = {"keep_ratios": args.keep_ratios, "theorem": args.theorem}
            numbers = options.said(args, "share", "margin")
            return design.largest_decay(ufm, classes=classes, **kept, **numbers)
        case "count":
            return recount.smallest_count(ufm, classes)
        case "class-weights":
            return reweigh.class_weights(ufm)
        case "ldt":
            return reweigh.label_temperatures(ufm, aim)
        case "oversample":
            return recount.oversampling(ufm, fixed_total=args.fixed_total)
        case "width":
            return design.smallest_width(ufm)
    if args.angle is None:
        return design.bias_decay_for_cosine(ufm, args.cosine)
    wrong = f"--angle '{args.angle:g}' is not an angle from 0 to 180 degrees"
    refuse(not 0.0 <= args.angle <= 180.0, wrong)
    return design.bias_decay_for_cosine(ufm, math.cos(math.radians(args.angle)))


ENDS = (max, max, max, min)  # the worst of formula, slope, gap, excess
ACTIONS = ("list", "show", "check", "derive")
CHECK = f"""
check
  --trials N[1..]  random problems per theorem (20)
  --starts N[1..]  descents per problem (3)
  --rng INT[0..]  seed; without one a fresh seed is drawn and reported
{options.TOLERANCE}
"""


def _add_action(parser: ArgumentParser) -> None:
    settings: dict[str, Any] = {"nargs": "?", "choices": ACTIONS, "default": "list"}
    parser.add_argument("action", metavar="action", help=" | ".join(ACTIONS), **settings)


@command(
    _add_action,
    "[name]  of a theorem; check without one attacks all theorems in turn",
    CHECK,
    "--latex  derive: LaTeX instead of text",
    options.output("; derive --latex: or the LaTeX, with suffix .tex"),
    out=(".json", ".tex"),
)
def theorems(args: Namespace, terminal: Terminal) -> Answer:
    """List the theorems, show one in full, attack it on random problems, derive it."""
    action, name = args.action, args.name
    for needless in given(args, options.names(CHECK)) if action != "check" else []:
        raise UsageError(f"{needless} belongs to theorems check, not to theorems {action}")
    other = f"--latex belongs to theorems derive, not to theorems {action}"
    refuse(args.latex and action != "derive", other)
    tex = args.out is not None and args.out.lower().endswith(".tex")
    instead = "add derive NAME --latex, or name a .json file"
    refuse(tex and not args.latex, f"--out {args.out!r} is for LaTeX; {instead}")
    instead = f"theorems show {name} shows one"
    refuse(action == "list" and name, f"theorems list takes no name; {instead}")
    nameless = action in ("show", "derive") and name is None
    refuse(nameless, f"theorems {action} needs a name; ncsolve theorems lists them")
    actions: dict[str, Callable[[Namespace, Terminal], Answer]]
    actions = {"list": _list, "show": _show, "check": _check, "derive": _derive}
    return actions[action](args, terminal)


def _list(args: Namespace, terminal: Terminal) -> Answer:
    from ..show.text import grid
    from ..theorems import statements

    rows = statements.rows()

    def blocks(_terminal: bool) -> Iterable[str]:
        head = ("name", "claim", *statements.COLUMNS)
        first, *lines = grid(head, [[row[column] for column in head] for row in rows]).splitlines()
        yield first
        for line, row in zip(lines, rows, strict=True):
            yield f"{line}\n    {row['statement']}\n    {row['reference']}"

    return Answer({"action": "list", "theorems": rows}, blocks)


def _show(args: Namespace, terminal: Terminal) -> Answer:
    from ..show.text import text
    from ..theorems import statements

    one = statements.entry(args.name)

    def blocks(_terminal: bool) -> Iterable[str]:
        title, parts = statements.sections(one)
        yield from (title, *(f"{heading}. {words}" for heading, words in parts))
        yield text(statements.lines(one))

    return Answer({"action": "show"} | statements.document(one), blocks)


def _derive(args: Namespace, terminal: Terminal) -> Answer:
    from ..files import atomic_write
    from ..problem.errors import NoTheorem
    from ..theorems import statements
    from ..theorems.refuted import Refutation

    one = statements.entry(args.name)
    if isinstance(one, Refutation):
        instead = f"what holds instead is {one.holds!r}"
        raise NoTheorem(f"{one.name!r} is refuted and has no derivation; {instead}")
    assert one.derive is not None
    derivation = one.derive()
    checked = derivation.check()
    proved = sum(holds for _, holds in checked)
    words = [derivation.latex() if args.latex else derivation.text()]

    def save(path: str, _document: str, *, overwrite: bool) -> None:
        with atomic_write(path, overwrite=overwrite) as stream:
            stream.write(words[0].encode())

    body = {
        "action": "derive",
        "name": one.name,
        "title": derivation.title,
        "symbols": {str(symbol): meaning for symbol, meaning in derivation.symbols},
        "steps": [
            {"sentence": step.sentence, "formula": str(step.formula), "holds": holds}
            for step, holds in checked
        ],
        "results": [{"name": r.name, "expression": str(r.expression)} for r in derivation.results],
    }
    verdict = f"{len(checked)} steps, {proved} proved by exact simplification"
    said = words if args.latex else [*words, verdict]
    code = Exit.DONE if proved == len(checked) else Exit.CONTRADICTED
    return Answer(body, lambda _: said, code, save={".tex": save})


def _check(args: Namespace, terminal: Terminal) -> Answer:
    from ..questions.attacks import attack
    from ..theorems import statements, theorems
    from ..theorems.refuted import Refutation

    trials, starts, tolerance = args.trials or 20, args.starts or 3, args.tol or CLOSED
    chosen: Any = theorems() if args.name is None else (statements.entry(args.name),)
    seed = terminal.seed(args.rng)
    if isinstance(chosen[0], Refutation):
        return _compared(chosen[0], trials, seed)
    attacks: list[Attack] = []
    with terminal.watched("words", len(chosen) * trials) as moved:
        for one in chosen:
            tell = None if moved is None else lambda _i, _trial, name=one.name: moved(name)
            settings: dict[str, Any] = {"starts": starts, "tolerance": tolerance, "progress": tell}
            attacks.append(attack(one, trials, rng=seed, **settings))
            if attacks[-1].interrupted:
                terminal.note("interrupted; the trials so far are kept")
                break
    return _judged(attacks, seed, alone=args.name is not None)


def _judged(attacks: list[Attack], seed: int, *, alone: bool) -> Answer:
    from ..show.text import grid, number, text
    from ..theorems.statements import command
    from ..verification import Verdict

    verdicts = {attack.verdict for attack in attacks}
    cut = Verdict.STUCK in verdicts or any(attack.interrupted for attack in attacks)
    wrong = verdicts & {Verdict.REFUTED, Verdict.BEATEN}
    numbers = ("formula", "slope", "gap", "excess")

    def trial(index: int, one: Trial) -> list[str]:
        measured = [number(getattr(one, name)) for name in numbers]
        return [str(index), f"{one.value:.12g}", *measured, one.verdict.name, one.why]

    def worst(attack: Attack) -> list[str]:
        columns = [[getattr(one, name) for one in attack.trials] for name in numbers]
        known = [[value for value in column if value is not None] for column in columns]
        ends = [number(end(some)) if some else "-" for end, some in zip(ENDS, known, strict=True)]
        theorem = attack.theorem
        return [
            theorem.name,
            theorem.claim.name,
            str(len(attack.trials)),
            *ends,
            attack.verdict.name,
        ]

    def blocks(_terminal: bool) -> Iterable[str]:
        if alone:
            cells = [trial(*one) for one in enumerate(attacks[0].trials)]
            yield grid(("trial", "value", *numbers, "verdict", "why"), cells, right=range(6))
        bad = [
            (one.verdict.name, f"{attack.theorem.name}: {command(one.ufm.to_dict())}: {one.why}")
            for attack in attacks
            for one in attack.trials
            if one.verdict is not Verdict.AGREES
        ]
        if bad:
            yield text(bad)
        if not alone:
            head = (
                "theorem",
                "claim",
                "trials",
                "formula",
                "slope",
                "largest gap",
                "lowest excess",
            )
            yield grid((*head, "verdict"), list(map(worst, attacks)), right=range(2, 7))
        yield text([*(_verdict_lines(attacks[0]) if alone else []), ("seed", str(seed))])

    body = {"action": "check", "attacks": [attack.to_dict() for attack in attacks]}
    code = Exit.CONTRADICTED if wrong else Exit.INCONCLUSIVE if cut else Exit.DONE
    return Answer(body, blocks, code, seed=seed)


def _verdict_lines(attack: Attack) -> list[tuple[str, str]]:
    agree = sum(trial.verdict.name == "AGREES" for trial in attack.trials)
    theorem: Theorem = attack.theorem
    return [
        ("theorem", f"{theorem.name}, {theorem.reference}"),
        ("claim", f"{theorem.claim.name}: {theorem.claim.value}"),
        ("verdict", f"{attack.verdict.name}: {agree} of {len(attack.trials)} trials agree"),
    ]


def _compared(one: Refutation, trials: int, seed: int) -> Answer:
    from ..show.text import grid, text
    from ..theorems.statements import command

    found = one.compare(trials, seed)
    refuting = sum(comparison.refutes for comparison in found)

    def row(index: int, problem: Any) -> list[str]:
        values = [f"{problem.published:.12g}", f"{problem.better:.12g}", f"{problem.excess:.3g}"]
        said = "refutes" if problem.refutes else "does not refute"
        return ["as published" if index == 0 else f"random {index}", *values, said]

    def blocks(_terminal: bool) -> Iterable[str]:
        cells = [row(*one) for one in enumerate(found)]
        yield grid(("problem", "published", "better", "excess", ""), cells, right=range(1, 4))
        high = f"lies too high in {refuting} of {len(found)} problems"
        yield text(
            [
                ("claim", one.statement),
                ("reference", one.reference),
                ("problem", command(found[0].ufm.to_dict())),
                ("verdict", f"REFUTED: the point it calls global {high}"),
                ("instead", f"{one.instead} ({one.holds})"),
                ("seed", str(seed)),
            ]
        )

    body: dict[str, Any] = {"action": "check", "refuted": one.name}
    body["comparisons"] = [comparison.to_dict() for comparison in found]
    return Answer(
        body, blocks, Exit.CONTRADICTED if found[0].refutes else Exit.INCONCLUSIVE, seed=seed
    )
