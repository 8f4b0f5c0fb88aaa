r"""Critical decays of one problem, in closed form: the g at which a class, a contrast, a mode or everything is lost.

squared loss            mode tau:  kappa* tau^(2M/(M+1)) / N;     its local minimum:  kappa_max tau^(2M/(M+1)) / N     (scalar.py)
CE, ReLU features       class k:   sqrt(n_k (K-1)/K) (1 - delta) / N
CE, M = 1               contrast of a group: sqrt(n) rho / N;     all: the dual norm of the gradient at zero         (grouped.py)
CE, M = 1, no bias      all group means: where ||dF/dB|| at the best contrasts is c                                  (merging.py)
CE, the deep simplex    max over a of (log K - loss(a)) / ((K-1) (a sqrt n)^q) times q                               (simplex.py)
squared, balanced, lambda_b     contrasts: sqrt(n)/N;             mean mode: sqrt(n) / (N (1 + 1/lambda_b)), below which the
                                class means leave the simplex
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...analytic import scalar
from ...analytic.grouped import reduced_problem
from ...analytic.groups import groups
from ...analytic.simplex_solution import simplex
from ...analytic.spectrum import CenteredSpectrum, DenseSpectrum
from ...problem.losses import CrossEntropy
from .cells import smoothing
from .merging import GroupMeans

if TYPE_CHECKING:
    from ...problem.losses import Array
    from ...problem.ufm import UFM

CLASS, FIRST, LAST, MERGE, MODE, FOLD, SIMPLEX = (
    "class",
    "first loss",
    "complete collapse",
    "merge",
    "mode",
    "fold",
    "simplex",
)
NAMED = 8  # classes, groups: up to so many are told apart
SHARES = (
    (1.0, "first"),
    (0.75, "fewer than 3/4"),
    (0.5, "fewer than half"),
    (0.25, "fewer than 1/4"),
    (0.0, "all"),
)

#: (kind, label) -> critical geometric mean of the decays.
Criticals = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Style:
    """How thresholds are told apart along a map.

    Attributes
    ----------
    by_class : whether single classes, or modes, are named; else shares of them
    by_count : whether groups of equal counts keep their counts over the map
    step : whether there are two levels of counts, whatever they are
    """

    by_class: bool
    by_count: bool
    step: bool


def critical_decays(ufm: UFM, theorem: str, style: Style) -> Criticals:
    """Critical decays of a problem that `theorem` covers; empty where none is known in closed form."""
    if theorem == "squared_spectral" and ufm.bias == "none":
        return _classes(ufm, style) | _folds(ufm, ufm.counts)
    if theorem == "squared_spectral":
        spectrum = CenteredSpectrum(ufm.counts)
        return _squared_merges(ufm, spectrum, style) | _modes(
            ufm, np.repeat(spectrum.tau2, spectrum.copies), style
        )
    if theorem == "squared_targets":
        return _modes(ufm, _targets(ufm), style)
    if theorem == "relu_cross_entropy":
        return _relu(ufm, style)
    if theorem in (
        "balanced_cross_entropy",
        "imbalanced_cross_entropy",
        "imbalanced_regularized_bias",
    ):
        return _convex(ufm, style)
    if theorem == "balanced_regularized_bias":
        decay, root = ufm.bias_decay, math.sqrt(float(ufm.counts[0])) / ufm.samples
        return {
            (LAST, "all lost"): root,
            (SIMPLEX, "mean mode lost: exact simplex"): root / (1.0 + 1.0 / decay),
        }
    if theorem == "deep_simplex":
        found = simplex(ufm)
        return {(LAST, "the simplex is no longer below zero"): found.critical_c() * found.q}
    return {}


def _death(ufm: UFM, tau2: Array) -> Array:
    m = ufm.depth
    found: Array = scalar.threshold(m) * np.power(tau2, m / (m + 1.0)) / ufm.samples
    return found


def _classes(ufm: UFM, style: Style) -> Criticals:
    counts = np.sort(ufm.counts)[::-1][: ufm.rank_limit]
    return _by_rank(ufm, _death(ufm, counts), style)


def _by_rank(ufm: UFM, decay: Array, style: Style) -> Criticals:
    """Critical decays, falling: the j-th largest class dies at decay[j]."""
    if style.by_class:
        names = [ufm.names[k] for k in np.argsort(-ufm.counts, kind="stable")]
        kinds = {0: LAST, ufm.classes - 1: FIRST}
        return {
            (kinds.get(j, CLASS), f"class {names[j]} lost"): float(d) for j, d in enumerate(decay)
        }
    return _shares(decay, "classes", {1.0: FIRST, 0.0: LAST})


def _shares(decay: Array, what: str, kinds: dict[float, str]) -> Criticals:
    found: Criticals = {}
    for share, says in SHARES:
        rank = max(1, math.ceil(share * decay.size)) - 1
        if share == 1.0:
            label = f"first {'class' if what == 'classes' else 'mode'} lost"
        else:
            label = f"all {what} lost" if share == 0.0 else f"{says} of the {what} left"
        found[kinds.get(share, CLASS if what == "classes" else MODE), label] = float(decay[rank])
    return found


def _folds(ufm: UFM, tau2: Array) -> Criticals:
    """Where the local minima of the first and of the last mode end."""
    if ufm.depth == 1:
        return {}
    decay = np.sort(_death(ufm, tau2))[::-1][: ufm.rank_limit] * (
        scalar.fold(ufm.depth) / scalar.threshold(ufm.depth)
    )
    return {
        (FOLD, "first local minimum lost"): float(decay[-1]),
        (FOLD, "no local minimum but zero"): float(decay[0]),
    }


def _modes(ufm: UFM, tau2: Array, style: Style) -> Criticals:
    living = np.sort(tau2[tau2 > 0])[::-1][: ufm.rank_limit]
    if not living.size:
        return {}
    decay = _death(ufm, living)
    if not style.by_class:
        return _shares(decay, "modes", {0.0: LAST}) | _folds(ufm, living)
    found = {(MODE, f"mode {j + 1} lost"): float(d) for j, d in enumerate(decay) if j}
    return found | {(LAST, "all modes lost"): float(decay[0])} | _folds(ufm, living)


def _squared_merges(ufm: UFM, spectrum: CenteredSpectrum, style: Style) -> Criticals:
    """Where the contrasts of equal counts die, and the last mode that moves every class."""
    counts, sizes = np.unique(ufm.counts, return_counts=True)
    repeated = counts[sizes > 1]
    found = _merges(ufm, repeated, _death(ufm, repeated), style, counts.size)
    if counts.size > 1 and sizes[-1] > 1:  # else the largest mode is a root
        root = float(spectrum.tau2[: counts.size - 1].max())
        if (spectrum.tau2 > root) @ spectrum.copies < ufm.rank_limit:
            found[MERGE, "merged classes vanish"] = float(_death(ufm, np.array([root]))[0])
    return found


def _merges(ufm: UFM, counts: Array, decay: Array, style: Style, groups_: int) -> Criticals:
    if not counts.size:
        return {}
    if style.by_count and counts.size <= NAMED:
        return {
            (MERGE, f"classes of {n:g} merge"): float(d) for n, d in zip(counts, decay, strict=True)
        }
    if style.step and groups_ == 2 == counts.size:
        return {
            (MERGE, "smaller classes merge"): float(decay[0]),
            (MERGE, "larger classes merge"): float(decay[-1]),
        }
    return {
        (MERGE, "first classes merge"): float(decay.min()),
        (MERGE, "all equal classes merged"): float(decay.max()),
    }


def _targets(ufm: UFM) -> Array:
    codes = ufm.loss.targets(ufm.classes)
    mean = codes @ (ufm.counts / ufm.samples) if ufm.bias == "free" else np.zeros(ufm.outputs)
    return DenseSpectrum((codes - mean[:, None]) * np.sqrt(ufm.counts)).tau2


def _relu(ufm: UFM, style: Style) -> Criticals:
    kept = 1.0 - smoothing(ufm)
    counts = np.sort(ufm.counts)[::-1]
    return _by_rank(
        ufm, np.sqrt(counts * (ufm.classes - 1.0) / ufm.classes) * kept / ufm.samples, style
    )


def _convex(ufm: UFM, style: Style) -> Criticals:
    over = groups(ufm)
    several = over.sizes > 1
    pull = (np.sqrt(over.counts) * ufm.loss.own_slope(ufm.classes)[over.first] / over.samples)[
        several
    ]
    found: Criticals = {}
    if over.number > 1:
        found = _merges(ufm, over.counts[several], pull, style, over.number)
    if over.number == 1:
        return {(LAST, "all lost"): float(pull[0])}
    if (
        several.any()
        and ufm.bias == "none"
        and isinstance(ufm.loss, CrossEntropy)
        and ufm.loss.plain
    ):
        found[MERGE, "merged classes vanish"] = GroupMeans(ufm).vanishing()
    return found | {
        (LAST, "all lost"): max([reduced_problem(ufm, over).norm_at_zero(), *pull.tolist()])
    }
