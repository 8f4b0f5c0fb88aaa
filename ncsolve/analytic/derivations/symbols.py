"""The letters of the derivations and what they stand for."""

from __future__ import annotations

from typing import Any

import sympy as sp

M, N, K, n, g, c = sp.symbols("M N K n g c", positive=True)
sigma, tau, kappa, p, x, y, t, a = sp.symbols("sigma tau kappa p x y t a", positive=True)
lambda_W, lambda_H, lambda_b, delta = sp.symbols("lambda_W lambda_H lambda_b delta", positive=True)
k, m = sp.symbols("k m", positive=True)  # K - 1 and M - 1 where a sign needs K > 1 or M > 1

q = 2 / (M + 1)
e = (M - 1) / (M + 1)

MEANING = {
    M: "depth, the number of weight matrices",
    N: "number of samples",
    K: "number of classes",
    n: "number of samples of a class",
    g: "geometric mean of the M + 1 decays",
    c: "g (M + 1)/2, the weight of the penalty on singular values",
    sigma: "a singular value of A, the logits without the bias, column k times sqrt(n_k)",
    tau: "the matching singular value of the target T",
    kappa: "N g tau^(-2M/(M + 1)), the level",
    p: "shrinkage, sigma = tau (1 - p); 0 < p < 1 is written 1/(1 + y)",
    y: "a positive number",
    t: "a positive number",
    m: "M - 1, a positive number",
    k: "K - 1, a positive number",
    x: "the variable of Dang et al. (2023), x^M = (1 - p)/p",
    a: "margin: own logit minus any other",
    lambda_W: "decay of the weights (lambda_j of W_j where there are several)",
    lambda_H: "decay of the features",
    lambda_b: "decay of the bias",
    delta: "label smoothing",
}


def meaning(*letters: Any, **further: str) -> tuple[tuple[Any, str], ...]:
    """(symbol, meaning) of the letters asked for, and of further ones by name."""
    shown = tuple((letter, MEANING[letter]) for letter in letters)
    return shown + tuple((sp.Symbol(name), words) for name, words in further.items())


def matrix(rows: Any) -> Any:
    """An immutable matrix."""
    return sp.ImmutableMatrix(rows)


def eq(left: Any, right: Any) -> Any:
    """An equation that sympy leaves as it stands."""
    return sp.Eq(left, right, evaluate=False)
