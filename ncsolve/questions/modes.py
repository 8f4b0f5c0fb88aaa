r"""The modes of a squared-loss problem one by one: tau_i, their vectors, their stationary points.

While every matrix is aligned with the singular vectors (u_i, v_i) of the target T (spectrum.py), with hidden bases q_{j,i},

    H = sum_i s_{0,i} q_{1,i} v_i^T,   W_j = sum_i s_{j,i} q_{j+1,i} q_{j,i}^T,   W_M ... W_1 H = sum_i (s_{0,i} ... s_{M,i}) u_i v_i^T,

the objective is a sum over modes of (P_i - tau_i)^2/(2N) + sum_j lambda_j s_{j,i}^2/2, P_i the product: M + 1 scalars per mode. A free
bias is at its optimum ybar and stays there, since T and every aligned Z - b 1^T have mean zero. Dynamics and landscape both start here.

Where each mode is, at zero, at its outer minimum, or at its unstable root: any such choice with at most R modes away from zero, and
balanced aligned factors, is a critical point of the raw objective.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytic import scalar
from ..analytic.factors import layer_spectra
from ..analytic.hypotheses import LINEAR, SQUARED, UNPENALIZED_BIAS
from ..analytic.reduction import reduce
from ..analytic.scalar import inner_share, outer_shrinkage
from ..analytic.spectral import select
from ..analytic.spectrum import AxisSpectrum, CenteredSpectrum, DenseSpectrum
from ..problem.border import shown
from ..problem.errors import NoTheorem, ProblemError
from ..values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..analytic.spectrum import Frame, Spectrum
    from ..problem.losses import Array, Indices
    from ..problem.ufm import UFM


ZERO, OUTER, INNER = "zero", "outer", "unstable"
FORMS = "minimizer, zero, modes=0,2, unstable, unstable=1 or modes=0,2+unstable=1"


@dataclass(frozen=True, eq=False, repr=False)
class TargetModes(Value):
    """Modes with tau > 0: in the order of the classes where mode k is class k (one-hot, no bias), else by falling tau.

    Attributes
    ----------
    ufm : UFM
    spectrum : Spectrum
    index : array (m,), which entry of the spectrum each mode is; copies of an entry are modes of their own
    """

    ufm: UFM
    spectrum: Spectrum
    index: Indices

    @property
    def by_class(self) -> bool:
        """Whether mode k is class k."""
        return isinstance(self.spectrum, AxisSpectrum)

    @cached_property
    def tau2(self) -> Array:
        """Squared target singular values, shape (m,)."""
        tau2: Array = self.spectrum.tau2[self.index]
        return tau2

    @cached_property
    def tau(self) -> Array:
        """Target singular values, shape (m,)."""
        tau: Array = np.sqrt(self.tau2)
        return tau

    @cached_property
    def kappa(self) -> Array:
        """The level N g tau^(-2M/(M+1)) of each mode."""
        reduction = reduce(self.ufm)
        return scalar.level(self.tau2, reduction.samples, reduction.mean_decay, self.ufm.depth)

    @cached_property
    def outer_shrinkage(self) -> Array:
        """P = 1 - sigma/tau at the outer minimum of each mode; 1 where there is none."""
        return outer_shrinkage(self.kappa, self.ufm.depth)

    @cached_property
    def inner_share(self) -> Array:
        """Sigma/tau at the unstable root of each mode; 0 where there is none."""
        return inner_share(self.kappa, self.ufm.depth)

    @cached_property
    def outer(self) -> Array:
        """Sigma at the outer minimum of each mode, whether zero is lower or not; 0 where there is none."""
        outer: Array = self.tau * (1.0 - self.outer_shrinkage)
        return outer

    @cached_property
    def inner(self) -> Array:
        """Sigma at the unstable root of each mode; 0 where there is none."""
        inner: Array = self.tau * self.inner_share
        return inner

    @property
    def fold(self) -> float:
        """Kappa_max, up to which a mode has stationary points besides zero."""
        return scalar.fold(self.ufm.depth)

    @cached_property
    def above_threshold(self) -> Array:
        """The sign of tau - N c at M = 1: 1, 0 or -1, decided exactly where tau^2 is a count."""
        sign = np.sign(1.0 - self.kappa)
        samples = sum((Fraction(n) for n in self.ufm.counts.tolist()), Fraction(0))
        for i in np.flatnonzero(np.abs(self.kappa - 1.0) < scalar.ROUNDING).tolist():
            exact = self.spectrum.exceeds(
                int(self.index[i]), scalar.critical_power(samples, self.ufm.decays), 1
            )
            sign[i] = 0 if exact is None else exact
        return sign

    def layers(self, sigma: Array) -> Array:
        """(s_0, ..., s_M) at stationary points sigma, lambda_j s_j^2 = g sigma^q, shape (m, M + 1)."""
        return np.stack(layer_spectra(self.ufm, sigma), axis=-1)

    @cached_property
    def frame(self) -> Frame:
        """Singular vectors of all modes, in this order."""
        first = np.flatnonzero(np.diff(self.index, prepend=-1))
        copies = np.diff(np.append(first, self.index.size))
        return self.spectrum.frame(self.index[first], copies)

    @property
    def bias(self) -> Array:
        """Ybar for a free bias, zeros without one, shape (outputs,)."""
        if self.ufm.bias == "none":
            return np.zeros(self.ufm.outputs)
        if self.ufm.loss.one_hot:
            return self.ufm.counts / self.ufm.samples
        mean: Array = self.ufm.loss.targets(self.ufm.classes) @ (self.ufm.counts / self.ufm.samples)
        return mean

    @cached_property
    def room(self) -> NDArray[np.bool_]:
        """Which modes the widths have room for: the R largest."""
        order = np.argsort(-self.tau2, kind="stable")
        room = np.zeros(self.tau2.size, dtype=bool)
        room[order[: self.ufm.rank_limit]] = True
        return room

    @property
    def names(self) -> list[str]:
        """Class names, or "mode 0", "mode 1", ..."""
        return (
            list(self.ufm.names) if self.by_class else [f"mode {i}" for i in range(self.index.size)]
        )

    @cached_property
    def _own(self) -> Array:
        """(u_i . y_k) v_ki / sqrt(n_k), shape (K, m): what a unit of sigma_i adds to class k's own logit."""
        left, right = self.frame.left(), self.frame.right()
        agreement = (
            left if self.ufm.loss.one_hot else self.ufm.loss.targets(self.ufm.classes).T @ left
        )
        own: Array = agreement * right / np.sqrt(self.ufm.counts)[:, None]
        return own

    def own_logits(self, sigma: Array) -> Array:
        """Own logits without the bias, shape (..., K), from sigma of shape (..., m)."""
        if self.by_class:
            return np.asarray(sigma / np.sqrt(self.ufm.counts))
        return np.asarray(sigma @ self._own.T)


def target_modes(ufm: UFM) -> TargetModes:
    """The modes of a squared-loss problem.

    Raises
    ------
    NoTheorem
        Unless the loss is squared loss, features are linear and the bias is none or free.

    Examples
    --------
    >>> import ncsolve
    >>> target_modes(ncsolve.UFM([30, 20, 20], bias="free")).tau2.round(6).tolist()
    [25.714286, 20.0]
    """
    lacks = [one.text for one in (SQUARED, LINEAR, UNPENALIZED_BIAS) if not one.holds(ufm)]
    if lacks:
        raise NoTheorem(f"modes are known in closed form only if {' and '.join(lacks)}")
    spectrum: Spectrum
    if ufm.loss.one_hot and ufm.bias == "none":
        return TargetModes(ufm, AxisSpectrum(ufm.counts), np.arange(ufm.classes))
    if ufm.loss.one_hot:
        spectrum = CenteredSpectrum(ufm.counts)
    else:
        codes = ufm.loss.targets(ufm.classes)
        mean = codes @ (ufm.counts / ufm.samples) if ufm.bias == "free" else np.zeros(ufm.outputs)
        spectrum = DenseSpectrum((codes - mean[:, None]) * np.sqrt(ufm.counts))
    tau2, copies = spectrum.tau2, spectrum.copies
    order = np.argsort(-tau2, kind="stable")
    order = order[tau2[order] > 0]
    return TargetModes(ufm, spectrum, order if copies is None else np.repeat(order, copies[order]))


@dataclass(frozen=True, eq=False, repr=False)
class Placed(Value):
    """The place of every mode.

    Attributes
    ----------
    modes : TargetModes
    place : array (m,) of "zero", "outer" or "unstable"
    """

    modes: TargetModes
    place: NDArray[np.str_]

    @cached_property
    def shrinkage(self) -> Array:
        """P = 1 - sigma/tau, shape (m,)."""
        p: Array = np.where(self.place == OUTER, self.modes.outer_shrinkage, 1.0)
        inner = self.place == INNER
        p[inner] = 1.0 - self.modes.inner_share[inner]
        return p

    @cached_property
    def share(self) -> Array:
        """Sigma/tau, shape (m,)."""
        x: Array = np.where(self.place == OUTER, 1.0 - self.modes.outer_shrinkage, 0.0)
        inner = self.place == INNER
        x[inner] = self.modes.inner_share[inner]
        return x

    @property
    def sigma(self) -> Array:
        """Singular values of A, shape (m,)."""
        sigma: Array = self.modes.tau * self.share
        return sigma

    def to_rows(self) -> list[dict[str, Any]]:
        """One row per mode, as plain values."""
        columns = (
            self.modes.names,
            self.modes.tau2.tolist(),
            self.place.tolist(),
            self.sigma.tolist(),
        )
        return [
            dict(zip(("mode", "tau2", "place", "sigma"), row, strict=True))
            for row in zip(*columns, strict=True)
        ]

    @property
    def value(self) -> float:
        """The objective: the sum of tau^2/(2N) p (1 + M (1 - p))."""
        ufm = self.modes.ufm
        return math.fsum(
            self.modes.tau2 / (2.0 * ufm.samples) * self.shrinkage * (1.0 + ufm.depth * self.share)
        )


def placed(modes: TargetModes, at: str) -> Placed:
    """The placement that `at` names: see `critical_point`.

    Raises
    ------
    ProblemError
        If the words are not understood, a mode does not exist or lacks the root, or the widths have no room.
    """
    if at == "zero":
        return placement(modes)
    if at == "minimizer":
        return placement(modes, minimizer(modes))
    if at == "unstable":
        rooted = np.flatnonzero((modes.inner_share > 0) & modes.room)
        if not rooted.size:
            raise ProblemError(f"no mode has an unstable root{_why(modes)}")
        return placement(modes, (), rooted)
    chosen: dict[str, list[int]] = {}
    for part in at.split("+"):
        found = re.fullmatch(r"\s*(modes|unstable)\s*=(.*)", part, re.DOTALL)
        if found is None or found[1] in chosen:
            raise ProblemError(f"at {shown(at)} is not understood; {FORMS} works")
        chosen[found[1]] = _numbers(modes, found[2])
    inner = chosen.get("unstable", [])
    outer = chosen["modes"] if "modes" in chosen else np.setdiff1d(minimizer(modes), inner)
    return placement(modes, outer, inner)


def placement(modes: TargetModes, outer: Iterable[int] = (), inner: Iterable[int] = ()) -> Placed:
    """The modes `outer` at their outer minimum, `inner` at their unstable root, all others at zero."""
    place = np.full(modes.tau2.size, ZERO, dtype="U8")
    for name, numbers, share in (
        (OUTER, outer, 1.0 - modes.outer_shrinkage),
        (INNER, inner, modes.inner_share),
    ):
        for i in numbers:
            if share[i] <= 0:
                what = "unstable root" if name == INNER else "non-zero stationary point"
                raise ProblemError(f"{_called(modes, i)} has no {what}{_why(modes)}")
            if place[i] != ZERO:
                raise ProblemError(f"{_called(modes, i)} is named twice; a mode is at one place")
            place[i] = name
    active = int((place != ZERO).sum())
    if active > modes.ufm.rank_limit:
        raise ProblemError(
            f"{active} modes are switched on; the smallest width allows {modes.ufm.rank_limit}"
        )
    return Placed(modes, place)


def minimizer(modes: TargetModes) -> NDArray[np.intp]:
    """Modes that are active at the global minimizer."""
    kept = select(modes.ufm, modes.spectrum).kept
    first = np.concatenate([[True], modes.index[1:] != modes.index[:-1]])
    start = np.maximum.accumulate(np.where(first, np.arange(first.size), 0))
    copy = np.arange(first.size) - start  # the how-manieth copy of its entry
    found: NDArray[np.intp] = np.flatnonzero(copy < kept[modes.index])
    return found


def _numbers(modes: TargetModes, text: str) -> list[int]:
    """Modes by class name or number, between commas."""
    names = {name: i for i, name in enumerate(modes.names)} if modes.by_class else {}
    found = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        number = names.get(word, int(word) if re.fullmatch(r"\d{1,9}", word) else -1)
        if not 0 <= number < modes.tau2.size:
            kind = "class name or a number" if modes.by_class else "number"
            raise ProblemError(
                f"mode {shown(word)} does not exist; give a {kind} from 0 to {modes.tau2.size - 1}"
            )
        found.append(number)
    return found


def _called(modes: TargetModes, i: int) -> str:
    return f"class {modes.names[i]!r}" if modes.by_class else modes.names[i]


def _why(modes: TargetModes) -> str:
    return (
        ": at depth 1 there are none"
        if modes.ufm.depth == 1
        else ": its decays are too large (thresholds says how large)"
    )
