"""Squared loss solved a second time, in 70 digits, from the textbook statements.

Nothing is shared with ncsolve: the eigenvalues of diag(n) - n n^T / N come from the secular equation of a rank-one update,
sum_k n_k^2 / (n_k - mu) = N, each mode from the stationary point of (sigma - tau)^2 / (2N) + c sigma^q in sigma itself
(ncsolve solves for the shrinkage), zero against non-zero from the two values, and a bottleneck keeps the modes of largest
gain. `tests/oracles/test_oracle.py` holds this file against dense grids and explicit matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import mpmath
import numpy as np
from mpmath import mpf

DIGITS = 70
PLAIN = 1e-9  # doubles may say which of two values is smaller when they differ by more than this


@dataclass(frozen=True)
class Mode:
    """One distinct target singular value: tau, how often it occurs, the minimizer, its value and that of zero."""

    tau: mpf
    copies: int
    sigma: mpf
    value: mpf
    at_zero: mpf

    @property
    def alive(self) -> bool:
        return self.sigma > 0


@dataclass(frozen=True)
class Answer:
    """Value of the problem and (sigma, tau) of every kept mode, by decreasing gain over zero."""

    value: mpf
    pairs: list[tuple[mpf, mpf]]
    modes: list[Mode]


def secular_eigenvalues(counts, digits=DIGITS) -> list[tuple[mpf, int]]:
    """Non-zero eigenvalues of diag(n) - n n^T / N with multiplicity, from sum_k n_k^2 / (n_k - mu) = N."""
    distinct, sizes = np.unique(np.asarray(counts, dtype=float), return_counts=True)
    found = [(mpf(float(n)), int(m) - 1) for n, m in zip(distinct, sizes, strict=True) if m > 1]
    with mpmath.workdps(digits):
        n = [mpf(float(x)) for x in distinct]
        w = [int(m) * x * x for m, x in zip(sizes, n, strict=True)]
        total = mpmath.fsum(int(m) * x for m, x in zip(sizes, n, strict=True))
        # f cancels like mu / N
        right_digits = digits - 20 - 2 * int(np.log10(distinct[-1] / distinct[0]))

        def f(mu):
            value, slope = -total, mpf(0)
            for weight, pole in zip(w, n, strict=True):
                reach = 1 / (pole - mu)
                term = weight * reach
                value += term
                slope += term * reach
            return value, slope

        for i, start in enumerate(_bisected(distinct, sizes)):
            low, high = n[i], n[i + 1]
            mu = low + mpf(float(start))
            if not low < mu < high:
                mu = (low + high) / 2
            for _ in range(400):
                value, slope = f(mu)
                if value < 0:
                    low = mu
                else:
                    high = mu
                # Newton on left * right * f, which has no poles nearby
                left, right = (mu - n[i], n[i + 1] - mu)
                step = left * right * value / (left * right * slope + (right - left) * value)
                new = mu - step
                mu, last = (new if low < new < high else (low + high) / 2), mu
                if abs(mu - last) < mpf(10) ** -right_digits * min(left, right):
                    break
            near = mpf(10) ** (5 - right_digits) * min(mu - n[i], n[i + 1] - mu)
            assert f(mu - near)[0] < 0 < f(mu + near)[0]
            found.append((mu, 1))
    return found


def _bisected(distinct, sizes):
    """Offsets of the roots from the pole below, roughly, by plain bisection in doubles."""
    if distinct.size < 2:
        return np.empty(0)
    low, high = np.zeros(distinct.size - 1), np.diff(distinct)
    offsets = distinct[None, :] - distinct[:-1, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(55):
            middle = 0.5 * (low + high)
            f = (sizes * distinct**2 / (offsets - middle[:, None])).sum(axis=1) - (
                sizes * distinct
            ).sum()
            low, high = np.where(f < 0, middle, low), np.where(f < 0, high, middle)
    return 0.5 * (low + high)


def best_sigma(tau, samples, c, depth, digits=DIGITS) -> tuple[mpf, mpf]:
    """(sigma, value): the minimizer of (sigma - tau)^2 / (2N) + c sigma^q over sigma >= 0, by comparing two values.

    On equality the larger one is returned, except at depth 1, where they are the same point.
    """
    with mpmath.workdps(digits):
        at_zero = tau * tau / (2 * samples)
        # stationary: sigma + pull sigma^(q-1) = tau
        t, pull = (float(tau), float(2 * samples * c / (depth + 1)))
        power = (1 - depth) / (1 + depth)
        # the left side falls before it and rises after
        fold = (-power * pull) ** (1 / (1 - power)) if depth > 1 else 0.0
        if not (fold < t and fold + pull * (fold**power if fold else 1.0) < t * (1 + PLAIN)):
            return mpf(0), at_zero
        low, high = fold, t
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if middle + pull * middle**power < t else (low, middle)
        if (0.5 * (high - t) ** 2 / float(samples) + float(c) * high ** (1 + power)) / float(
            at_zero
        ) > 1 + PLAIN:
            return mpf(0), at_zero
        q, pull = mpf(2) / (depth + 1), 2 * samples * c / (depth + 1)
        sigma = mpf(0.5 * (low + high))
        for _ in range(12):
            sigma_to_q1 = mpmath.exp((q - 1) * mpmath.log(sigma)) if depth > 1 else mpf(1)
            slope = 1 + (q - 1) * pull * sigma_to_q1 / sigma
            step = (sigma + pull * sigma_to_q1 - tau) / slope
            sigma -= step
            if sigma <= 0:
                return mpf(0), at_zero
            if abs(step) < mpf(10) ** (15 - digits) * tau:
                break
        else:
            raise ArithmeticError("Newton did not settle")
        assert slope > 0  # the outer branch, where the function is convex
        value = (sigma - tau) ** 2 / (2 * samples) + c * sigma * sigma_to_q1
        if abs(value - at_zero) < mpf(10) ** (20 - digits) * at_zero:  # an exact tie
            return (sigma, at_zero) if depth > 1 else (mpf(0), at_zero)
        return (sigma, value) if value < at_zero else (mpf(0), at_zero)


def solve(counts, decays, bias="none", rank=None, digits=DIGITS) -> Answer:
    """The exact answer for counts n_k and decays (lambda_H, lambda_1, ..., lambda_M), all doubles."""
    depth = len(decays) - 1
    with mpmath.workdps(digits):
        samples = mpmath.fsum(mpf(float(n)) for n in counts)
        product = mpmath.fprod(mpf(float(decay)) for decay in decays)
        c = mpf(depth + 1) / 2 * mpmath.root(product, depth + 1)
        if bias == "free":
            targets = secular_eigenvalues(counts, digits)
        else:
            distinct, sizes = np.unique(np.asarray(counts, dtype=float), return_counts=True)
            targets = [(mpf(float(n)), int(m)) for n, m in zip(distinct, sizes, strict=True)]
        modes = []
        for tau2, copies in targets:
            tau = mpmath.sqrt(tau2)
            sigma, value = best_sigma(tau, samples, c, depth, digits)
            modes.append(Mode(tau, copies, sigma, value, tau2 / (2 * samples)))
        room = len(counts) if rank is None else rank
        value, pairs = mpf(0), []
        for mode in sorted(modes, key=lambda mode: (mode.value - mode.at_zero, -mode.tau)):
            kept = min(room, mode.copies) if mode.alive else 0
            room -= kept
            value += kept * mode.value + (mode.copies - kept) * mode.at_zero
            pairs += [(mode.sigma, mode.tau)] * kept
        return Answer(value, pairs, modes)


def errors(prediction, answer: Answer) -> tuple[float, float]:
    """Largest error of a singular value (relative; of tau at depth 1) and relative error of the value.

    A mode that lives in one and not in the other counts as an error of 1.
    """
    found = prediction.singular_values
    alive = np.count_nonzero(found)
    if alive != len(answer.pairs):
        return 1.0, 1.0
    with mpmath.workdps(DIGITS):
        known: dict[float, float] = {}
        worst = 0.0
        for s, (sigma, tau) in zip(found[:alive].tolist(), answer.pairs, strict=True):
            if s not in known:
                known[s] = float(abs(s - sigma) / (tau if prediction.ufm.depth == 1 else sigma))
            worst = max(worst, known[s])
        return worst, float(abs(prediction.value / answer.value - 1))
