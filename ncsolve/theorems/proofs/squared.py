"""Squared loss: the scalar problem of a singular value, from its objective to its root, its threshold and its second derivative.

Then the target of a free bias, given targets, and a regularized bias.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .steps import LETTERS

kappa, p, y, g, sigma, tau, M, N = (
    LETTERS[letter] for letter in ["kappa", "p", "y", "g", "sigma", "tau", "M", "N"]
)
OPEN = {p: 1 / (1 + y)}  # every p between 0 and 1
STATIONARY = {
    sigma: tau * (1 - p),
    g: p * (1 - p) ** ((M - 1) / (M + 1)) * tau ** (2 * M / (M + 1)) / N,
} | OPEN


def larger_root(w: sp.Expr, s: sp.Expr) -> sp.Expr:
    """That of x^2 + 1 + w = sqrt(2w) (x + sqrt(s/2)/w), where 1/beta = sqrt(2 s) (Ferrari)."""
    root = sp.sqrt(2 * w)
    return (root + sp.sqrt(2 * w - 4 * (1 + w) + 4 * root * sp.sqrt(s / 2) / w)) / 2


def shrinkage(depth: int) -> sp.Expr:
    """The outer root p at M = 2 or 3 as a function of kappa."""
    if depth == 3:
        return (1 - 2 * sp.cos((sp.acos(1 - 27 * kappa**2 / 2) + sp.pi) / 3)) / 3
    s = 1 / (8 * kappa**3)  # 1/(2 beta^2), beta = 2 kappa^(3/2)
    return 1 / (1 + larger_root((4 * sp.cosh(sp.acosh(27 * s / 16 - 1) / 3) - 2) / 3, s) ** 2)


def centered(counts: Any) -> Any:
    """T = D^(1/2) - n sqrt(n)^T / N."""
    root = sp.Matrix(counts).applyfunc(sp.sqrt)
    return sp.diag(*root) - sp.Matrix(counts) * root.T / sum(counts)


SCALAR = """
let objective = (sigma - tau)**2/(2*N) + (M + 1)*g/2*sigma**q
Each singular value has the objective (sigma - tau)^2/(2N) + c sigma^q with c = (M + 1) g/2. Its slope:
    Derivative(objective, sigma) = (sigma - tau)/N + g*sigma**(q - 1)
With sigma = tau (1 - p) the slope is zero exactly where p (1 - p)^((M - 1)/(M + 1)) = kappa.
    N/tau*(1 - p)**e*((sigma - tau)/N + g*sigma**(q - 1)) = kappa - p*(1 - p)**e
    where sigma = tau*(1 - p); kappa = N*g*tau**(-2*M/(M + 1)); OPEN
let S, h, beta = symbols('S h beta', positive=True)
let ridge = (S*h - tau)**2/(2*N) + lambda_H*h**2/2
let best = S*tau/(S**2 + N*lambda_H)
let power = (N*g**(M + 1))**(1/M)
The same in the variable of Dang et al. (2023): given the singular value S of W_M ... W_1, the feature's solves a ridge
regression,
    Derivative(ridge, h) = 0
    where h = best
which leaves, with S^2 = N lambda_H x^M, the share 1/(1 + x^M) of tau^2/(2N).
    ridge = tau**2/(2*N)/(1 + x**M)
    where h = best; S = sqrt(N*lambda_H*x**M)
Balanced layers pay M/2 times the M-th root of S^2 times their decays' product g^(M + 1)/lambda_H: the objective is
tau^2/(2N) times 1/(1 + x^M) + beta x with beta = M N (N Pi)^(1/M)/tau^2 and Pi = g^(M + 1).
    M/2*(S**2*g**(M + 1)/lambda_H)**(1/M) = tau**2/(2*N)*beta*x
    where beta = M*N*power/tau**2; S = sqrt(N*lambda_H*x**M)
It is stationary where M x^(M-1)/(1 + x^M)^2 = beta.
    Derivative(1/(1 + x**M) + beta*x, x) = beta - M*x**(M - 1)/(1 + x**M)**2
With x^M = (1 - p)/p this is the equation for p: the left sides agree,
    (x**(M - 1)/(1 + x**M)**2)**(M/(M + 1)) = p*(1 - p)**e
    where x = ((1 - p)/p)**(1/M); OPEN
and so do the levels: beta = M kappa^((M + 1)/M).
    M*N*power/tau**2 = M*kappa**((M + 1)/M)
    where kappa = N*g*tau**(-2*M/(M + 1))
The tie with zero, kappa* from below, reads beta* = (M - 1)^((M - 1)/M)/M here.
    M*kappa**((M + 1)/M) = (M - 1)**((M - 1)/M)/M
    where kappa = (M - 1)**e/M**(2*M/(M + 1)); M = 1 + m
At such a point the objective takes the value
    objective = tau**2/(2*N)*p*(1 + M*(1 - p))
    where STATIONARY
and the value at sigma = 0 is tau^2/(2N). The difference, in units of that, has two factors, of which 1 - p is positive:
the root beats zero where p < 1/M and loses where p > 1/M.
    p*(1 + M*(1 - p)) - 1 = (1 - p)*(M*p - 1)
The tie p = 1/M gives the threshold kappa*, to the power M + 1 (M > 1; for M = 1 it is p = kappa = 1):
    (p*(1 - p)**e)**(M + 1) = (M - 1)**(M - 1)/M**(2*M)
    where p = 1/M; M = 1 + m
The left side of the equation for p has the slope (1 - p)^e times 1 - e p/(1 - p),
    Derivative(p*(1 - p)**e, p) = (1 - p)**e*(1 - e*p/(1 - p))
    where OPEN
and the second derivative of the objective at a stationary point has the same sign:
    N*Derivative(objective, sigma, sigma) = 1 - e*p/(1 - p)
    where STATIONARY
It is positive for p below (M + 1)/(2M): the smaller root p, the outer one in sigma, is a minimum;
    1 - e*p/(1 - p) > 0
    where p = (M + 1)/(2*M*(1 + t)); M = 1 + m
negative for p between (M + 1)/(2M) and 1: the larger root is a maximum, below which descent ends at zero.
    1 - e*p/(1 - p) < 0
    where p = ((M + 1)/(2*M) + t)/(1 + t); M = 1 + m
The root that beats zero has p <= 1/M, which lies below that fold: it is the outer one.
    (M + 1)/(2*M) - 1/M > 0
    where M = 1 + m
The gain over zero grows with tau (its slope in tau, sigma held at its stationary value, is -sigma/N < 0 for the loss), so
a bound on the rank keeps the largest tau.
    Derivative((sigma - tau)**2/(2*N) - tau**2/(2*N), tau) = -sigma/N
let theta, phi = symbols('theta phi', real=True)
let w, s = symbols('w s', positive=True)
let third = (1 - 2*cos(theta))/3
M = 1: the slope is zero at sigma = tau - N c (c = g), that is p = kappa.
    Derivative(objective, sigma) = 0
    where sigma = tau - N*g
    for M = [1]
M = 2 in x: (1 + x^2)^2 = 2x/beta. For any w, (x^2 + 1 + w)^2 minus a square is this quartic if w^3 + 2 w^2 = s, s =
1/(2 beta^2):
    (x**2 + 1 + w)**2 - 2*w*(x + 1/(2*beta*w))**2 = (1 + x**2)**2 - 2*x/beta
    where beta = 1/sqrt(2*(w**3 + 2*w**2))
so x^2 + 1 + w = sqrt(2w) (x + 1/(2 beta w)), a quadratic equation whose larger root is the outer x. The cubic has the
root w = (4 cosh(phi) - 2)/3 with cosh(3 phi) = 27 s/16 - 1:
    w**3 + 2*w**2 = 16*(1 + cosh(3*phi))/27
    where w = (4*cosh(phi) - 2)/3
and with it the larger root of the quadratic equation:
    x**2 + 1 + w - sqrt(2*w)*(x + 1/(2*beta*w)) = 0
    where x = larger_root(w, s); beta = 1/sqrt(2*s)
M = 3: p (1 - p)^(1/2) = kappa is the cubic p^2 (1 - p) = kappa^2, solved by p = (1 - 2 cos(theta))/3 with cos(3 theta)
= 27 kappa^2/2 - 1:
    third**2*(1 - third) = 2*(1 + cos(3*theta))/27
where theta = (arccos(1 - 27 kappa^2/2) + pi)/3 rises from pi/3, where p = 0, to 2 pi/3, where p = 2/3 is the fold: the
outer root. The two ends add up to
    Subs(third, theta, pi/3) + Subs(third, theta, 2*pi/3) = Rational(2, 3)
let end = sqrt(lambda_H/g)*sigma**(M/(M + 1))
The singular value of W_M ... W_1 is S = sigma/s_H with s_H^2 = g sigma^q/lambda_H.
    sigma/sqrt(g*sigma**q/lambda_H) = end
At the minimum it satisfies S^2 = N lambda_H x^M,
    S**2 = N*lambda_H*(1 - p)/p
    where S = end; STATIONARY
and the feature's singular value is that of the ridge regression, S tau/(S^2 + N lambda_H).
    sqrt(g*sigma**q/lambda_H) = S*tau/(S**2 + N*lambda_H)
    where S = end; STATIONARY
"""
CENTERED = """
let mu = Symbol('mu', positive=True)
let b, entry, counts = (symbols('b_1:4', real=True), symbols('A_11 A_12 A_13', real=True), symbols('n_1:4', positive=True))
let column, all = (Matrix(counts), sum(counts))
let root = column.applyfunc(sqrt)
let row = sum((entry[j] + b[0]*root[j] - (0 if j else root[0]))**2 for j in range(3))/(2*all)
Free bias (first row, three classes): the loss is stationary in b_1 at (n_1 - (A sqrt(n))_1)/N,
    Derivative(row, b[0]) = 0
    where b[0] = (counts[0] - sum(entry[j]*root[j] for j in range(3)))/all
which is n_1/N when A sqrt(n) = 0; and the target with b = n/N inserted, T = D^(1/2) - n sqrt(n)^T/N, satisfies T sqrt(n)
= 0, hence so does an A that shares its singular vectors.
    times(centered(counts), root) = matrix(zeros(3, 1))
Its squared singular values are the eigenvalues of
    times(centered(counts), centered(counts).T) = matrix(diag(*counts) - column*column.T/all)
each classes in [2, 3, 4]
let few = symbols('n_1:{classes + 1}', positive=True)
let secular = sum(one*prod([other - mu for other in few if other - one]) for one in few)
whose characteristic polynomial for K = {classes} (the matrix times N) is mu times the secular function: besides zero, the
sum of n_k/(n_k - mu) vanishes, cleared of denominators here.
    Determinant(matrix(sum(few)*diag(*(one - mu for one in few)) - Matrix(few)*Matrix(few).T))
        = -mu*sum(few)**(classes - 1)*secular
end
let vector = Matrix([one/(one - mu) for one in counts])
let one, two = symbols('n_1 n_2', positive=True)
The left singular vector has the entries n_k/(n_k - mu): what is missing to an eigenvector is a multiple of the secular
function.
    times(diag(*counts) - column*column.T/all - mu*eye(3), vector) = matrix(-mu/all*sum(vector)*column)
Two classes: tau^2 = 2 n_1 n_2/N.
    Determinant(matrix(diag(one, two) - Matrix([one, two])*Matrix([[one, two]])/(one + two) - mu*eye(2))) = 0
    where mu = 2*one*two/(one + two)
Two equal counts n: their difference is an eigenvector with tau^2 = n, whatever the third count is.
    times(diag(n, n, one) - Matrix([n, n, one])*Matrix([[n, n, one]])/(2*n + one), [1, -1, 0]) = n*matrix([1, -1, 0])
Equal counts and a free bias: T = sqrt(n) (I - J/K), all K - 1 singular values are equal and A = sigma (I - J/K). The
Grams of classifier and features are multiples of I - J/K, with the cosine (entry off the diagonal over entry on it)
    (-sigma/K)/(sigma*(1 - 1/K)) = -1/(K - 1)
    where K = 1 + k
each classes in [2, 3, 5]
I - J/K is a projection of rank K - 1 (K = {classes}): its square is itself.
    times(centering(classes), centering(classes)) = centering(classes)
end
Equal counts and no bias: A = sigma I, the Grams are multiples of I, every cosine is zero: an orthogonal frame.
    times(sqrt(n)*eye(3), sqrt(n)*eye(3)) = n*matrix(eye(3))
"""
SQUARED_SPECTRAL = """
Squared loss: shrunk singular values of the target
let one, two = symbols('n_1 n_2', positive=True)
let z = Matrix(2, 2, symbols('z_11 z_12 z_21 z_22', real=True))
let r = symbols('r', positive=True)
* BALANCE
Objective: the loss of two classes is ||A - T||^2/(2N) with A = Zbar D^(1/2) and T = D^(1/2) (bias none).
    one*((z[0, 0] - 1)**2 + z[1, 0]**2) + two*(z[0, 1]**2 + (z[1, 1] - 1)**2)
        = squares(z*diag(sqrt(one), sqrt(two)) - diag(sqrt(one), sqrt(two)))
* PLANE
* SCALAR
Bias none: T = D^(1/2) has tau^2 = n for a class of n samples and coordinate axes as singular vectors, so ||w_k|| = S,
||h_k|| = s_H/sqrt(n) and the own logit is sigma/sqrt(n) = 1 - p. For M = 1:
    lambda_H/g*sigma = sqrt(n*lambda_H/lambda_W) - N*lambda_H
    where sigma = sqrt(n) - N*g; g = sqrt(lambda_W*lambda_H)
* CENTERED
Result: squared norm of a classifier row, M = 1, bias none
    sqrt(n*lambda_H/lambda_W) - N*lambda_H
Result: own logit, M = 1, bias none
    1 - N*sqrt(lambda_W*lambda_H/n)
each depth in [2, 3]
Result: singular value of A from the closed root, M = {depth}, bias none
    sqrt(n)*(1 - shrinkage(depth).subs(kappa, (N*g*n**(-M/(M + 1))).subs(M, depth)))
end
let decay = p*(1 - p)**e*n**(M/(M + 1))/N
let row = (lambda_H*(sigma**q)**M/g).subs(sigma, sqrt(n)*(1 - p)).subs(g, decay)
Result: squared norm of a classifier row, any M, bias none, at the decays that give the shrinkage p
    row.subs(lambda_H, decay*r**M)
Result: norm of a class mean, any M, bias none, at the decays that give the shrinkage p
    sqrt((sqrt(n)*(1 - p))**q/r**M/n)
Result: objective of equal counts, any M, bias none, at the decays that give the shrinkage p
    p*(1 + M*(1 - p))/2
Result: count at which a class vanishes, any M, bias none
    (N**(M + 1)*g**(M + 1)*M**(2*M)/(M - 1)**(M - 1))**(1/M)
Result: singular value of A for two classes, M = 1, bias free
    sqrt(2*one*two/(one + two)) - (one + two)*g
"""
SQUARED_TARGETS = """
Squared loss, any targets: shrunk singular values of the target
word alpha: an angle
word beta: an angle
word l: N c
let counts, code = (symbols('n_1:4', positive=True), symbols('y_1:4', real=True))
let b, z = (Symbol('b', real=True), symbols('z_1:4', real=True))
let mean = sum(n*one for n, one in zip(counts, code))/sum(counts)
let rest = matrix([[sqrt(n)*(one - mean) for n, one in zip(counts, code)]])
let residual = [sqrt(n)*(one + b - target) for n, one, target in zip(counts, z, code)]
* BALANCE
Objective (one output, three classes): with a bias b the loss is stationary in b where the mean of z + b is that of the
targets,
    Derivative(squares(residual)/(2*sum(counts)), b) = 0
    where b = mean - sum(n*one for n, one in zip(counts, z))/sum(counts)
which is ybar = Y n/N when A sqrt(n) = 0. The target left over, T = (Y - ybar 1^T) D^(1/2), satisfies T sqrt(n) = 0, and
so does an A with its singular vectors.
    (rest*matrix([[sqrt(n) for n in counts]]).T)[0] = 0
With z = A D^(-1/2) the loss is ||A - T||^2/(2N), here with b = ybar:
    squares(residual) = sum((sqrt(n)*one - entry)**2 for n, one, entry in zip(counts, z, rest))
    where b = mean
* PLANE
let alpha, beta = symbols('alpha beta', real=True)
let high, low = symbols('tau_1 tau_2', nonnegative=True)
let target = turn(alpha)*diag(high, low)*turn(beta).T
A 2 x 2 target has squared singular values with the sum ||T||^2
    squares(target) = high**2 + low**2
and the product of the singular values is |det T|.
    Determinant(target) = high*low
So tau_1 and tau_2 are half of sqrt(||T||^2 + 2 |det T|) plus or minus sqrt(||T||^2 - 2 |det T|); the squares of sum and
difference:
    matrix([(high + low)**2, (high - low)**2]) = matrix([high**2 + low**2 + s*high*low for s in (2, -2)])
* SCALAR
let l = Symbol('l', positive=True)
let seen = high*cos(alpha)**2 + low*sin(alpha)**2
Partial regime or a bottleneck, rank one in a plane: A = sigma u v^T with u, v turned by alpha, beta from the leading
singular vectors sees u^T T v of the target, never more than tau_1.
    high - (high*cos(alpha)*cos(beta) + low*sin(alpha)*sin(beta))
        = (high + low)/2*(1 - cos(alpha - beta)) + (high - low)/2*(1 - cos(alpha + beta))
M = 1: the best sigma for what is seen, h, saves (h - N c)^2/(2N): the objective (sigma^2 - 2 sigma h)/(2N) + c sigma
there.
    (sigma**2 - 2*sigma*y)/(2*N) + l/N*sigma = -(y - l)**2/(2*N)
    where sigma = y - l
A symmetric target cut along a direction turned by alpha (a coordinate axis, say) in place of the leading eigenvector
saves less by
    ((high - l)**2 - (seen - l)**2)/(2*N) = (high - low)*sin(alpha)**2*(2*(high - l) - (high - low)*sin(alpha)**2)/(2*N)
which is positive while h > N c, since its last factor is (tau_1 - N c) + (h - N c). The minimizer is cut in the basis of
singular vectors.
    2*(high - l) - (high - low)*sin(alpha)**2 = (high - l) + (seen - l)
let one, two, three = counts
let Y = symbols('y_11 y_12 y_21 y_22', real=True)
let square = one*(Y[0]**2 + Y[2]**2) + two*(Y[1]**2 + Y[3]**2)
let area = sqrt(one*two)*Abs(Y[0]*Y[3] - Y[1]*Y[2])
let plus, minus = (sqrt(square + 2*area), sqrt(square - 2*area))
Result: largest singular value of A, 2 x 2 targets, M = 1, bias none, both decays c
    (plus + minus)/2 - (one + two)*c
Result: smallest singular value of A, 2 x 2 targets, M = 1, bias none, both decays c
    (plus - minus)/2 - (one + two)*c
Result: singular value of A, one output, three classes, any M, bias free, at the decay that gives the shrinkage p
    sqrt(sum(n*(code - mean)**2 for n, code in zip(counts, code)))*(1 - p)
Result: bias of the same
    mean
"""
BALANCED_REGULARIZED_BIAS = """
Squared loss, equal counts, M = 1, regularized bias: from the simplex to an orthogonal frame
word sigma_1: singular value of A on the mean
word beta: the bias
let mean, beta = symbols('sigma_1 beta', positive=True)
let contrasts = (K - 1)*((sigma - tau)**2/(2*N) + c*sigma)
let objective = contrasts + (mean - tau*(1 - K*beta))**2/(2*N) + c*mean + lambda_b*K*beta**2/2
let balanced = {N: K*tau**2}
let found = {mean: tau - N*c*(1 + 1/lambda_b), sigma: tau - N*c}
let both = {mean: found[mean], beta: c*tau/lambda_b} | balanced
let simplex = {mean: sympify(0), beta: 1/(K*(1 + lambda_b))} | balanced
let cosine = (mean - sigma)/(mean + (K - 1)*sigma)
let border = N*c/(tau - N*c)
* ONE_LAYER
each classes in [2, 3, 4]
let A = sigma*centering(classes) + mean*(ones(classes)/classes)
By symmetry A = sigma (I - J/K) + sigma_1 J/K and b = beta (1, ..., 1). The residual A + b sqrt(n) 1^T - sqrt(n) I splits;
its square for K = {classes}:
    squares(A + beta*tau*ones(classes) - tau*eye(classes))
        = (classes - 1)*(sigma - tau)**2 + (mean - tau*(1 - classes*beta))**2
end
let entries = (1/N, tau*K/N, tau**2*K**2/N + lambda_b*K)
Objective: (K - 1) [(sigma - tau)^2/(2N) + c sigma] + (sigma_1 - tau (1 - K beta))^2/(2N) + c sigma_1 + (lambda_b/2) K
beta^2, tau = sqrt(n). It is convex; in (sigma_1, beta) its matrix of second derivatives has the determinant
    Determinant(matrix([entries[:2], entries[1:]])) = lambda_b*K/N
each name, by, entry in zip(['(1, 1)', '(1, 2)', '(2, 2)'], [(mean, mean), (mean, beta), (beta, beta)], entries)
whose entry {name} is this derivative:
    Derivative(objective, *by) = entry
end
Contrasts: a soft threshold, sigma = tau - N c.
    Derivative(objective, sigma) = 0
    where sigma = tau - N*c
Both sigma_1 and beta free: sigma_1 = tau - N c (1 + 1/lambda_b) and beta = c tau/lambda_b make the slope in sigma_1 zero
(N = K tau^2),
    Derivative(objective, mean) = 0
    where both
and the slope in beta.
    Derivative(objective, beta) = 0
    where both
sigma_1 = 0: the slope in beta vanishes at 1/(K (1 + lambda_b)),
    Derivative(objective, beta) = 0
    where simplex
where the slope in sigma_1 has the opposite sign of tau - N c (1 + 1/lambda_b): zero is optimal exactly where that is not
positive. Then A is sigma (I - J/K), a simplex.
    Derivative(objective, mean) = -found[mean]*lambda_b/(N*(1 + lambda_b))
    where simplex
The border is lambda_b = N c/(tau - N c): there sigma_1 is zero
    found[mean] = 0
    where lambda_b = border
and the two biases agree.
    c*tau/lambda_b = 1/(K*(1 + lambda_b))
    where lambda_b = border; balanced
each classes in [2, 3, 4]
let A = sigma*centering(classes) + mean*ones(classes)/classes
Features and classifier have Grams proportional to A, here for K = {classes}: the entry off the diagonal over the one on
it is the cosine.
    A[0, 1] = cosine.subs(K, classes)*A[0, 0]
end
It rises with sigma_1,
    Derivative(cosine, mean) > 0
    where K = 1 + k
from -1/(K - 1) at sigma_1 = 0, the border and below it,
    cosine = -1/(K - 1)
    where mean = 0
and tends to zero, an orthogonal frame, as lambda_b grows,
    Limit(cosine.subs(found), lambda_b, oo, '-') = 0
as sigma_1 tends to sigma, that is to the problem without a bias.
    Limit(found[mean], lambda_b, oo, '-') = tau - N*c
As lambda_b goes to zero the bias tends to 1/K, that of the problem with a free bias.
    Limit(1/(K*(1 + lambda_b)), lambda_b, 0) = 1/K
||w_k||^2 is (c/lambda_W) times the diagonal entry of A, c = sqrt(lambda_W lambda_H).
    c/lambda_W*((K - 1)*sigma + mean)/K = sqrt(lambda_H/lambda_W)*((K - 1)*sigma + mean)/K
    where c = sqrt(lambda_W*lambda_H)
let level = K*n*sqrt(lambda_W*lambda_H)
let contrast, mean = (sqrt(n) - level, sqrt(n) - level*(1 + 1/lambda_b))
Result: cosine between class means above the border
    (mean - contrast)/(mean + (K - 1)*contrast)
Result: cosine between class means below the border
    -1/(K - 1)
Result: bias above the border
    sqrt(lambda_W*lambda_H*n)/lambda_b
Result: bias below the border
    1/(K*(1 + lambda_b))
Result: largest singular value of A
    contrast
Result: smallest singular value of A above the border
    mean
Result: squared norm of a classifier row above the border
    sqrt(lambda_H/lambda_W)*((K - 1)*contrast + mean)/K
"""
IMBALANCED_REGULARIZED_BIAS = """
Squared loss, M = 1, any counts, regularized bias: groups, merging, complete collapse
word C_gg: mean logit of a group at its own mean, with the bias
word m: classes in the group
word b: bias
word mu: N^2 times a squared singular value
let size, decay = symbols('m lambda', positive=True)
let mean, mu = symbols('C_gg mu', real=True)
let own, rest = (mean + a*(1 - 1/size), mean - a/size)
let cost = (size - 1)*n*(a - 1)**2/(2*N) + c*(size - 1)*sqrt(n)*a
let counts, b = (symbols('n_1:4', positive=True), symbols('b_1:4', real=True))
let column, all = (Matrix(counts), sum(counts))
let loss = sum(counts[k]*sum((b[j] - int(j == k))**2 for j in range(3)) for k in range(3))/(2*all)
let at_zero = loss + lambda_b*squares(b)/2
let found = {b[j]: counts[j]/(all*(1 + lambda_b)) for j in range(3)}
let gradient = (Matrix(b)*ones(1, 3) - eye(3))*diag(*map(sqrt, counts))
let share = (1 + 2*lambda_b)/(1 + lambda_b)**2
let trace = n_1 + n_2 - share*(n_1**2 + n_2**2)/(n_1 + n_2)
let square = (trace + sqrt(trace**2 - 4*n_1*n_2*lambda_b**2/(1 + lambda_b)**2))/2
* ONE_LAYER
* SPLIT
The residuals of a column of a group of m classes within its group: 1 off for the own class, the m - 1 others. Their
squares split into one in the mean and one in a.
    (own - 1)**2 + (size - 1)*rest**2 = size*(mean - 1/size)**2 + (1 - 1/size)*(a - 1)**2
So a has an objective of its own, (m - 1) [n (a - 1)^2/(2N) + c sqrt(n) a], with the stationary point sqrt(n) a = sqrt(n)
- N c, whatever means and bias are.
    Derivative(cost, a) = 0
    where a = 1 - N*c/sqrt(n)
Its slope at a = 0 shows that the group merges exactly where sqrt(n) <= N c.
    Subs(Derivative(cost, a), a, 0) = (size - 1)*sqrt(n)/N*(N*c - sqrt(n))
Complete collapse: at A = 0 (three classes) the bias is n_k/(N (1 + lambda_b)),
    matrix([Derivative(at_zero, one) for one in b]) = matrix(zeros(3, 1))
    where found
the objective
    at_zero = Rational(1, 2) - squares(counts)/(2*all**2*(1 + lambda_b))
    where found
and N times the gradient in A is (b 1^T - I) D^(1/2), whose squared singular values are the eigenvalues of D - s n n^T/N
with s = (1 + 2 lambda_b)/(1 + lambda_b)^2. All is zero exactly where the largest is at most N^2 c^2.
    times(gradient, gradient.T) = matrix(diag(*counts) - share*column*column.T/all)
    where found
For two classes they solve a quadratic equation:
    Determinant(matrix(diag(n_1, n_2) - share*Matrix([n_1, n_2])*Matrix([[n_1, n_2]])/(n_1 + n_2) - mu*eye(2))) = 0
    where mu = square
A heavy bias decay brings back the problem without a bias, whose largest is the larger count (s tends to zero);
    Limit(share, lambda_b, oo, '-') = 0
a light one the centered target (s = 1).
    Limit(share, lambda_b, 0) = 1
Result: own logit minus that of another class of the same count (three of n_1, one of n_2)
    1 - (3*n_1 + n_2)*decay/sqrt(n_1)
Result: count at which a group merges
    (3*n_1 + n_2)**2*decay**2
Result: decay of complete collapse of two classes
    sqrt(square)/(n_1 + n_2)
Result: objective where everything is zero
    Rational(1, 2) - (n_1**2 + n_2**2)/(2*(n_1 + n_2)**2*(1 + lambda_b))
"""
