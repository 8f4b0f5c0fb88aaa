r"""Where no theorem gives a global minimizer: deep simplices, explicit geometries of balanced classes, bounds, and balance itself.

Pairs (the orthoplex), blocks of simplices and regular polygons have logits Z that are symmetric, with Z^2 = s Z: multiples of a
projection, of rank trace/s.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .steps import LETTERS

K, M, n, c = (LETTERS[letter] for letter in ["K", "M", "n", "c"])
beta, rho = sp.symbols("beta rho", positive=True)
pair_loss = sp.log(1 + sp.exp(-2 * beta) + (K - 2) * sp.exp(-beta))
pair_objective = pair_loss + c * K / 2 * (2 * beta * sp.sqrt(n)) ** (2 / (M + 1))


def swap(classes: int) -> Any:
    """The permutation that exchanges the members of each pair."""
    paired = sp.Matrix(classes, classes, lambda i, j: int(i // 2 == j // 2 and i != j))
    return sp.ImmutableMatrix(paired)


def column_loss(logits: Any) -> Any:
    """Loss of the first class from its column of logits."""
    return sp.log(sum(map(sp.exp, logits[:, 0]))) - logits[0, 0]


def polygon_loss(classes: int) -> Any:
    """Loss at logits rho cos(2 pi (j - k)/K)."""
    return sp.log(sum(sp.exp(rho * (sp.cos(2 * sp.pi * j / classes) - 1)) for j in range(classes)))


def letters(name: str) -> Any:
    """A 2 x 2 matrix of symbols."""
    return sp.Matrix(2, 2, sp.symbols(f"{name}_11 {name}_12 {name}_21 {name}_22", real=True))


PAIRS = """
let slope = -(2*exp(-2*beta) + (K - 2)*exp(-beta))/(1 + exp(-2*beta) + (K - 2)*exp(-beta))
each classes in [4, 6]
let logits = beta*(matrix(eye(classes)) - swap(classes))
Pairs, K = {classes}: logits beta for the own class, -beta for its partner, zero for all others, Z = beta (I - P). Z is
symmetric and
    times(logits, logits) = 2*beta*logits
so its singular values are 2 beta, K/2 of them by the trace, and those of A are 2 beta sqrt(n).
    total(logits[i, i] for i in range(classes)) = Rational(classes, 2)*2*beta
The loss, from the first column:
    column_loss(logits) = pair_loss.subs(K, classes)
end
let own, partner, other = symbols('g_own g_partner g_other', real=True)
let half = (matrix(eye(4)) - swap(4))/2
let gradient = own*matrix(eye(4)) + partner*swap(4) + other*(matrix(ones(4)) - matrix(eye(4)) - swap(4))
For every even K: the loss
    log(exp(beta) + exp(-beta) + K - 2) - beta = pair_loss
    where K = 2 + k
and the slope of the objective log(1 + e^(-2 beta) + (K - 2) e^(-beta)) + c (K/2) (2 beta sqrt(n))^q.
    Derivative(pair_objective, beta) = slope + c*q*K*sqrt(n)*(2*beta*sqrt(n))**(q - 1)
each classes in [4, 6]
let z = symbols('z_1:{classes + 1}', real=True)
let softmax = matrix([exp(beta), exp(-beta)] + [1]*(classes - 2))/(exp(beta) + exp(-beta) + classes - 2)
The gradient of the first column's loss, by differentiating in each logit (K = {classes}), has one entry for the own
class, one for the partner and one for all others: the gradient lies in the algebra of I, P and J.
    matrix([Derivative(log(sum(map(exp, z))) - z[0], one) for one in z]) = softmax - matrix([1] + [0]*(classes - 1))
    where dict(zip(z, [beta, -beta] + [sympify(0)]*(classes - 2)))
end
On the directions Q = (I - P)/2 that A has, a matrix of that algebra is multiplication by own minus partner (K = 4),
    times(gradient, half) = (own - partner)*half
from both sides:
    times(half, gradient) = (own - partner)*half
let root = K*sqrt(n)
let rise = exp(beta) - exp(-beta)
so the gradient of loss and penalty on these directions is 1/(K sqrt(n)) times the slope in beta. Where that vanishes the
point is critical among all A of its rank.
    rise/(root*(exp(beta) + exp(-beta) + K - 2)) - 1/root + c*q*sigma**(q - 1)
        = (slope + c*q*root*sigma**(q - 1))/root
    where sigma = 2*beta*sqrt(n)
Why it can win: K/2 singular values in place of the simplex's K - 1; for q near zero the penalty counts them.
    K - 1 > K/2
    where K = 2 + k
let s = Symbol('s', positive=True)
let blocks = log(1 + (s - 1)*exp(-a) + (K - s)*exp(-a*(1 - 1/s)))
Blocks of s classes in orthogonal simplices: own logit a (1 - 1/s), -a/s in the block, zero elsewhere. The loss
    log(exp(a*(1 - 1/s)) + (s - 1)*exp(-a/s) + K - s) - a*(1 - 1/s) = blocks
    where K = s + k; s = 1 + Symbol('l', positive=True)
is that of the pairs for s = 2, a = 2 beta.
    blocks = pair_loss
    where s = 2; a = 2*beta; K = 2 + k
"""
POLYGONS = """
each classes in [3, 4, 5, 6]
let logits = rho*matrix(Matrix(classes, classes, lambda i, j: cos(2*pi*(i - j)/classes)))
Regular polygon, K = {classes}: logits rho cos(2 pi (j - k)/K). Z is symmetric and Z^2 = (K rho/2) Z: with the trace K rho
it has two singular values K rho/2, those of A are sqrt(n) times that.
    times(logits, logits) = classes*rho/2*logits
The loss, from the first column:
    column_loss(logits) = polygon_loss(classes)
end
let s = symbols('s_0:3', real=True)
let circulant = matrix(Matrix(5, 5, lambda i, j: s[min((i - j) % 5, (j - i) % 5)]))
let wave = matrix([cos(2*pi*j/5) for j in range(5)])
let share = [exp(rho*(cos(2*pi*j/5) - 1)) for j in range(5)]
The gradient is circulant, softmax minus the identity. On the polygon's plane it is multiplication by one number (K = 5),
    times(circulant, wave) = (s[0] + 2*s[1]*cos(2*pi/5) + 2*s[2]*cos(4*pi/5))*wave
the slope of the loss in rho: where the objective loss + c K sqrt(n) rho is stationary in rho, the polygon is critical
among all A of rank two. The slope for K = 5, with softmax entries in the proportion of e^(rho cos):
    Derivative(polygon_loss(5), rho) = sum(cos(2*pi*j/5)*share[j] for j in range(5))/sum(share) - 1
"""
DEEP_SIMPLEX = """
Cross-entropy, equal counts, M >= 2: the simplex as a critical point
let objective = loss + c*(K - 1)*(a*sqrt(n))**q
let u = (K - 1)/(exp(a) + K - 1)
let slope = -pull + c*q*(K - 1)*n**(q/2)*a**(q - 1)
let stationary = {c: pull/(q*(K - 1)*n**(q/2)*a**(q - 1))}
* BALANCE
* SIMPLEX_LOSS
* SIMPLEX_SLOPE
Objective on simplices: the loss plus c (K - 1) sigma^q, sigma = a sqrt(n). Its slope:
    Derivative(objective, a) = slope
each classes in [3, 4]
let z = Matrix(classes, 1, symbols('z_1:{classes + 1}', real=True))
let value = log(sum(map(exp, z))) - (1 - delta)*z[0] - delta/classes*sum(z)
let column = matrix(centering(classes)[:, 0])
K = {classes}, a column's gradient by differentiating the loss in every logit: at the simplex it is a multiple of the
simplex's column, so the gradient in A is a multiple of I - J/K.
    matrix([Derivative(value, one) for one in z]) = -pull.subs(K, classes)*Rational(classes, classes - 1)*column
    where {one: a*(1 - Rational(1, classes)) if j == 0 else -a/classes for j, one in enumerate(z)}
end
* SIMPLEX_GRADIENT with height = pull/(sqrt(n)*(K - 1)); at = {}
The penalty's gradient at A = sigma (I - J/K) is c q sigma^(q - 1) (I - J/K) on the K - 1 directions that A has. The two
cancel exactly where the slope in a vanishes: the simplex is then a critical point among all A of its rank (in the
remaining direction the penalty rises infinitely fast and the loss has slope zero).
    -pull/(sqrt(n)*(K - 1)) + c*q*sigma**(q - 1) = slope/(sqrt(n)*(K - 1))
    where sigma = a*sqrt(n)
At most two lengths are critical: the logarithm of a^(1 - q) (u - d), d = delta (1 - 1/K), is concave where u > d. Its
last part without smoothing:
    Derivative(log(u), a, a) < 0
    where LARGER
with it, (u - d) u'' - u'^2 is u u'' - u'^2 < 0 minus d u'' where u'' > 0, and both its terms are negative elsewhere:
    u*Derivative(u, a, a) - Derivative(u, a)**2 < 0
    where LARGER
and the other part is concave for M > 1.
    Derivative((1 - q)*log(a), a, a) < 0
    where M = 1 + m
Second derivative at a critical length: its sign is that of minus the slope of log(a^(1 - q) (u - d)), so the outer one is
a minimum along simplices and the inner one a maximum.
    Derivative(objective, a, a) = -pull*(Derivative(pull, a)/pull + (1 - q)/a)
    where stationary
At a critical length the penalty is a (u - d)/q = a (u - d)(M + 1)/2, so the objective is below log K, its value at zero,
exactly where log K - loss exceeds that.
    log(K) - objective = log(K) - loss - a*pull*(M + 1)/2
    where stationary
The least decay at which zero wins comes with a tie, log K - loss = c (K - 1) (a sqrt(n))^q at a critical length; there
the slope of (log K - loss)/(a sqrt(n))^q in a vanishes too:
    Derivative((log(K) - loss)/(a*sqrt(n))**q, a)*(a*sqrt(n))**q = pull - q/a*(log(K) - loss)
Balanced factors: the squared norm of a class mean is s_H^2 (1 - 1/K)/n with lambda_H s_H^2 = g sigma^q. The class means'
own share of the decay terms is c (K - 1) sigma^q/(M + 1).
    n*K/2*lambda_H*(g*sigma**q/lambda_H)*(1 - 1/K)/n = c*(K - 1)*sigma**q/(M + 1)
    where c = g*(M + 1)/2
* SIMPLEX_ANGLES
Result: singular values of A, at the decay that makes the margin a stationary
    a*sqrt(n)
Result: objective, at the decay that makes the margin a stationary
    loss + stationary[c]*(K - 1)*(a*sqrt(n))**q
Result: norm of a class mean, at the decay that makes the margin a stationary (all decays equal)
    sqrt((a*sqrt(n))**q*(1 - 1/K)/n)
"""
DEEP_CROSS_ENTROPY = """
Cross-entropy, M >= 2: explicit geometries and a lower bound for all
word beta: own logit of the pairs
word s: classes in a block
word k: a positive number
let z = Matrix(3, 3, symbols('z_11 z_12 z_13 z_21 z_22 z_23 z_31 z_32 z_33', real=True))
let spread = 3*eye(3) - ones(3)
let u = symbols('m_1:3', real=True)
let p, v = (symbols('p_1:4', positive=True), symbols('v_1:4', real=True))
let mean = sum(share*one for share, one in zip(p, v))
* BALANCE
* PAIRS
Lower bound (equal counts). A column's loss is log(1 + sum e^(-m_j)) in its K - 1 margins m_j; it is convex: the second
derivative along v of a logarithm of a sum of exponentials with shares p is a variance (three shares).
    sum(share*one**2 for share, one in zip(p, v)) - mean**2
        = sum(p[i]*p[j]*(v[i] - v[j])**2 for i, j in ((0, 1), (0, 2), (1, 2)))
    where p[2] = 1 - p[0] - p[1]
Its tangent at equal margins a has equal slopes, -e^(-a)/(1 + (K - 1) e^(-a)) each (K = 3): the loss is at least log(1 +
(K - 1) e^(-a)) with a the mean of the margins of all columns.
    matrix([Derivative(log(1 + sum(exp(-one) for one in u)), one) for one in u]) = matrix([-exp(-a)/(1 + 2*exp(-a))]*2)
    where dict.fromkeys(u, a)
All K (K - 1) margins add up to the product of Z with K I - J (K = 3),
    sum(z[j, j] - z[i, j] for i in range(3) for j in range(3)) = Trace(times(z.T, spread))
a matrix of operator norm K, since its square is K times itself. So the mean margin is at most ||Z||_*/(K - 1) = t/((K -
1) sqrt(n)), t the sum of the singular values of A = sqrt(n) Z.
    times(spread, spread) = 3*matrix(spread)
* POWER_SUM
Hence every objective is at least the minimum over t of log(1 + (K - 1) e^(-t/((K - 1) sqrt(n)))) + c t^q. For M = 1 (q =
1) that is the simplex's own objective, a = t/((K - 1) sqrt(n)):
    log(1 + (K - 1)*exp(-t/((K - 1)*sqrt(n)))) + c*t**q = log(1 + (K - 1)*exp(-a)) + c*(K - 1)*sqrt(n)*a
    where t = (K - 1)*sqrt(n)*a; K = 1 + k
    for M = [1]
For M > 1 the simplex pays more: (K - 1)^(1 - q) times the bound's penalty at its own t, a factor above one. With K - 1
written as (1 + k)^(M + 1), for M = 2 .. 6:
    (K - 1)**(1 - q) > 1
    where K = 1 + (1 + k)**(M + 1)
    for M = (2, 3, 4, 5, 6)
Result: objective of the orthoplex (all decays g)
    pair_objective.subs(c, (M + 1)/2*g)
"""
BOTTLENECK_CROSS_ENTROPY = """
Cross-entropy, M = 1, a bottleneck: an explicit point and a lower bound
word rho: length of the polygon's logits
word p: probabilities
word w: positive weights, p = w/sum w
let z, w = (symbols('z_1:4', real=True), symbols('w_1:4', positive=True))
let p = [one/sum(w) for one in w]
let share = [exp(one)/sum(map(exp, z)) for one in z]
let entropy = -sum(one*log(one) for one in p)
let gibbs = y*log(y) - y + 1
let own, other = (1/(1 + (K - 1)*exp(-a)), exp(-a)/(1 + (K - 1)*exp(-a)))
* ONE_LAYER
* POLYGONS
Lower bound: for probabilities p the loss of class 1 (three classes) plus sum p log p minus <p - e_1, z> is the divergence
of p from the softmax (Fenchel and Young),
    log(sum(map(exp, z))) - z[0] - entropy - (sum(one*logit for one, logit in zip(p, z)) - z[0])
        = sum(one*log(one/s) for one, s in zip(p, share))
which is nonnegative: summed with the softmax as weights it is y log y - y + 1 at y = p/softmax. That function has the
slope log y,
    Derivative(gibbs, y) = log(y)
is convex
    Derivative(gibbs, y, y) > 0
and zero at its minimum, y = 1.
    gibbs = 0
    where y = 1
* DUALITY
So with Gamma = dF/dA in place of p - e_k (column by column) and ||Gamma||_op <= c, every A of any rank has F(A) + c
||A||_* >= -F*(Gamma), the mean entropy of the columns' probabilities: dropping the rank constraint can only lower the
minimum. For equal counts and the simplex of length a = log(1/(c sqrt(n)) - K + 1) as the point, ||Gamma||_op = c:
    other/sqrt(n) = c
    where a = one_layer_margin.subs(delta, 0)
and the bound is the simplex's objective.
    -own*log(own) - (K - 1)*other*log(other) = log(1 + (K - 1)*exp(-a)) + c*(K - 1)*sqrt(n)*a
    where c = other/sqrt(n); LARGER
each classes in [4, 5, 6, 7]
Result: objective of the regular polygon, K = {classes}, both decays c
    polygon_loss(classes) + c*classes*sqrt(n)*rho
end
Result: lower bound for equal counts, width two, both decays c
    (loss.subs(delta, 0) + c*(K - 1)*sqrt(n)*a).subs(a, one_layer_margin.subs(delta, 0))
"""
DESCENT_ONLY = """
Any problem: what holds at every critical point
let W_1, W_2, H, slope, target = map(letters, ['W1', 'W2', 'H', 'G', 'Y'])
let lambda_1, lambda_2, L = (*symbols('lambda_1 lambda_2', positive=True), Symbol('L', real=True))
let Z, D, E = (W_2*W_1*H, letters('D'), letters('E'))
let penalty = (lambda_1*squares(W_1) + lambda_2*squares(W_2) + lambda_H*squares(H))/2
let any_loss = sum(slope[i, j]*Z[i, j] for i in range(2) for j in range(2))
let words = ['any loss (its slope G = dF/dZ is all that a first derivative sees of it)', 'squared loss']
let outer, inner = ([W_2, lambda_2, 'W_2'], [W_1, lambda_1, 'W_1'])
let last = [H, lambda_H, 'H']
each loss, data in zip(words, [any_loss, squares(Z - target)/4])
each after, before in [(outer, inner), (inner, last)]
let left, right = (after[0], before[0])
let rule = (after[2] + '^T ' + after[2], before[2] + ' ' + before[2] + '^T')
let slopes = dict(zip([*D, *E], [Derivative(L, one) for one in (*left, *right)]))
Two layers, 2 x 2 matrices, {loss}: with D = dL/d{after[2]} and E = dL/d{before[2]} the combination loses the loss and
keeps the decays. Where both derivatives vanish, {after[1]} {rule[0]} = {before[1]} {rule[1]}.
    times(left.T, D) - times(E, right.T) = after[1]*times(left.T, left) - before[1]*times(right, right.T)
    where slopes; L = data + penalty
end
end
let W, H = map(letters, ['W', 'H'])
let objective = (sigma - sqrt(n))**2/(2*N) + c*sigma
let weight = sqrt(lambda_W*lambda_H)
Traces of these identities: all M + 1 decay terms are equal, and the decays cost (M + 1)/2 times any one of them, such as
lambda_H ||H||^2. The trace for one layer:
    (W.T*W*lambda_W - lambda_H*H*H.T).trace() = lambda_W*squares(W) - lambda_H*squares(H)
One layer, squared loss: on a singular direction with w h = sigma, lambda_W w^2 = lambda_H h^2 gives each decay term c
sigma/2, c = sqrt(lambda_W lambda_H),
    lambda_W*(sigma*sqrt(lambda_H/lambda_W))/2 = c*sigma/2
    where c = weight
and descent's end for K equal counts without a bias must be that of squared_spectral, sigma = sqrt(n) - N c on K
directions: the slope there.
    Derivative(objective, sigma) = 0
    where sigma = sqrt(n) - N*c
Its objective:
    K*objective = K*c*(sqrt(n) - N*c/2)
    where sigma = sqrt(n) - N*c
Result: objective of equal counts, squared loss, M = 1, found by descent
    (K*c*(sqrt(n) - N*c/2)).subs(N, K*n).subs(c, weight)
"""
