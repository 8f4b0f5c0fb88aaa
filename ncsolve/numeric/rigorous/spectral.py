r"""Squared loss with bias none or free: the global minimum, enclosed mode by mode.

By von Neumann's trace inequality ||A - T||^2 >= sum (sigma_i - tau_i)^2, with equality where A shares T's singular vectors, so the
minimum over A of rank <= R is a sum over the target's singular values tau of scalar minima (scalar.py), of which at most R may leave
zero. What a mode gains by leaving it, max over sigma of tau sigma/N - sigma^2/(2N) - c sigma^q, is a maximum of functions that rise with
tau: the R largest are kept. Hence

    min = sum tau^2/(2N) v(p),   v = 1 for modes at zero,      v(p) = p (1 + M (1-p)).

tau^2: the counts themselves (bias none: exact, and their order is that of rationals), counts and secular roots (bias free, secular.py)
or the eigenvalues of a Gram matrix (given targets, gram.py). The sums are exact: v rises with p on its branch, tau^2 v(p) with both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .enclosure import Enclosure, ceil_to, floor_to, wider
from .gram import Gram, bits_of
from .rejected import Rejected, Undecided
from .scalar import BITS, Scalar, Stand, checked
from .secular import BITS as MORE_BITS
from .secular import Secular

if TYPE_CHECKING:
    from .exact import ExactProblem


@dataclass(frozen=True)
class Mode:
    """One distinct tau.

    Attributes
    ----------
    tau2 : Enclosure of tau^2; exact where tau^2 is rational and known
    copies, kept : how often it occurs, and for how many of these the rank has room
    stand : Stand
    shrinkage : Enclosure of p = 1 - sigma/tau at the outer root (1/M at a tie), None where the mode is zero
    """

    tau2: Enclosure
    copies: int
    kept: int
    stand: Stand
    shrinkage: Enclosure | None

    @property
    def sigma(self) -> Enclosure | None:
        """Sigma = tau (1 - p), both ends to 64 bits."""
        if self.shrinkage is None:
            return None
        low = self.tau2.low * (1 - self.shrinkage.high) ** 2
        high = self.tau2.high * (1 - self.shrinkage.low) ** 2
        return Enclosure(_root(low, up=False), _root(high, up=True))

    def to_dict(self) -> dict[str, Any]:
        """The mode as plain values."""
        p, sigma = self.shrinkage, self.sigma
        return {
            "tau2": self.tau2.to_list(),
            "copies": self.copies,
            "kept": self.kept,
            "stand": self.stand.name,
            "p": None if p is None else p.to_list(),
            "sigma": None if sigma is None else sigma.to_list(),
        }

    @staticmethod
    def from_dict(stored: object, what: str) -> Mode:
        """Read `to_dict` back; the enclosure of sigma must be the one that tau^2 and p give."""
        if not isinstance(stored, dict) or stored.keys() != {
            "tau2",
            "copies",
            "kept",
            "stand",
            "p",
            "sigma",
        }:
            raise Rejected(f"{what}: fields are missing or unknown")
        tau2 = Enclosure.from_list(stored["tau2"], f"{what}, tau2")
        p = None if stored["p"] is None else Enclosure.from_list(stored["p"], f"{what}, p")
        copies, kept = stored["copies"], stored["kept"]
        if (
            not all(type(number) is int for number in (copies, kept))
            or not 0 <= kept <= copies
            or copies == 0
        ):
            raise Rejected(f"{what}: copies and kept copies are not counts")
        if not isinstance(stored["stand"], str) or stored["stand"] not in Stand.__members__:
            raise Rejected(
                f"{what}: {stored['stand']!r} is not one of {', '.join(Stand.__members__)}"
            )
        if tau2.low < 0 or (p is not None and not 0 < p.low <= p.high <= 1):
            raise Rejected(f"{what}: an endpoint is out of range")
        mode = Mode(tau2, copies, kept, Stand[stored["stand"]], p)
        if stored["sigma"] != mode.to_dict()["sigma"]:
            raise Rejected(f"{what}: sigma is not the enclosure that tau2 and p give")
        return mode


def modes(problem: ExactProblem) -> list[Mode]:
    """All modes, tau descending, each proved on the way."""
    scalar = Scalar.of(problem)
    found, left = [], problem.ufm.rank_limit
    for tau2, copies, refine in _targets(problem):
        kept = min(left, copies)
        left -= kept
        found.append(_solved(scalar, tau2, copies, kept, refine))
    return found


def check(problem: ExactProblem, stored: list[Mode]) -> None:
    """Prove every inequality again; raise Rejected at the first that fails."""
    scalar, left = Scalar.of(problem), problem.ufm.rank_limit
    _check_targets(problem, scalar, stored)
    for i, mode in enumerate(stored):
        what = f"mode {i}"
        if i and not stored[i - 1].tau2.low >= mode.tau2.high:
            raise Rejected(f"{what}: tau2 is not proved to be smaller than the one before")
        if mode.kept != min(left, mode.copies):
            raise Rejected(
                f"{what}: the rank has room for {min(left, mode.copies)} copies, not {mode.kept}"
            )
        left -= mode.kept
        checked(scalar, mode.stand, mode.shrinkage, mode.tau2, what)


def minimum(problem: ExactProblem, found: list[Mode]) -> Enclosure:
    """The least objective, its ends rounded outwards to 64 bits."""
    scalar = Scalar.of(problem)
    low = high = Fraction(0)
    for mode in found:
        zeros = mode.copies if mode.shrinkage is None else mode.copies - mode.kept
        low, high = low + zeros * mode.tau2.low, high + zeros * mode.tau2.high
        if mode.shrinkage is not None and mode.kept:
            shares = [scalar.share(p) for p in (mode.shrinkage.low, mode.shrinkage.high)]
            low, high = (
                low + mode.kept * mode.tau2.low * shares[0],
                high + mode.kept * mode.tau2.high * shares[1],
            )
    return Enclosure(
        floor_to(low / (2 * problem.samples), BITS), ceil_to(high / (2 * problem.samples), BITS)
    )


def distinct(counts: list[Fraction]) -> tuple[list[Fraction], list[int]]:
    """Distinct counts, ascending, and how many classes have each."""
    sizes: dict[Fraction, int] = {}
    for n in counts:
        sizes[n] = sizes.get(n, 0) + 1
    poles = sorted(sizes)
    return poles, [sizes[n] for n in poles]


def _targets(problem: ExactProblem) -> list[tuple[Enclosure, int, Any]]:
    """(tau^2, copies, how to enclose it with more bits), descending."""
    if not problem.one_hot:
        gram = Gram(problem)

        def again(cell: Enclosure, copies: int) -> Any:
            def refined(bits: int) -> Enclosure:
                inside = [
                    (e, m)
                    for e, m in gram.eigenvalues(bits)
                    if cell.low <= e.low and e.high <= cell.high
                ]
                if len(inside) != 1 or inside[0][1] != copies:
                    raise Undecided("an eigenvalue of the targets' Gram matrix")
                return inside[0][0]

            return refined

        return [(cell, copies, again(cell, copies)) for cell, copies in gram.eigenvalues()]
    poles, sizes = distinct(problem.counts)
    free = problem.ufm.bias == "free"
    found: list[tuple[Enclosure, int, Any]] = []
    roots: list[Enclosure] = []
    secular = Secular(poles, sizes)
    if free and len(poles) > 1:
        roots = secular.roots()
    for g in reversed(range(len(poles))):
        copies = sizes[g] - 1 if free else sizes[g]
        if copies:
            found.append((Enclosure(poles[g], poles[g]), copies, None))
        if free and g:
            exact = roots[g - 1].exact
            found.append(
                (
                    roots[g - 1],
                    1,
                    None
                    if exact
                    else lambda bits, gap=g - 1: secular.root(gap, roots[gap].middle, bits),
                )
            )
    return found


def _solved(scalar: Scalar, tau2: Enclosure, copies: int, kept: int, refine: Any) -> Mode:
    """Decide the mode; an enclosure of tau^2 that leaves it open is made again with more bits."""
    for bits in (*MORE_BITS[1:], None):
        stand = scalar.stand(tau2)
        if stand in (Stand.ZERO, Stand.TIE):
            return Mode(tau2, copies, kept, stand, scalar.tied if stand is Stand.TIE else None)
        if stand is Stand.ALIVE or refine is None or bits is None:
            p = scalar.shrinkage(tau2)
            if p is None:
                break
            return Mode(tau2, copies, kept, stand, p)
        tau2 = refine(bits)
    raise Undecided(f"the mode with tau^2 = {float(tau2.low)}")


def _check_targets(problem: ExactProblem, scalar: Scalar, stored: list[Mode]) -> None:
    """The stored tau^2 are all non-zero singular values of the target."""
    if not problem.one_hot:
        gram = Gram(problem)
        for i, mode in enumerate(stored):
            bits = bits_of(mode.tau2)
            if not bits or gram.copies(mode.tau2) != mode.copies:
                raise Rejected(
                    f"mode {i}: the signs of the characteristic polynomial do not count {mode.copies} in tau2"
                )
            _check_bits(
                scalar,
                mode,
                [wider(mode.tau2, fewer) for fewer in MORE_BITS if fewer < bits],
                f"mode {i}",
            )
        if sum(mode.copies for mode in stored) != gram.rank:
            raise Rejected(f"modes: the target has {gram.rank} non-zero singular values")
        return
    poles, sizes = distinct(problem.counts)
    free = problem.ufm.bias == "free"
    secular, position = Secular(poles, sizes), 0

    def following(what: str) -> Mode:
        if position >= len(stored):
            raise Rejected(f"modes: {what} is missing")
        return stored[position]

    for g in reversed(range(len(poles))):
        copies = sizes[g] - 1 if free else sizes[g]
        if copies:
            mode = following(f"the count {float(poles[g])}")
            if mode.tau2 != Enclosure(poles[g], poles[g]) or mode.copies != copies:
                raise Rejected(
                    f"mode {position}: tau2 is not the count {float(poles[g])}, {copies} times"
                )
            position += 1
        if free and g:
            mode = following(f"the root below the count {float(poles[g])}")
            if mode.copies != 1:
                raise Rejected(f"mode {position}: a secular root occurs once")
            cells = secular.check(g - 1, mode.tau2, f"mode {position}")
            _check_bits(scalar, mode, [cell for _, cell in cells], f"mode {position}")
            position += 1
    if position != len(stored):
        raise Rejected("modes: more are stored than the target has")


def _check_bits(scalar: Scalar, mode: Mode, cells: list[Enclosure], what: str) -> None:
    """Tau^2 has the fewest bits that decide the mode, the most where none do; `cells` have fewer than the stored one."""
    if any(scalar.stand(cell) is not Stand.UNDECIDED for cell in cells):
        raise Rejected(
            f"{what}: tau2 is given with more bits than its comparison with the threshold asks for"
        )
    if mode.stand is Stand.UNDECIDED and bits_of(mode.tau2) != MORE_BITS[-1]:
        raise Rejected(
            f"{what}: a mode is undecided only where {MORE_BITS[-1]} bits of tau2 leave it so"
        )


def _root(x: Fraction, *, up: bool) -> Fraction:
    """The square root to 64 bits, rounded up or down."""
    if x == 0:
        return x
    shift = 2 * (2 * BITS + max(0, x.denominator.bit_length() - x.numerator.bit_length()))
    scaled = (x.numerator << shift) // x.denominator
    found = math.isqrt(scaled)
    if up and (found * found != scaled or scaled * x.denominator != x.numerator << shift):
        found += 1
    return (ceil_to if up else floor_to)(Fraction(found, 1 << (shift // 2)), BITS)
