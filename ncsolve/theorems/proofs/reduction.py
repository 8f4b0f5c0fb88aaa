r"""What theorems share: factors to singular values (R1, R2), norms of matrices in a plane, groups of equal counts (R5).

For one singular direction with product s_H s_1 ... s_M = sigma the decay terms are (1/2) sum_j lambda_j s_j^2. The numbers
y_j = lambda_j s_j^2 / (g sigma^q) have product one, and sum y_j - (M + 1) = sum (y_j - 1 - log y_j) >= 0.

Von Neumann's trace inequality is shown for 2 x 2 matrices: the general case follows because an optimal pair of bases can be improved in
any plane in which they differ. Singular vectors are turned against each other by the angles alpha (left) and beta (right).

Group 1 has m_1 classes of count n_1, group 2 has m_2 of count n_2, K = m_1 + m_2. Between the groups there is one contrast w, with
entries sqrt(m_2/(m_1 K)) on group 1 and -sqrt(m_1/(m_2 K)) on group 2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

n_1, n_2, m_1, m_2 = sp.symbols("n_1 n_2 m_1 m_2", positive=True)
between = (m_1 * n_2 + m_2 * n_1) / (m_1 + m_2)  # mu of the contrast between the groups


def squares(entries: Any) -> Any:
    """The sum of the squares of the entries."""
    return sum(entry**2 for entry in entries)


def centering(classes: int) -> Any:
    """I - J/K."""
    return sp.ImmutableMatrix(sp.eye(classes) - sp.ones(classes) / classes)


def turn(angle: sp.Expr) -> Any:
    """Rotation by an angle."""
    return sp.ImmutableMatrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])


def masses(first: int, second: int) -> Any:
    """D^(1/2) of two groups."""
    return sp.ImmutableMatrix(sp.diag(*[sp.sqrt(n_1)] * first, *[sp.sqrt(n_2)] * second))


def contrast(first: int, second: int) -> Any:
    """The unit vector w."""
    share = sp.Rational(first, second)
    entries = [1 / sp.sqrt(share)] * first + [-sp.sqrt(share)] * second
    return sp.ImmutableMatrix(entries) / sp.sqrt(first + second)


def within(first: int, second: int, left: Any, right: Any) -> Any:
    """The centered blocks of both groups, times one number each."""
    return sp.ImmutableMatrix(sp.diag(left * centering(first), right * centering(second)))


COLLAPSE = """
let h = symbols('h_1:4', real=True)
Collapse: replacing the features of a class by their mean saves the squared spread in the decay term (one coordinate,
three samples); the loss is convex in the feature, so by Jensen it does not grow. One feature per class is left.
    squares(h) - 3*(sum(h)/3)**2 = ((h[0] - h[1])**2 + (h[1] - h[2])**2 + (h[2] - h[0])**2)/3
"""
MEANS = """
let u, v, w, z = symbols('u_0:4', positive=True)
let gap = {
    1: ((u**2 + v**2)/2 - u*v, (u - v)**2/2),
    2: ((u**3 + v**3 + w**3)/3 - u*v*w, (u + v + w)*((u - v)**2 + (v - w)**2 + (w - u)**2)/6),
    3: ((u**4 + v**4 + w**4 + z**4)/4 - u*v*w*z, ((u**2 - v**2)**2 + (w**2 - z**2)**2)/4 + (u*v - w*z)**2/2)}
each depth in depths
The arithmetic-geometric mean inequality for M = {depth} as a sum of squares, u_j being (lambda_j
s_j^2)^(1/{depth + 1}): zero only where all are equal.
    gap[{depth}][0] = gap[{depth}][1]
end
"""
BALANCED = """
each depth in depths
let decays = symbols('lambda_H lambda_1:{depth + 1}', positive=True)
let factors = symbols('S_0:{depth + 1}', positive=True)
let penalty = sum(decay*s**2 for decay, s in zip(decays, factors))/2
let level = g*sigma**Rational(2, depth + 1)
For M = {depth} explicitly: product and penalty of the balanced factors.
    matrix([prod(factors), penalty]) = matrix([sigma, Rational(depth + 1, 2)*level])
    where {s: sqrt(level/decay) for decay, s in zip(decays, factors)}; g = prod(decays)**Rational(1, depth + 1)
end
"""
ONE_LAYER = """
* COLLAPSE
* MEANS with depths = [1]
* BALANCED with depths = [1]
"""
BALANCE = """
* COLLAPSE
let gap = y - 1 - log(y)
A singular direction with product sigma pays half the sum of M + 1 numbers lambda_j s_j^2 whose product is (g sigma^q)^(M
+ 1). Divided by g sigma^q they are numbers y_j with product one, so that sum y_j - (M + 1) is the sum of y_j - 1 - log
y_j. This function has the slope
    Derivative(gap, y) = (y - 1)/y
is convex,
    Derivative(gap, y, y) > 0
and is zero at y = 1, its minimum: the sum is least when all y_j = 1, that is lambda_j s_j^2 = g sigma^q for each factor.
The least penalty is (M + 1) g sigma^q / 2 = c sigma^q.
    gap = 0
    where y = 1
* MEANS with depths = [1, 2, 3]
let product = Symbol('Pi', positive=True)
Attained for every M: the balanced factors s_j^2 = g sigma^q / lambda_j have the product sigma (squared here), Pi being
the product of the M + 1 decays and g = Pi^(1/(M + 1)).
    (g*sigma**q)**(M + 1)/product = sigma**2
    where g = product**(1/(M + 1))
* BALANCED with depths = [1, 2, 3]
"""
POWER_SUM = """
let s = Symbol('s', positive=True)
For q < 1 singular values sigma_i with sum t have sum sigma_i^q >= t^q: with r = sigma_i/t between 0 and 1, r^q >= r, and
the r add up to one. Written with r = s^(M + 1), s = 1/(1 + t), for M = 2 .. 6:
    s**2 - s**(M + 1) > 0
    where s = 1/(1 + t)
    for M = (2, 3, 4, 5, 6)
"""
PLANE = """
let alpha, beta = symbols('alpha beta', real=True)
let strong, weak, first, second = symbols('sigma_1 sigma_2 tau_1 tau_2', nonnegative=True)
let A = turn(alpha)*diag(strong, weak)*turn(beta).T
let product = (A.T*diag(first, second)).trace()
let even, odd = (strong*first + weak*second, strong*second + weak*first)
Von Neumann's trace inequality in a plane: let the singular vectors of A be turned against those of T = diag(tau_1,
tau_2) by the angles alpha and beta. Aligned singular values give sigma_1 tau_1 + sigma_2 tau_2 in place of tr(A^T T);
the difference is
    even - product = (even + odd)/2*(1 - cos(alpha - beta)) + (even - odd)/2*(1 - cos(alpha + beta))
where both factors are nonnegative, since
    even - odd = (strong - weak)*(first - second)
Hence ||A - T||^2 is the sum of (sigma_i - tau_i)^2 plus twice that difference: A takes the singular vectors of T.
    squares(A - diag(first, second)) = (strong - first)**2 + (weak - second)**2 + 2*(even - product)
"""
DUALITY = """
let alpha, beta = symbols('alpha beta', real=True)
let strong, weak, first, second = symbols('sigma_1 sigma_2 gamma_1 gamma_2', nonnegative=True)
let A = turn(alpha)*diag(strong, weak)*turn(beta).T
let split = strong*(1 + cos(alpha + beta)) + weak*(1 - cos(alpha + beta))
Operator and nuclear norm are dual (in a plane, singular vectors of A turned against those of Gamma = diag(gamma_1,
gamma_2), gamma_1 >= gamma_2): <Gamma, A> + gamma_1 ||A||_* is a sum of products of nonnegative numbers.
    (A.T*diag(first, second)).trace() + first*(strong + weak)
        = (strong + weak)*(first + second)/2*(1 + cos(alpha - beta)) + (first - second)/2*split
"""
SPECTRUM = """
let mu = Symbol('mu', positive=True)
each first, second in [(2, 1), (2, 2), (3, 2)]
let root = masses(first, second)
let C = centering(first + second)
let middle = between.subs({m_1: first, m_2: second})
Two groups of {first} and {second} classes: the squared singular values of (I - J/K) D^(1/2) are n_1 ({first - 1} times),
n_2 ({second - 1} times), (m_1 n_2 + m_2 n_1)/K and 0. The characteristic polynomial:
    Determinant(mu*matrix(eye(first + second)) - C*root**2*C)
        = mu*(mu - n_1)**(first - 1)*(mu - n_2)**(second - 1)*(mu - middle)
end
"""
SPLIT = """
let mean = Matrix(2, 2, symbols('C_11 C_12 C_21 C_22', real=True))
let a = symbols('a_1 a_2', real=True)
let member = [0, 0, 0, 1, 1]
let scaled = (matrix(Matrix(5, 5, lambda i, j: mean[member[i], member[j]])) + within(3, 2, *a))*masses(3, 2)
let unit = [matrix([1, 1, 1, 0, 0])/sqrt(3), matrix([0, 0, 0, 1, 1])/sqrt(2)]
let reduced = Matrix(2, 2, lambda h, g: sqrt([3, 2][h])*mean[h, g]*sqrt([3, 2][g]*[n_1, n_2][g]))
Logits that no permutation within a group changes: C_hg between groups h and g, and a_g (1 - 1/m_g) more for the own
class, a_g/m_g less for the rest of its group (here m = 3, 2). A = Zbar D^(1/2) maps a contrast within group 1 to
sqrt(n_1) a_1 times itself,
    times(scaled, [1, -1, 0, 0, 0]) = sqrt(n_1)*a[0]*matrix([1, -1, 0, 0, 0])
one within group 2 likewise,
    times(scaled, [0, 0, 0, 1, -1]) = sqrt(n_2)*a[1]*matrix([0, 0, 0, 1, -1])
each g in [0, 1]
and the normalized mean of group {g + 1} to a combination of both, with the entries B_hg = sqrt(m_h) C_hg sqrt(m_g n_g).
    times(scaled, unit[g]) = unit[0]*reduced[0, g] + unit[1]*reduced[1, g]
end
These spaces are orthogonal, so the nuclear norm of A is that of B plus sum (m_g - 1) sqrt(n_g) |a_g|. The squared
Frobenius norm splits the same way:
    squares(scaled) = squares(reduced) + 2*n_1*a[0]**2 + n_2*a[1]**2
"""
