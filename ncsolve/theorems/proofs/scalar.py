r"""The scalar problem of squared loss, from its objective to its root, its threshold and its second derivative."""

from __future__ import annotations

import sympy as sp

from .steps import Step
from .symbols import M, N, e, eq, g, kappa, lambda_H, m, p, q, sigma, t, tau, x, y

OPEN = {p: 1 / (1 + y)}  # every p between 0 and 1
STATIONARY = {sigma: tau * (1 - p), g: p * (1 - p) ** e * tau ** (2 * M / (M + 1)) / N} | OPEN
LEVEL = {sigma: tau * (1 - p), kappa: N * g * tau ** (-2 * M / (M + 1))} | OPEN


def scalar_steps() -> tuple[Step, ...]:
    """Stationarity, the form of Dang et al., values, thresholds, second derivatives, closed forms at M = 1, 2, 3."""
    objective = (sigma - tau) ** 2 / (2 * N) + (M + 1) * g / 2 * sigma**q
    return (
        Step(
            "Each singular value has the objective (sigma - tau)^2/(2N) + c sigma^q with c = (M + 1) g/2. Its slope:",
            eq(sp.Derivative(objective, sigma), (sigma - tau) / N + g * sigma ** (q - 1)),
        ),
        Step(
            "With sigma = tau (1 - p) the slope is zero exactly where p (1 - p)^((M - 1)/(M + 1)) = kappa.",
            eq(
                N / tau * (1 - p) ** e * ((sigma - tau) / N + g * sigma ** (q - 1)),
                kappa - p * (1 - p) ** e,
            ),
            LEVEL,
        ),
        *_dang_steps(),
        Step(
            "At such a point the objective takes the value",
            eq(objective, tau**2 / (2 * N) * p * (1 + M * (1 - p))),
            STATIONARY,
        ),
        Step(
            "and the value at sigma = 0 is tau^2/(2N). The difference, in units of that, has two factors, of which 1 - p "
            "is positive: the root beats zero where p < 1/M and loses where p > 1/M.",
            eq(p * (1 + M * (1 - p)) - 1, (1 - p) * (M * p - 1)),
        ),
        Step(
            "The tie p = 1/M gives the threshold kappa*, to the power M + 1 (M > 1; for M = 1 it is p = kappa = 1):",
            eq((p * (1 - p) ** e) ** (M + 1), (M - 1) ** (M - 1) / M ** (2 * M)),
            {p: 1 / M, M: 1 + m},
        ),
        Step(
            "The left side of the equation for p has the slope (1 - p)^e times 1 - e p/(1 - p),",
            eq(sp.Derivative(p * (1 - p) ** e, p), (1 - p) ** e * (1 - e * p / (1 - p))),
            OPEN,
        ),
        Step(
            "and the second derivative of the objective at a stationary point has the same sign:",
            eq(N * sp.Derivative(objective, sigma, sigma), 1 - e * p / (1 - p)),
            STATIONARY,
        ),
        Step(
            "It is positive for p below (M + 1)/(2M): the smaller root p, the outer one in sigma, is a minimum;",
            sp.Gt(1 - e * p / (1 - p), 0, evaluate=False),
            {p: (M + 1) / (2 * M * (1 + t)), M: 1 + m},
        ),
        Step(
            "negative for p between (M + 1)/(2M) and 1: the larger root is a maximum, below which descent ends at zero.",
            sp.Lt(1 - e * p / (1 - p), 0, evaluate=False),
            {p: ((M + 1) / (2 * M) + t) / (1 + t), M: 1 + m},
        ),
        Step(
            "The root that beats zero has p <= 1/M, which lies below that fold: it is the outer one.",
            sp.Gt((M + 1) / (2 * M) - 1 / M, 0, evaluate=False),
            {M: 1 + m},
        ),
        Step(
            "The gain over zero grows with tau (its slope in tau, sigma held at its stationary value, is -sigma/N < 0 for "
            "the loss), so a bound on the rank keeps the largest tau.",
            eq(sp.Derivative((sigma - tau) ** 2 / (2 * N) - tau**2 / (2 * N), tau), -sigma / N),
        ),
        *_closed_steps(objective),
    )


def _dang_steps() -> tuple[Step, ...]:
    s, h = sp.symbols("S h", positive=True)
    ridge = (s * h - tau) ** 2 / (2 * N) + lambda_H * h**2 / 2
    best = s * tau / (s**2 + N * lambda_H)
    beta = sp.Symbol("beta", positive=True)
    shape = 1 / (1 + x**M) + beta * x
    return (
        Step(
            "The same in the variable of Dang et al. (2023): given the singular value S of W_M ... W_1, the feature's "
            "solves a ridge regression,",
            eq(sp.Derivative(ridge, h), 0),
            {h: best},
        ),
        Step(
            "which leaves, with S^2 = N lambda_H x^M, the share 1/(1 + x^M) of tau^2/(2N).",
            eq(ridge, tau**2 / (2 * N) / (1 + x**M)),
            {h: best, s: sp.sqrt(N * lambda_H * x**M)},
        ),
        Step(
            "Balanced layers pay M/2 times the M-th root of S^2 times their decays' product g^(M + 1)/lambda_H: the "
            "objective is tau^2/(2N) times 1/(1 + x^M) + beta x with beta = M N (N Pi)^(1/M)/tau^2 and Pi = g^(M + 1).",
            eq(M / 2 * (s**2 * g ** (M + 1) / lambda_H) ** (1 / M), tau**2 / (2 * N) * beta * x),
            {beta: M * N * (N * g ** (M + 1)) ** (1 / M) / tau**2, s: sp.sqrt(N * lambda_H * x**M)},
        ),
        Step(
            "It is stationary where M x^(M-1)/(1 + x^M)^2 = beta.",
            eq(sp.Derivative(shape, x), beta - M * x ** (M - 1) / (1 + x**M) ** 2),
        ),
        Step(
            "With x^M = (1 - p)/p this is the equation for p: the left sides agree,",
            eq((x ** (M - 1) / (1 + x**M) ** 2) ** (M / (M + 1)), p * (1 - p) ** e),
            {x: ((1 - p) / p) ** (1 / M)} | OPEN,
        ),
        Step(
            "and so do the levels: beta = M kappa^((M + 1)/M).",
            eq(M * N * (N * g ** (M + 1)) ** (1 / M) / tau**2, M * kappa ** ((M + 1) / M)),
            {kappa: N * g * tau ** (-2 * M / (M + 1))},
        ),
        Step(
            "The tie with zero, kappa* from below, reads beta* = (M - 1)^((M - 1)/M)/M here.",
            eq(M * kappa ** ((M + 1) / M), (M - 1) ** ((M - 1) / M) / M),
            {kappa: (M - 1) ** (e) / M ** (2 * M / (M + 1)), M: 1 + m},
        ),
    )


def shrinkage_3() -> sp.Expr:
    """The outer root p at M = 3 as a function of kappa."""
    return (1 - 2 * sp.cos((sp.acos(1 - 27 * kappa**2 / 2) + sp.pi) / 3)) / 3


def shrinkage_2() -> sp.Expr:
    """The outer root p at M = 2 as a function of kappa."""
    s = 1 / (8 * kappa**3)  # 1/(2 beta^2), beta = 2 kappa^(3/2)
    w = (4 * sp.cosh(sp.acosh(27 * s / 16 - 1) / 3) - 2) / 3
    return 1 / (1 + _ferrari(w, s) ** 2)


def _ferrari(w: sp.Expr, s: sp.Expr) -> sp.Expr:
    """The larger root of x^2 + 1 + w = sqrt(2w) (x + sqrt(s/2)/w), where 1/beta = sqrt(2 s)."""
    root = sp.sqrt(2 * w)
    return (root + sp.sqrt(2 * w - 4 * (1 + w) + 4 * root * sp.sqrt(s / 2) / w)) / 2


def _closed_steps(objective: sp.Expr) -> tuple[Step, ...]:
    theta, phi = sp.symbols("theta phi", real=True)
    w, s, beta = sp.symbols("w s beta", positive=True)
    third = (1 - 2 * sp.cos(theta)) / 3
    return (
        Step(
            "M = 1: the slope is zero at sigma = tau - N c (c = g), that is p = kappa.",
            eq(sp.Derivative(objective, sigma), 0),
            {sigma: tau - N * g},
            ({M: sp.Integer(1)},),
        ),
        Step(
            "M = 2 in x: (1 + x^2)^2 = 2x/beta. For any w, (x^2 + 1 + w)^2 minus a square is this quartic if w^3 + 2 w^2 "
            "= s, s = 1/(2 beta^2):",
            eq(
                (x**2 + 1 + w) ** 2 - 2 * w * (x + 1 / (2 * beta * w)) ** 2,
                (1 + x**2) ** 2 - 2 * x / beta,
            ),
            {beta: 1 / sp.sqrt(2 * (w**3 + 2 * w**2))},
        ),
        Step(
            "so x^2 + 1 + w = sqrt(2w) (x + 1/(2 beta w)), a quadratic equation whose larger root is the outer x. The "
            "cubic has the root w = (4 cosh(phi) - 2)/3 with cosh(3 phi) = 27 s/16 - 1:",
            eq(w**3 + 2 * w**2, 16 * (1 + sp.cosh(3 * phi)) / 27),
            {w: (4 * sp.cosh(phi) - 2) / 3},
        ),
        Step(
            "and with it the larger root of the quadratic equation:",
            eq(x**2 + 1 + w - sp.sqrt(2 * w) * (x + 1 / (2 * beta * w)), 0),
            {x: _ferrari(w, s), beta: 1 / sp.sqrt(2 * s)},
        ),
        Step(
            "M = 3: p (1 - p)^(1/2) = kappa is the cubic p^2 (1 - p) = kappa^2, solved by p = (1 - 2 cos(theta))/3 with "
            "cos(3 theta) = 27 kappa^2/2 - 1:",
            eq(third**2 * (1 - third), 2 * (1 + sp.cos(3 * theta)) / 27),
        ),
        Step(
            "where theta = (arccos(1 - 27 kappa^2/2) + pi)/3 rises from pi/3, where p = 0, to 2 pi/3, where p = 2/3 is "
            "the fold: the outer root. The two ends add up to",
            eq(
                sp.Subs(third, theta, sp.pi / 3) + sp.Subs(third, theta, 2 * sp.pi / 3),
                sp.Rational(2, 3),
            ),
        ),
    )


def factor_steps() -> tuple[Step, ...]:
    """Singular values of the end-to-end weights and of the features."""
    s = sp.Symbol("S", positive=True)
    end = sp.sqrt(lambda_H / g) * sigma ** (M / (M + 1))
    return (
        Step(
            "The singular value of W_M ... W_1 is S = sigma/s_H with s_H^2 = g sigma^q/lambda_H.",
            eq(sigma / sp.sqrt(g * sigma**q / lambda_H), end),
        ),
        Step(
            "At the minimum it satisfies S^2 = N lambda_H x^M,",
            eq(s**2, N * lambda_H * (1 - p) / p),
            {s: end} | STATIONARY,
        ),
        Step(
            "and the feature's singular value is that of the ridge regression, S tau/(S^2 + N lambda_H).",
            eq(sp.sqrt(g * sigma**q / lambda_H), s * tau / (s**2 + N * lambda_H)),
            {s: end} | STATIONARY,
        ),
    )
