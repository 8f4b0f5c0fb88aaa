"""The theorems: list them, show one in full, attack it on random problems, derive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import options
from ..answer import CONTRADICTED, DONE, INCONCLUSIVE, Answer, Terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable

    from ...analytic.refutation import Refutation
    from ...analytic.theorem import Theorem
    from ...questions.trials import Attack
    from ...show.text import Line

OUT = (".json", ".tex")
ACTIONS = ("list", "show", "check", "derive")
CHECK = ("trials", "starts", "rng", "tol")


def add(parser: ArgumentParser) -> None:
    """An action and a name."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default="list",
        metavar="action",
        help=" | ".join(ACTIONS),
    )
    parser.add_argument(
        "name", nargs="?", help="of a theorem; check without one attacks all theorems in turn"
    )
    group = parser.add_argument_group("check")
    group.add_argument("--trials", metavar="N", help="random problems per theorem (20)")
    group.add_argument("--starts", metavar="N", help="descents per problem (3)")
    group.add_argument(
        "--rng", metavar="INT", help="seed; without one a fresh seed is drawn and reported"
    )
    options.add_tolerance(parser)
    parser.add_argument("--latex", action="store_true", help="derive: LaTeX instead of text")
    options.add_output(
        parser,
        "also write the JSON document to FILE; derive --latex: or the LaTeX, with suffix .tex",
    )


def check(args: Namespace) -> None:
    """Options that the action would ignore are refused."""
    given = [name for name in CHECK if getattr(args, name) is not None]
    if given and args.action != "check":
        raise options.UsageError(
            f"--{given[0]} belongs to theorems check, not to theorems {args.action}"
        )
    if args.latex and args.action != "derive":
        raise options.UsageError(
            f"--latex belongs to theorems derive, not to theorems {args.action}"
        )
    if args.out is not None and args.out.lower().endswith(".tex") and not args.latex:
        raise options.UsageError(
            f"--out {args.out!r} is for LaTeX; add derive NAME --latex, or name a .json file"
        )
    if args.action == "list" and args.name is not None:
        raise options.UsageError(
            f"theorems list takes no name; theorems show {args.name} shows one"
        )
    if args.action in ("show", "derive") and args.name is None:
        raise options.UsageError(
            f"theorems {args.action} needs a name; ncsolve theorems lists them"
        )


def run(args: Namespace, terminal: Terminal) -> Answer:
    """Do what was asked."""
    if args.out is not None:
        from ...files import check_writable

        check_writable(args.out, overwrite=args.force)
    actions: dict[str, Callable[[Namespace, Terminal], Answer]]
    actions = {"list": _list, "show": _show, "check": _check, "derive": _derive}
    return actions[args.action](args, terminal)


def _list(args: Namespace, terminal: Terminal) -> Answer:
    from ...questions import statements
    from ...show.text import grid

    rows = statements.rows()

    def blocks(terminal: bool) -> Iterable[str]:
        head = ("name", "claim", *statements.COLUMNS)
        table = grid(head, [[row[column] for column in head] for row in rows]).splitlines()
        yield table[0]
        for line, row in zip(table[1:], rows, strict=True):
            yield f"{line}\n    {row['statement']}\n    {row['reference']}"

    return Answer({"action": "list", "theorems": rows}, blocks)


def _show(args: Namespace, terminal: Terminal) -> Answer:
    from ...questions import statements
    from ...show.text import text

    one = statements.entry(args.name)
    title, parts = statements.sections(one)

    def blocks(terminal: bool) -> Iterable[str]:
        yield title
        yield from (f"{heading}. {words}" for heading, words in parts)
        yield text(statements.lines(one))

    return Answer({"action": "show"} | statements.document(one), blocks)


def _derive(args: Namespace, terminal: Terminal) -> Answer:
    from ...analytic.refutation import Refutation
    from ...files import atomic_write
    from ...problem.errors import NoTheorem
    from ...questions import statements

    one = statements.entry(args.name)
    if isinstance(one, Refutation):
        raise NoTheorem(
            f"{one.name!r} is refuted and has no derivation; what holds instead is {one.holds!r}"
        )
    assert one.derive is not None
    derivation = one.derive()
    checked = derivation.check()
    failed = [step for step, holds in checked if not holds]
    words = derivation.latex() if args.latex else derivation.text()

    def save(_document: str) -> None:
        with atomic_write(args.out, overwrite=args.force) as stream:
            stream.write(words.encode())

    body = {
        "action": "derive",
        "name": one.name,
        "title": derivation.title,
        "symbols": {str(symbol): meaning for symbol, meaning in derivation.symbols},
        "steps": [
            {"sentence": s.sentence, "formula": str(s.formula), "holds": holds}
            for s, holds in checked
        ],
        "results": [{"name": r.name, "expression": str(r.expression)} for r in derivation.results],
    }
    verdict = f"{len(checked)} steps, {len(checked) - len(failed)} proved by exact simplification"
    tex = args.out is not None and args.out.lower().endswith(".tex")
    blocks = [words] if args.latex else [words, verdict]
    return Answer(
        body, lambda terminal: blocks, CONTRADICTED if failed else DONE, save=save if tex else None
    )


def _check(args: Namespace, terminal: Terminal) -> Answer:
    from ...analytic.refutation import Refutation
    from ...questions import statements
    from ...theorems import theorems
    from ..steps import fresh_seed

    trials, starts = (
        options.whole(args.trials, "trials", 1) or 20,
        options.whole(args.starts, "starts", 1) or 3,
    )
    tolerance, seed = options.tolerance(args), options.whole(args.rng, "rng", 0)
    chosen = theorems() if args.name is None else (statements.entry(args.name),)
    if seed is None:
        seed = fresh_seed(terminal)
    first = chosen[0]
    if isinstance(first, Refutation):
        return _compared(first, trials, seed)
    attacks = _attacked(
        [one for one in chosen if not isinstance(one, Refutation)],
        trials,
        starts,
        tolerance,
        seed,
        terminal,
    )
    return _judged(attacks, seed, alone=args.name is not None)


def _attacked(
    chosen: list[Theorem], trials: int, starts: int, tolerance: float, seed: int, terminal: Terminal
) -> list[Attack]:
    from contextlib import nullcontext

    from ...questions.trials import attack
    from ..progress import words

    found: list[Attack] = []
    with words(len(chosen) * trials) if terminal.bars else nullcontext() as moved:
        for one in chosen:
            tell = None if moved is None else (lambda index, trial, name=one.name: moved(name))
            found.append(
                attack(one, trials, rng=seed, starts=starts, tolerance=tolerance, progress=tell)
            )
            if found[-1].interrupted:
                terminal.note("interrupted; the trials so far are kept")
                break
    return found


def _judged(attacks: list[Attack], seed: int, *, alone: bool) -> Answer:
    from ...questions.statements import command
    from ...show.text import grid, number, text
    from ...verification import Verdict

    verdicts = {attack.verdict for attack in attacks}
    interrupted = any(attack.interrupted for attack in attacks)
    code = INCONCLUSIVE if interrupted or Verdict.STUCK in verdicts else DONE
    code = CONTRADICTED if verdicts & {Verdict.REFUTED, Verdict.BEATEN} else code

    def blocks(terminal: bool) -> Iterable[str]:
        if alone:
            head = ("trial", "value", "formula", "slope", "gap", "excess", "verdict", "why")
            cells = [
                [
                    str(i),
                    f"{t.value:.12g}",
                    *map(number, (t.formula, t.slope, t.gap, t.excess)),
                    t.verdict.name,
                    t.why,
                ]
                for i, t in enumerate(attacks[0].trials)
            ]
            yield grid(head, cells, right=range(6))
        bad = [
            (attack, t)
            for attack in attacks
            for t in attack.trials
            if t.verdict is not Verdict.AGREES
        ]
        if bad:
            yield text(
                [
                    (t.verdict.name, f"{attack.theorem.name}: {command(t.ufm.to_dict())}: {t.why}")
                    for attack, t in bad
                ]
            )
        if not alone:
            head = (
                "theorem",
                "claim",
                "trials",
                "formula",
                "slope",
                "largest gap",
                "lowest excess",
                "verdict",
            )
            yield grid(head, [_summary(attack) for attack in attacks], right=range(2, 7))
        yield text([*_verdict_lines(attacks, alone), ("seed", str(seed))])

    return Answer(
        {"action": "check", "attacks": [attack.to_dict() for attack in attacks]},
        blocks,
        code,
        seed=seed,
    )


def _summary(attack: Attack) -> list[str]:
    from ...show.text import number

    def extreme(name: str, which: Any) -> str:
        found = [value for trial in attack.trials if (value := getattr(trial, name)) is not None]
        return number(which(found)) if found else "-"

    worst = [
        extreme("formula", max),
        extreme("slope", max),
        extreme("gap", max),
        extreme("excess", min),
    ]
    return [
        attack.theorem.name,
        attack.theorem.claim.name,
        str(len(attack.trials)),
        *worst,
        attack.verdict.name,
    ]


def _verdict_lines(attacks: list[Attack], alone: bool) -> list[Line]:
    if not alone:
        return []
    (attack,) = attacks
    agree = sum(trial.verdict.name == "AGREES" for trial in attack.trials)
    theorem = attack.theorem
    return [
        ("theorem", f"{theorem.name}, {theorem.reference}"),
        ("claim", f"{theorem.claim.name}: {theorem.claim.value}"),
        ("verdict", f"{attack.verdict.name}: {agree} of {len(attack.trials)} trials agree"),
    ]


def _compared(one: Refutation, trials: int, seed: int) -> Answer:
    from ...questions.statements import command
    from ...show.text import grid, text

    found = one.compare(trials, seed)
    stands = [comparison for comparison in found if not comparison.refutes]

    def blocks(terminal: bool) -> Iterable[str]:
        head = ("problem", "published", "better", "excess", "")
        yield grid(
            head,
            [
                [
                    "as published" if i == 0 else f"random {i}",
                    *(f"{c.published:.12g}", f"{c.better:.12g}", f"{c.excess:.3g}"),
                    "refutes" if c.refutes else "does not refute",
                ]
                for i, c in enumerate(found)
            ],
            right=range(1, 4),
        )
        yield text(
            [
                ("claim", one.statement),
                ("reference", one.reference),
                ("problem", command(found[0].ufm.to_dict())),
                (
                    "verdict",
                    f"REFUTED: the point it calls global lies too high in {len(found) - len(stands)} of {len(found)} problems",
                ),
                ("instead", f"{one.instead} ({one.holds})"),
                ("seed", str(seed)),
            ]
        )

    body = {
        "action": "check",
        "refuted": one.name,
        "comparisons": [comparison.to_dict() for comparison in found],
    }
    return Answer(body, blocks, CONTRADICTED if found[0].refutes else INCONCLUSIVE, seed=seed)
