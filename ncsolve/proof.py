r"""Certificates that are proofs: ball arithmetic on the problem's own formulas at a witness, checked again by `ncsolve replay`.

A claim is a problem, numbers, class states and matrices; how they were found plays no part. The matrices are the witness: their objective
U bounds the minimum from above. From below it is bounded by the modes of the target (numeric/modes.py: squared loss, bias none or free;
they enclose it from both sides) or by a dual point (numeric/dual.py: one layer), which the matrices and one number t in [0, 1] define.
Where the gap stays open, a lower point is looked for; it is a second witness.

The file of a certificate holds the claim, the witnesses (matrices, lower point, t) and what follows from them; replay proves all of it
again with the same code, and accepts the file if the same follows. A forged witness can only make the proof fail.

Everything that is said is a comparison of rationals, the ends of enclosures. The tolerance is a share of the lower bound of the
minimum and of nothing else: where no more than 0 bounds the minimum from below, only an objective of exactly 0 is within it.
Needs python-flint, the extra `rigorous`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import platform
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .numeric.balls import BITS, PRECISION, Enclosure, ExactProblem, Undecided, flint
from .numeric.dual import Dual
from .numeric.modes import Stand, TargetMode, modes
from .numeric.point import infeasible, lower_point, objective
from .numeric.states import STATES, Judged, Judgement, convex_states, spectral_states
from .problem.border import finite_json, opened, shown
from .problem.errors import CertificateError, NcsolveError, ProblemError, TooLarge
from .problem.losses import class_columns
from .problem.objective import Parameters, objective_over
from .problem.ufm import UFM
from .values import Value

SCHEMA, BEFORE = "ncsolve/rigorous/2", "ncsolve/rigorous/1"
LARGEST = 2048  # classes
LARGEST_FILE = 2**30
LARGEST_SHOWN = Fraction(10) ** 308


class Outcome(Enum):
    """What is proved; the value is the sentence for the reader."""

    PROVED = "no point lies below the returned one by more than the tolerance, and all that is covered of the claim is right"
    DISPROVED = "a claimed number or state is wrong, or a point lies below the returned one by more than the tolerance"
    NOT_DECIDED = "the enclosures hold, but they neither prove nor disprove the claim"


@dataclass(frozen=True, eq=False, repr=False)
class Finding(Value):
    """One part of the claim, the verdict on it, and the numbers behind it."""

    about: str
    verdict: Judgement
    says: str


@dataclass(frozen=True, eq=False, repr=False)
class Claimed(Value):
    """What somebody says of a problem.

    Attributes
    ----------
    point : Parameters, the returned matrices with one feature per class
    value : the objective that is said to be the global minimum
    states : "active", "vanished" or "merged" for each class, or None
    singular_values : of A, descending, min(K, outputs) of them, or None
    tolerance : relative to the lower bound of the minimum, for singular values to tau; between 0 and 1
    """

    point: Parameters
    value: float
    states: tuple[str, ...] | None = None
    singular_values: tuple[float, ...] | None = None
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("value", "tolerance"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if not 0 < self.tolerance < 1:
            raise ProblemError(
                f"tolerance {self.tolerance!r} is not a number between 0 and 1 such as 1e-8"
            )
        for number in (self.value, *(self.singular_values or ())):
            if not math.isfinite(number):
                raise ProblemError(
                    f"{number} is claimed, which is not a finite number; nothing can be proved of it"
                )


@dataclass(frozen=True, eq=False, repr=False)
class RigorousCertificate(Value):
    """What is proved of a point, in ball arithmetic. Never made from floating-point bounds.

    Attributes
    ----------
    ufm : UFM, its numbers read as the decimals that they print as
    claimed : Claimed, the point and the numbers that were judged
    objective, minimum : Enclosure of the point's objective and of the global minimum, ends of 64 bits
    findings : a verdict on each part of the claim: point, value, singular values, class states
    modes : of the target, each enclosed and compared with zero; empty where a dual point bounds
    scales : t of the dual points at the claimed matrices and at the better ones; empty where modes bound
    better : a point and the enclosure of its objective, where a lower one was found; else None
    feasibility : how far the dual point had to be scaled back, max(0, ||Gamma|| / c - 1); 0 for modes
    rigorous : always True
    """

    ufm: UFM
    claimed: Claimed
    objective: Enclosure
    minimum: Enclosure
    findings: tuple[Finding, ...]
    modes: tuple[TargetMode, ...] = ()
    scales: tuple[float, ...] = ()
    better: tuple[Parameters, Enclosure] | None = None
    feasibility: float = 0.0

    rigorous = True
    precision = BITS
    entries = (
        *("rigorous", "outcome", "tolerance", "value", "lower_bound", "gap", "relative_gap"),
        *("feasibility", "method", "precision", "findings", "enclosures"),
    )

    @property
    def outcome(self) -> Outcome:
        """DISPROVED if a part is wrong, PROVED if none is wrong or open."""
        verdicts = {finding.verdict for finding in self.findings}
        if Judgement.DISPROVED in verdicts:
            return Outcome.DISPROVED
        return Outcome.NOT_DECIDED if Judgement.OPEN in verdicts else Outcome.PROVED

    @property
    def tolerance(self) -> float:
        """The tolerance of the claim."""
        return self.claimed.tolerance

    @property
    def value(self) -> float:
        """An upper bound on the point's objective, the least double that is one."""
        return up(self.objective.high)

    @property
    def lower_bound(self) -> float:
        """No point lies lower; the largest double that is proved to be a bound."""
        return -up(-self.minimum.low)

    @property
    def gap(self) -> float:
        """An upper bound on how far the point's objective exceeds the global minimum."""
        return up(self.objective.high - self.minimum.low)

    @property
    def relative_gap(self) -> float:
        """The gap divided by |lower bound|; infinite where that is zero and the gap is not (null in JSON)."""
        share = _share(self.objective.high - self.minimum.low, self.minimum.low)
        return math.inf if share is None else up(share)

    @property
    def method(self) -> str:
        """How the bound is proved: "von Neumann" (modes of the target) or "Fenchel dual"."""
        return "Fenchel dual" if self.scales else "von Neumann"

    @property
    def enclosures(self) -> dict[str, Any]:
        """Every enclosure with its ends as exact text."""
        if self.scales:
            return self._bounds | {"scales": list(self.scales)}
        return self._bounds | {"modes": [mode.to_dict() for mode in self.modes]}

    @property
    def _bounds(self) -> dict[str, Any]:
        better = {} if self.better is None else {"better": self.better[1].to_list()}
        return {"objective": self.objective.to_list(), "minimum": self.minimum.to_list()} | better

    def to_dict(self) -> dict[str, Any]:
        """The certificate in short, as plain values: all but the matrices."""
        found = super().to_dict()
        numbers = ("value", "lower_bound", "gap", "relative_gap")
        return found | {
            name: found[name] if math.isfinite(found[name]) else None for name in numbers
        }

    def document(self) -> dict[str, Any]:
        """The whole certificate as `replay` reads it, with the digest of its content."""
        versions = {"ncsolve": __version__, "python": platform.python_version()}
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "versions": versions | {"python-flint": flint().__version__},
        }
        found |= self.follows
        found["claim"] |= {"point": packed(self.ufm, self.claimed.point)}
        found["better"] = None if self.better is None else packed(self.ufm, self.better[0])
        return found | {"digest": digest(found)}

    @property
    def follows(self) -> dict[str, Any]:
        """All of the document that follows from the problem, the claim and the witnesses: what a replay compares."""
        claim = self.claimed.to_dict()
        del claim["point"]
        return {
            "problem": self.ufm.to_dict(),
            "claim": claim,
            "scales": list(self.scales),
            "outcome": self.outcome.name,
            "findings": [finding.to_dict() for finding in self.findings],
            "method": self.method,
            "precision": self.precision,
            "enclosures": self._bounds,
        }

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the certificate to a JSON file, atomically.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        from .files import atomic_write

        with atomic_write(path, overwrite=overwrite) as stream:
            stream.write((json.dumps(self.document(), allow_nan=False, indent=1) + "\n").encode())


def certify_rigorously(ufm: UFM, claimed: Claimed) -> RigorousCertificate:
    """Prove or disprove that a point is a global minimizer up to a tolerance, and what else is claimed of it.

    Parameters
    ----------
    ufm : UFM
        Counts, decays and parameters of the loss are taken as the decimals that they print as.
    claimed : Claimed
        Matrices, value, class states, singular values, tolerance. How they were found plays no part.

    Raises
    ------
    MissingPackage
        Without python-flint.
    ProblemError
        Where no rigorous bound is offered: cross-entropy at depth >= 2, a regularized bias at depth >= 2, a point that is not
        feasible, a comparison that no precision settles.
    TooLarge
        Beyond 2048 classes.

    Notes
    -----
    Squared loss with bias none or free: the modes of the target enclose the global minimum from both sides, at any depth and width. One
    layer with cross-entropy or a regularized bias: Fenchel duality from the point's own gradient bounds it from below.

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.proof import Claimed, certify_rigorously
    >>> ufm = ncsolve.UFM(counts=[20, 10, 5], depth=2, weight_decay=5e-3, feature_decay=5e-3)
    >>> prediction = ncsolve.predict(ufm)
    >>> certify_rigorously(ufm, Claimed(prediction.parameters(), prediction.value)).outcome.name
    'PROVED'
    """
    flint()
    refuse(ufm)
    if (why := infeasible(ufm, claimed.point)) is not None:
        raise ProblemError(f"the matrices are no point of the problem: {why}")
    try:
        return _proved(ufm, claimed)
    except Undecided as error:
        raise ProblemError(
            f"no rigorous certificate: {error} cannot be enclosed at the largest precision"
        ) from None


def refuse(ufm: UFM) -> None:
    """Raise where no rigorous bound is offered, before anything is computed."""
    if ufm.depth > 1 and ufm.loss.name != "mse":
        raise ProblemError(
            f"no rigorous bound is offered for cross-entropy at depth {ufm.depth}: the reduced problem is not convex; depth 1 works"
        )
    if ufm.depth > 1 and not isinstance(ufm.bias, str):
        raise ProblemError(
            f"no rigorous bound is offered for a regularized bias at depth {ufm.depth}; depth 1, or bias none or free, works"
        )
    if max(ufm.classes, ufm.outputs) > LARGEST:
        raise TooLarge(
            f"a rigorous certificate for {ufm.classes} classes takes too long; up to {LARGEST} classes work"
        )


Witness = tuple[Parameters | None, Sequence[float]]  # a better point, the scales of dual points


def _proved(ufm: UFM, claimed: Claimed, witness: Witness | None = None) -> RigorousCertificate:
    """What follows from the claim and its witness; without one it is looked for."""
    problem = ExactProblem(ufm)
    with flint().ctx.workprec(PRECISION[0]):
        reached = Enclosure.of(objective(problem, claimed.point))
        if problem.by_modes:
            return _by_modes(problem, claimed, reached)
        return _by_duality(problem, replace(claimed, singular_values=None), reached, witness)


def _by_modes(problem: ExactProblem, claimed: Claimed, reached: Enclosure) -> RigorousCertificate:
    found, least = modes(problem)
    minimum = Enclosure.of(least)
    if not problem.spectral:
        claimed = replace(claimed, singular_values=None)
        minimum = Enclosure(minimum.low, max(reached.high, minimum.low))
    findings = _about_numbers(claimed, reached, minimum)
    if claimed.singular_values is not None:
        findings.append(
            about_singular_values(claimed.singular_values, found, _decimal(claimed.tolerance))
        )
    if claimed.states is not None:
        findings.append(about_states(spectral_states(problem, found, claimed.states)))
    return RigorousCertificate(
        problem.ufm, claimed, reached, minimum, tuple(findings), tuple(found)
    )


def _by_duality(
    problem: ExactProblem, claimed: Claimed, reached: Enclosure, witness: Witness | None
) -> RigorousCertificate:
    lower, given = (None, []) if witness is None else witness
    scales: list[float] = []

    def bounded(point: Parameters) -> tuple[Fraction, Dual, float]:
        dual = Dual.at(problem, point)
        scales.append(dual.scale(given[len(scales)] if given else None))
        bound = dual.times(scales[-1]).bound()
        if not bound.is_finite():
            raise Undecided("the bound of a dual point")
        return Enclosure.of(bound).low, dual.times(scales[-1]), max(0.0, dual.norm - 1.0)

    low, dual, excess = bounded(claimed.point)
    better, least = None, reached
    if witness is None:
        point, _ = _about_numbers(claimed, reached, Enclosure(low, reached.high))
        if point.verdict is not Judgement.PROVED:
            lower = lower_point(problem.ufm, claimed.point)
    if lower is not None and infeasible(problem.ufm, lower) is None:
        found = Enclosure.of(objective(problem, lower))
        if witness is not None or found.high < reached.low:  # it gives a better dual point as well
            better, least = (lower, found), min(reached, found, key=lambda ends: ends.high)
            low, dual, excess = max((low, dual, excess), bounded(lower), key=lambda bound: bound[0])
    minimum = Enclosure(low, least.high)
    findings = _about_numbers(claimed, reached, minimum)
    if claimed.states is not None:
        gap = flint().arb(flint().fmpq(*(minimum.high - low).as_integer_ratio()))
        findings.append(about_states(convex_states(problem, dual, gap, claimed.states)))
    return RigorousCertificate(
        problem.ufm, claimed, reached, minimum, tuple(findings), (), tuple(scales), better, excess
    )


def _about_numbers(claimed: Claimed, reached: Enclosure, minimum: Enclosure) -> list[Finding]:
    """Whether the returned point and the claimed value are within the tolerance of the minimum."""
    tolerance, v = _decimal(claimed.tolerance), Fraction(claimed.value)
    below, above = tolerance * abs(minimum.low), tolerance * abs(minimum.high)
    verdict, over, end, bound = Judgement.OPEN, reached.high - minimum.low, minimum.low, "up to"
    if reached.high <= minimum.low + below:
        verdict, bound = Judgement.PROVED, "at most"
    elif reached.low > minimum.high + above:
        verdict, over, end = Judgement.DISPROVED, reached.low - minimum.high, minimum.high
        bound = "at least"
    off = _by(over, end, bound)
    may = "may exceed" if verdict is Judgement.OPEN else "exceeds"
    point = Finding("point", verdict, f"its objective {may} the global minimum by {off}")
    if not minimum.low - below <= v <= minimum.high + above:
        verdict, end = Judgement.DISPROVED, minimum.low if v < minimum.low else minimum.high
        off = _by(max(minimum.low - v, v - minimum.high), end, "at least")
    else:
        sure = minimum.high - below <= v <= minimum.low + below
        verdict = Judgement.PROVED if sure else Judgement.OPEN
        off = _by(max(abs(v - minimum.low), abs(v - minimum.high)), minimum.low, "at most")
    return [point, Finding("value", verdict, f"it differs from the global minimum by {off}")]


def about_singular_values(
    claimed: Sequence[float], found: Sequence[TargetMode], tolerance: Fraction
) -> Finding:
    """Whether every claimed singular value of A is that of a minimizer, up to the tolerance times tau, also where that one is zero.

    Beyond the target's singular values it is times the smallest of them.
    """
    zero = Enclosure(Fraction(0), Fraction(0))
    allowed: list[tuple[list[Enclosure], Enclosure, bool]] = []  # (one of these, tau^2, decided)
    for mode in found:
        kept, choices = 0, [zero]
        if mode.sigma is not None:
            kept, choices = mode.kept, [mode.sigma, zero][: 1 + (mode.stand is not Stand.ALIVE)]
        allowed += [(choices, mode.tau2, mode.stand is not Stand.UNDECIDED)] * kept
        allowed += [([zero], mode.tau2, True)] * (mode.copies - kept)
    numbers = [Fraction(s) for s in claimed] + [Fraction(0)] * max(0, len(allowed) - len(claimed))
    allowed += [([zero], found[-1].tau2 if found else zero, True)] * (len(numbers) - len(allowed))
    worst, is_open = Fraction(0), False
    for i, (s, (choices, tau2, decided)) in enumerate(zip(numbers, allowed, strict=True), start=1):
        off = min(max(x.low - s, s - x.high, Fraction(0)) for x in choices)
        if off**2 > tolerance**2 * tau2.high:
            says = f"number {i} is off by at least {_shown(off)}"
            return Finding("singular values", Judgement.DISPROVED, says)
        most = min(max(abs(s - x.low), abs(s - x.high)) for x in choices)
        worst = max(worst, most)
        is_open = is_open or not decided or most**2 > tolerance**2 * tau2.low
    verdict = Judgement.OPEN if is_open else Judgement.PROVED
    return Finding("singular values", verdict, f"each is off by at most {_shown(worst)}")


def about_states(judged: Sequence[Judged]) -> Finding:
    """The verdicts on the claimed class states, as one finding: right only if every state is."""
    number = {verdict: sum(found is verdict for found, _ in judged) for verdict in Judgement}
    said = ", ".join(f"{times} {verdict.value}" for verdict, times in number.items() if times)
    for verdict in (Judgement.DISPROVED, Judgement.OPEN, Judgement.OUTSIDE):
        if number[verdict]:
            why = next(why for found, why in judged if found is verdict)
            return Finding("class states", verdict, f"{said} ({why})")
    return Finding("class states", Judgement.PROVED, said)


def _share(difference: Fraction, x: Fraction) -> Fraction | None:
    """The difference divided by |x|; None where x is zero and the difference is not: it is no share of that."""
    if not x:
        return None if difference else Fraction(0)
    return difference / abs(x)


def _by(difference: Fraction, x: Fraction, bound: str) -> str:
    share = _share(difference, x)
    if share is None:
        return f"{bound} {_shown(difference)}, no share of a bound of 0"
    return f"a share of {bound} {_shown(share)}"


def _shown(x: Fraction) -> str:
    """Three digits, for people."""
    return f"{float(x):.3g}" if x < LARGEST_SHOWN else "more than 1e+308"


def _decimal(number: float) -> Fraction:
    return Fraction(repr(float(number)))


def up(x: Fraction) -> float:
    """The least double that is at least x, infinity above all of them."""
    try:
        found = float(x)
    except OverflowError:
        return math.inf if x > 0 else -sys.float_info.max
    return found if Fraction(found) >= x else math.nextafter(found, math.inf)


def digest(document: dict[str, Any]) -> str:
    """SHA-256 over the content without its digest, keys sorted, no blanks.

    Examples
    --------
    >>> digest({"a": 1, "digest": "x"}) == digest({"a": 1})
    True
    """
    content = {key: value for key, value in document.items() if key != "digest"}
    return "sha256:" + hashlib.sha256(_text(content).encode()).hexdigest()


def _text(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Rejected(Exception):
    """What of a file does not hold, or is not as it is written."""


@dataclass(frozen=True, eq=False, repr=False)
class Replay(Value):
    """What became of a stored certificate.

    Attributes
    ----------
    passed : the checks that passed, in order
    failed : the first check that did not, and why; None if the certificate is accepted
    certificate : the certificate, if it is accepted
    """

    passed: tuple[str, ...]
    failed: str | None
    certificate: RigorousCertificate | None

    @property
    def accepted(self) -> bool:
        """Whether every check passed."""
        return self.failed is None


def replay(path: str | os.PathLike[str]) -> Replay:
    """Prove the certificate in a file again, from the matrices that it holds.

    Raises
    ------
    CertificateError
        If the file holds no rigorous certificate: damaged JSON, another schema (a floating-point certificate among them).
    MissingPackage
        Without python-flint.
    """
    flint()
    return replay_document(read(path))


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON document in a file, if it says that it is a rigorous certificate."""
    name = shown(os.fspath(path))
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise CertificateError(f"{name} is empty, not a rigorous certificate")
    with opened(path, LARGEST_FILE, kind=CertificateError) as file:
        raw = file.read()
    try:
        document: Any = finite_json(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CertificateError(
            f"{name} is not a JSON document ({' '.join(str(error).split())[:80]}); give a certificate"
        ) from None
    found: dict[str, Any] = document if isinstance(document, dict) else {}
    schema = found.get("schema")
    if schema == BEFORE:
        raise CertificateError(
            f"{name} is a certificate of ncsolve 0.1.0 ({BEFORE}), which this version does not replay; "
            "make it again with ncsolve certify --rigorous --out FILE"
        )
    if schema != SCHEMA:
        known = isinstance(schema, str)
        what = f"a document of schema {str(schema)[:60]!r}" if known else "without a schema"
        raise CertificateError(
            f"{name} is {what}, not a rigorous certificate ({SCHEMA}); certify --rigorous --out FILE writes one"
        )
    return found


def replay_document(document: dict[str, Any]) -> Replay:
    """Prove a certificate that has been read again."""
    flint()
    passed: list[str] = []
    try:
        certificate = _checked(document, passed)
        return Replay(tuple(passed), None, certificate)
    except Rejected as error:
        why = str(error)
    except Undecided as error:
        why = f"{error} cannot be enclosed"
    except (ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        where = f"after {passed[-1]}" if passed else "fields"
        why = f"{where}: a number is too large to be checked ({' '.join(str(error).split())[:80]})"
    return Replay(tuple(passed), why, None)


def _checked(document: dict[str, Any], passed: list[str]) -> RigorousCertificate:
    fields = {"schema", "versions", "problem", "claim", "better", "scales", "outcome", "findings"}
    fields |= {"method", "precision", "enclosures", "digest"}
    if document.keys() != fields or document["schema"] != SCHEMA:
        raise Rejected("fields: some are missing or unknown")
    if document["digest"] != digest(document):
        raise Rejected("digest: the content has changed since it was written")
    passed.append("digest")
    try:
        ufm = UFM.from_dict(document["problem"])
        refuse(ufm)
    except (NcsolveError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Rejected(f"problem: {' '.join(str(error).split())[:200]}") from None
    claimed = _claimed(document["claim"], ufm)
    better = document["better"]
    better = None if better is None else unpacked(better, ufm, "better point")
    scales = document["scales"]
    if not isinstance(scales, list) or not all(type(t) is float for t in scales):
        raise Rejected("scales: a list of numbers is needed")
    by_modes = ExactProblem(ufm).by_modes
    if len(scales) != (0 if by_modes else 1 + (better is not None)) or (by_modes and better):
        raise Rejected("scales: one number per dual point is needed")
    passed.append("problem and claimed point")
    certificate = _proved(ufm, claimed, (better, scales))
    stored, made = dict(document), certificate.follows
    stored["claim"] = {name: stored["claim"][name] for name in made["claim"]}
    checks = {
        **dict.fromkeys(("problem", "claim", "scales", "precision"), ""),
        "objective": "objective of the point",
        "method": "dual point and entropies"
        if scales
        else "roots, thresholds and order of the modes",
        "minimum": "sum of the bound",
        "enclosures": "",
        "outcome": "",
        "findings": "outcome",
    }
    for name, check in checks.items():
        here, there = (
            part[name] if name in part else _end(part["enclosures"], name)
            for part in (made, stored)
        )
        if _text(here) != _text(there):
            follows = here if isinstance(here, str | int) else "another one"
            raise Rejected(f"{name}: {follows} follows, not {shown(there, 40)}")
        passed += [check] if check else []
    return certificate


def _end(enclosures: object, name: str) -> Any:
    return enclosures.get(name) if isinstance(enclosures, dict) else None


def _claimed(stored: object, ufm: UFM) -> Claimed:
    if not isinstance(stored, dict) or stored.keys() != {*Claimed.__dataclass_fields__}:
        raise Rejected("claim: fields are missing or unknown")
    states, values = stored["states"], stored["singular_values"]
    known = isinstance(states, list) and len(states) == ufm.classes
    if states is not None and not (known and all(state in STATES for state in states)):
        raise Rejected("claim: a state per class is needed")
    if values is not None and not isinstance(values, list):
        raise Rejected("claim: singular values are a list")
    numbers = (stored["value"], stored["tolerance"], *(values or ()))
    if not all(type(number) is float for number in numbers):
        raise Rejected("claim: a number cannot be read")
    point = unpacked(stored["point"], ufm, "claimed point")
    said = (tuple(part) if part is not None else None for part in (states, values))
    try:
        return Claimed(point, stored["value"], next(said), next(said), stored["tolerance"])
    except ProblemError as error:
        raise Rejected(f"claim: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def packed(ufm: UFM, point: Parameters) -> str:
    """W_1, ..., W_M, class means and bias, bit for bit: base64 of their zlib-compressed little-endian doubles."""
    theta = objective_over(ufm, class_columns(ufm.loss, ufm.counts)).pack(point)
    return base64.b64encode(zlib.compress(theta.astype("<f8").tobytes(), 1)).decode("ascii")


def unpacked(stored: object, ufm: UFM, what: str) -> Parameters:
    """Read `packed` back, for the shapes of a problem."""
    layout = objective_over(ufm, class_columns(ufm.loss, ufm.counts))
    size = 8 * layout.size
    try:
        stream = zlib.decompressobj()
        packed = base64.b64decode(stored, validate=True)  # type: ignore[arg-type]
        raw = stream.decompress(packed, min(size, LARGEST_FILE) + 1)
    except (TypeError, ValueError, zlib.error):
        raise Rejected(f"{what}: its bytes cannot be read") from None
    if len(raw) != size or not stream.eof or stream.unused_data:
        raise Rejected(f"{what}: its bytes do not make matrices of the problem's shapes")
    point = layout.unpack(np.frombuffer(raw, dtype="<f8").astype(np.float64))
    if (why := infeasible(ufm, point)) is not None:
        raise Rejected(f"{what}: {why}")
    return point
