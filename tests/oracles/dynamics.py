"""Heavy-ball descent on the raw objective over all N features, from an aligned start, with the modes read off its matrices."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from ncsolve.problem.losses import sample_columns
from ncsolve.problem.objective import Parameters, objective_over


def aligned_bases(modes, rng):
    """(v, q_1, ..., q_M, u): right vectors of the modes that the widths have room for, random hidden bases, left vectors."""
    kept = np.flatnonzero(modes.room)
    hidden = [np.linalg.qr(rng.normal(size=(width, kept.size)))[0] for width in modes.ufm.width]
    return [modes.frame.right()[:, kept], *hidden, modes.frame.left()[:, kept]]


def aligned_parameters(modes, start, bases):
    """Matrices with singular values `start` (m, M + 1) in these bases, and class means (d_1, K)."""
    kept = np.flatnonzero(modes.room)
    factors = [(left * start[kept, j]) @ right.T for j, (right, left) in enumerate(pairwise(bases))]
    return Parameters(tuple(factors[1:]), factors[0] / np.sqrt(modes.ufm.counts), modes.bias)


def followed(course, rng=0):
    """sigma and layers at the recorded steps, the steps at which levels are passed, the distance from the recursion, the end."""
    ufm, modes = course.ufm, course.modes
    counts = ufm.counts.astype(int)
    bases = aligned_bases(modes, np.random.default_rng(rng))
    p = aligned_parameters(modes, course.start, bases)
    objective = objective_over(ufm, sample_columns(ufm.loss, ufm.counts))
    theta = objective.pack(Parameters(p.weights, np.repeat(p.features, counts, axis=1), p.bias))
    left, right = modes.frame.left(), modes.frame.right() / np.sqrt(ufm.counts)[:, None]
    indicator = np.repeat(np.eye(ufm.classes), counts, axis=1)
    moves = course.start.min(axis=1) > 0
    levels = [np.where(moves, course.levels, np.nan)]
    reached = modes.own_logits(moves.astype(float)) != 0
    levels.append(np.where(reached, course.class_levels, np.nan))
    signs = [np.where(course.lives, 1, -1), np.where(course.class_lives, 1, -1)]
    passed = [np.full(level.size, np.inf) for level in levels]
    sigmas, layers, velocity, wanted = [], [], 0.0, set(course.recorded.tolist())
    with np.errstate(all="ignore"):
        for step in range(course.steps + 1):
            p = objective.unpack(theta)
            means = p.features @ indicator.T @ right  # columns sqrt(n_k) mean_k, along the modes
            sigma = np.einsum("ki,ki->i", left, p.end_to_end @ means)
            for values, level, sign, first in zip(
                (sigma, modes.own_logits(sigma)), levels, signs, passed, strict=True
            ):
                first[(sign * (values - level) >= 0) & np.isinf(first)] = step
            if step in wanted:
                factors = (p.features @ indicator.T / np.sqrt(ufm.counts), *p.weights)
                pairs = zip(factors, pairwise(bases), strict=True)
                layers.append([np.einsum("di,de,ei->i", q, f, v) for f, (v, q) in pairs])
                sigmas.append(sigma)
            velocity = course.momentum * velocity + objective.value_and_gradient(theta)[1]
            theta = theta - course.learning_rate * velocity
            if not np.abs(theta).max() < 1e100:
                break
    recursion = course.descent.sigma
    common = min(len(sigmas), len(recursion))
    scale = max(course.end.max(), np.abs(sigmas[0]).max())
    sigmas = np.array(sigmas)
    return SimpleNamespace(
        sigma=sigmas,
        layers=np.array(layers).transpose(0, 2, 1),
        mode_step=passed[0],
        class_step=passed[1],
        error=np.abs(sigmas[:common] - recursion[:common]).max() / scale,
        diverged=step < course.steps,
    )
