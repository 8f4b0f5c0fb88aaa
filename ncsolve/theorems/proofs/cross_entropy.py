r"""Cross-entropy with one layer: simplices, groups of equal counts, ReLU features, vanishing decays.

Logits a (I - J/K) cost loss(a) = log(1 + (K-1) e^(-a)) + delta (1 - 1/K) a; -loss'(a) = u - d with u = (K-1)/(e^a + K - 1) and
d = delta (1 - 1/K).
"""

from __future__ import annotations

import sympy as sp

from .steps import LETTERS

K, a, c, delta, k, n, N = (LETTERS[letter] for letter in ["K", "a", "c", "delta", "k", "n", "N"])
LARGER = {K: 1 + k}
loss = sp.log(1 + (K - 1) * sp.exp(-a)) + delta * (1 - 1 / K) * a
pull = (K - 1) / (sp.exp(a) + K - 1) - delta * (1 - 1 / K)
one_layer_margin = sp.log(K / (K * c * sp.sqrt(n) + delta) - K + 1)
two_class_logit = sp.log(sp.sqrt(2) / (c * sp.sqrt(N)) - 1) / 2

SIMPLEX_LOSS = """
let own, other = (a*(1 - 1/K), -a/K)
let z, s = (symbols('z_1:4', real=True), Symbol('s', real=True))
let p = symbols('p_1 p_2', positive=True)
let share = (*p, 1 - sum(p))
Logits a (I - J/K): a(1 - 1/K) for the own class, -a/K for each of the K - 1 others. The loss of a sample with target (1 -
delta) e_k + delta/K is
    log(exp(own) + (K - 1)*exp(other)) - (1 - delta)*own - delta/K*(own + (K - 1)*other) = loss
    where LARGER
A constant s added to all logits of a column changes no loss (three classes, any target), while any J-part makes A larger:
the minimizer has none.
    log(sum(exp(one + s) for one in z)) - sum(w*(one + s) for w, one in zip(share, z))
        = log(sum(exp(one) for one in z)) - sum(w*one for w, one in zip(share, z))
"""
SIMPLEX_SLOPE = """
each classes in [2, 3, 5]
I - J/K is a projection (K = {classes}) of trace K - 1: A = sqrt(n) a (I - J/K) has K - 1 singular values sigma = sqrt(n)
a.
    times(centering(classes), centering(classes)) = centering(classes)
end
Minus the slope of the loss is u - delta (1 - 1/K) with u = (K - 1)/(e^a + K - 1):
    -Derivative(loss, a) = pull
The loss is convex.
    Derivative(loss, a, a) > 0
    where LARGER
"""
SIMPLEX_ANGLES = """
let s = Symbol('s', positive=True)
The Grams of classifier and features are multiples s (I - J/K); the cosine between any two classes is
    (-s/K)/(s*(1 - 1/K)) = -1/(K - 1)
    where LARGER
"""
SIMPLEX_GRADIENT = """
let share, bottom = (sqrt(n)/(n*K), 1 + (K - 1)*exp(-a))
The gradient of the loss in A at the simplex, (sqrt(n)/N)(softmax - target) with N = nK: the entry of the own class and
that of any other.
    matrix([share*(1/bottom - (1 - delta) - delta/K), share*(exp(-a)/bottom - delta/K)])
        = matrix([-height*(1 - 1/K), height/K])
    where at
"""
BALANCED_CROSS_ENTROPY = """
Cross-entropy, equal counts, M = 1: the simplex
let level = K*c*sqrt(n) + delta
let slope = -pull + c*(K - 1)*sqrt(n)
let found = {a: one_layer_margin}
* ONE_LAYER
* SIMPLEX_LOSS
* SIMPLEX_SLOPE
Objective on simplices: the loss plus c (K - 1) sigma with sigma = sqrt(n) a. Its slope:
    Derivative(loss + c*(K - 1)*sqrt(n)*a, a) = slope
It is zero at a = log(K/(K c sqrt(n) + delta) - K + 1).
    slope = 0
    where found
The argument of the logarithm exceeds one, and a is positive, exactly if K c sqrt(n) + delta < 1:
    K/level - K + 1 = 1 + K*(1 - level)/level
otherwise the slope at a = 0 is not negative and, the objective being convex, zero is the minimizer:
    -pull.subs(a, 0) + c*(K - 1)*sqrt(n) = (K - 1)/K*(level - 1)
* SIMPLEX_GRADIENT with height = c; at = found
So the gradient is -c (I - J/K): its operator norm is c and its product with A is -c times the nuclear norm of A. By
convexity A is global among all matrices. The product, entry by entry:
    K*(-c*(1 - 1/K))*sigma*(1 - 1/K) + K*(K - 1)*(c/K)*(-sigma/K) = -c*(K - 1)*sigma
Balanced factors: ||w_k||^2 = (c sigma/lambda_W)(1 - 1/K).
    c*sigma/lambda_W*(1 - 1/K) = sqrt(lambda_H/lambda_W)*sigma*(1 - 1/K)
    where c = sqrt(lambda_W*lambda_H)
* SIMPLEX_ANGLES
At the minimizer the logarithm in the loss is that of K/(K - (K - 1)(K c sqrt(n) + delta)).
    log(1 + (K - 1)*exp(-a)) = log(K/(K - (K - 1)*level))
    where found; LARGER
let weight = sqrt(lambda_W*lambda_H)
let margin = one_layer_margin.subs(c, weight)
let length = sqrt(n)*margin*(1 - 1/K)
Result: singular values of A
    sqrt(n)*margin
Result: squared norm of a classifier row
    sqrt(lambda_H/lambda_W)*length
Result: squared norm of a class mean
    sqrt(lambda_W/lambda_H)*length/n
Result: objective
    (loss + weight*(K - 1)*sqrt(n)*a).subs(a, margin)
"""
IMBALANCED_CROSS_ENTROPY = """
Cross-entropy, M = 1, any counts: groups, merging, complete collapse
word C_gg: mean logit of a group at its own mean
word rho: s_g r_g, the temperatures
word m: classes in the group
word m_h: classes outside it
let size, others, rho = symbols('m m_h rho', positive=True)
let mean, far = symbols('C_gg C_hg', real=True)
let own, rest = (mean + a*(1 - 1/size), mean - a/size)
let top = log(exp(rho*own) + (size - 1)*exp(rho*rest) + others*exp(rho*far))
let target = delta/(size + others)*rho*(own + (size - 1)*rest + others*far)
let column = top - (1 - delta)*rho*own - target
let several = {size: 1 + Symbol('l', positive=True)}
let z, counts = (symbols('z_1:4', real=True), symbols('n_1:4', positive=True))
let slope = lambda j, k: sqrt(counts[k])/N*Derivative(log(sum(map(exp, z))) - z[k], z[j])
let one, two, both = symbols('z_1 z_2 z', positive=True)
let scaled = Matrix([[one, -two], [-one, two]])*diag(sqrt(n_1), sqrt(n_2))
let length = sqrt(2*(n_1*one**2 + n_2*two**2))
let pair = (n_1*log(1 + exp(-2*one)) + n_2*log(1 + exp(-2*two)))/N + c*length
let solved = {one: both, two: both, n_1: N - n_2, c: sqrt(2/N)/(1 + exp(2*both))}
* ONE_LAYER
* SPLIT
The loss of a column of a group of m classes, with label smoothing and temperatures rho = s_g r_g, where a = 0: its slope
in a does not depend on any mean logit or bias.
    Subs(Derivative(column, a), a, 0) = -(1 - delta)*rho*(1 - 1/size)
    where several
It is convex in a.
    Derivative(column, a, a) > 0
    where several
Weighted with m n/N, and with the penalty c (m - 1) sqrt(n) a, the slope at a = 0 is a positive number times N c - sqrt(n)
(1 - delta) rho: the group merges exactly where sqrt(n) (1 - delta) s r <= N c.
    size*n/N*(-(1 - delta)*rho*(1 - 1/size)) + c*(size - 1)*sqrt(n)
        = (size - 1)*sqrt(n)/N*(N*c - sqrt(n)*(1 - delta)*rho)
Complete collapse (plain, no bias): the gradient in A at A = 0, by differentiating the loss of each column (three
classes), is -(I - J/K) D^(1/2)/N. All is zero exactly where its operator norm is at most c.
    matrix(Matrix(3, 3, slope)) = matrix((ones(3)/3 - eye(3))*diag(*map(sqrt, counts))/N)
    where dict.fromkeys(z, sympify(0))
* SPECTRUM
(m_1 n_2 + m_2 n_1)/K lies between n_1 and n_2, so the largest is that of the larger count if two classes share it, and
this one if not.
    between - n_2 = m_2*(n_1 - n_2)/(m_1 + m_2)
Two classes: logits z_1 (1, -1) and z_2 (-1, 1). A has rank one and the squared norm
    Trace(times(scaled.T, scaled)) = length**2
(its determinant is zero), so that is its nuclear norm.
    Determinant(matrix(scaled)) = 0
The objective (n_1 log(1 + e^(-2 z_1)) + n_2 log(1 + e^(-2 z_2)))/N + c ||A|| is stationary in z_1 where both logits are
one z with c sqrt(N/2) (1 + e^(2z)) = 1, whatever the counts are,
    Derivative(pair, one) = 0
    where solved
and in z_2.
    Derivative(pair, two) = 0
    where solved
Solved for z:
    two_class_logit = both
    where c = solved[c]
That logit is zero exactly where N c reaches the operator norm at zero, sqrt(N/2):
    two_class_logit = 0
    where c = 1/sqrt(2*N)
let weight = sqrt(lambda_W*lambda_H)
let logit = two_class_logit.subs(c, weight).subs(N, n_1 + n_2)
let sigma = logit*sqrt(2*(n_1 + n_2))
Result: own logit of either of two classes
    logit
Result: objective of two classes
    log(1 + exp(-2*logit)) + weight*sigma
Result: squared norm of a class mean of two classes
    sqrt(lambda_W/lambda_H)*sigma/(n_1 + n_2)
Result: count at which a group merges
    N**2*lambda_W*lambda_H/(1 - delta)**2
Result: decay of complete collapse, a class of n_1 against m_2 of n_2 < n_1
    sqrt(between.subs(m_1, 1))/(1*n_1 + m_2*n_2)
"""
RELU_CROSS_ENTROPY = """
Cross-entropy with ReLU features, M = 1, no bias: every class on its own axis
word gamma: lengths of the gradient's columns
word h: a feature, not negative
let share = sqrt(1 - 1/K)
let objective = n/N*loss + c*sqrt(n)*share*a
let slope = -n/N*pull + c*sqrt(n)*share
let x = (N*c/sqrt(n)/share + delta)*(K - 1)/K
let found = {a: log((K - 1)*(1/x - 1))}
let size, h = (symbols('gamma_1:4', positive=True), symbols('h_1:4', nonnegative=True))
let bottom = 1 + (K - 1)*exp(-a)
let own, other = (1/bottom - (1 - delta) - delta/K, exp(-a)/bottom - delta/K)
let spikes = lambda classes: eye(classes) - ones(classes)/classes
let gradient = -spikes(3)*diag(*size)
* ONE_LAYER
* SIMPLEX_LOSS
each classes in [2, 3, 4]
A class alone on its axis with W h_k = a (e_k - 1/K) has a column of A of squared length n a^2 (1 - 1/K), here for K =
{classes}: sigma = sqrt(n (1 - 1/K)) a.
    total((a*sqrt(n)*entry)**2 for entry in spikes(classes)[:, 0]) = n*a**2*(1 - Rational(1, classes))
end
Its objective is (n/N) loss(a) + c sigma. The slope:
    Derivative(objective, a) = slope
The objective is convex.
    Derivative(objective, a, a) > 0
    where LARGER
The slope is zero at a = log((K - 1)(1/x - 1)), x = (N c sqrt(K/((K - 1) n)) + delta)(K - 1)/K.
    slope = 0
    where found; LARGER
At a = 0 it is (n/N) (x - (K - 1)/K): the class vanishes where x >= (K - 1)/K,
    slope.subs(a, 0) = n/N*(x - (K - 1)/K)
    where LARGER
that is where n (1 - delta)^2 <= N^2 lambda_W lambda_H K/(K - 1): at equality
    x = (K - 1)/K
    where n = N**2*c**2*K/(K - 1)/(1 - delta)**2; delta = 1/(1 + t); LARGER
Why no other H >= 0 is lower: the gradient's column is -gamma (e_k - 1/K), by its entries for the own class and for
another,
    own*(-1/K) = other*(1 - 1/K)
    where LARGER
such columns have negative products with each other (K = 3, two columns),
    (gradient[:, 0].T*gradient[:, 1])[0] < 0
so that for h >= 0 the square of the gradient times h is at most the sum of h_k^2 gamma_k^2 (1 - 1/K), never above the
longest column:
    sum((h[j]*size[j])**2 for j in range(3))*Rational(2, 3) - squares(gradient*Matrix(h)) >= 0
with equality on the axes. At the solution the columns of active classes have length c exactly (sqrt(n)/N times the slope
of the loss over the length of e_k - 1/K): the dual certificate.
    sqrt(n)/N*pull/share = c
    where found; LARGER
Balanced factors: n lambda_H ||h||^2 = c sigma.
    c*sigma/(n*lambda_H) = sqrt((K - 1)*lambda_W/(K*lambda_H*n))*a
    where sigma = sqrt(n)*share*a; c = sqrt(lambda_W*lambda_H); LARGER
Two active classes' means are orthogonal, their classifier rows are not: e_k - 1/K and e_l - 1/K have the product -1/K (K
= 4).
    times(spikes(4)[:, 0].T, spikes(4)[:, 1]) = matrix([-Rational(1, 4)])
let weight = sqrt(lambda_W*lambda_H)
let level = lambda count: (N*weight*sqrt(K/((K - 1)*count)) + delta)*(K - 1)/K
let margin = lambda count: log((K - 1)*(1/level(count) - 1))
let cost = lambda count: (count/N*loss + weight*sqrt(count*(1 - 1/K))*a).subs(a, margin(count))
let rest = (N - n)/(K - 1)
let rows = sqrt(n)*margin(n)*(1 - 1/K) + (K - 1)*sqrt(rest)*margin(rest)/(K*(K - 1))
Result: own logit
    margin(n)*(1 - 1/K)
Result: squared norm of a class mean
    sqrt((K - 1)*lambda_W/(K*lambda_H*n))*margin(n)
Result: squared norm of a classifier row
    sqrt(lambda_H/lambda_W)*sqrt(1 - 1/K)*rows
Result: objective
    cost(n) + (K - 1)*cost(rest)
Result: count at which a class vanishes
    N**2*lambda_W*lambda_H/(1 - delta)**2*K/(K - 1)
"""
VANISHING_DECAY = """
Cross-entropy, M = 1, decays to zero: the least nuclear norm at margin one
word nu: the length of 1/r
word u: 1/(nu r)
word w: entries of the unit contrast between two groups
let r, s, u, counts = [symbols(letter + '_1:4', positive=True) for letter in 'rsun']
let nu, mu = symbols('nu mu', positive=True)
let U = Matrix(u)
let logits = (eye(3) - U*U.T)*diag(*(1/(r[k]*s[k]) for k in range(3)))
let margins = Matrix(3, 3, lambda j, k: s[k]*(r[k]*logits[k, k] - r[j]*logits[j, k]))
let direction = {u[k]: 1/(nu*r[k]) for k in range(3)}
let one, two = symbols('w_1 w_2', real=True)
let first, second = (sqrt(m_2/(m_1*(m_1 + m_2))), sqrt(m_1/(m_2*(m_1 + m_2))))
As the decays vanish margins grow without bound, like log(1/c): for equal counts (balanced_cross_entropy)
    Limit(one_layer_margin.subs(delta, 0)/log(1/c), c, 0) = 1
and for two classes of any counts (imbalanced_cross_entropy), where the margin 2z is the same for both at every decay.
    Limit(2*two_class_logit/log(1/c), c, 0) = 1
What is left is the least nuclear norm at margin one. Margins (three classes, any temperatures): Zbar = (I - u u^T)
diag(1/(r_k s_k)), u = 1/(nu r), has s_k (r_k z_kk - r_j z_jk) = 1 for every j other than k.
    matrix(margins) = matrix(ones(3) - eye(3))
    where direction
and (I - u u^T) has u in its null space, so that A has rank K - 1, when nu makes u a unit vector.
    times(eye(3) - U*U.T, u) = matrix(zeros(3, 1))
    where direction; nu = sqrt(sum(1/one**2 for one in r))
LDT with s_k proportional to sqrt(n_k), no CDT: A = Zbar D^(1/2) is a multiple of I - J/K, the classifiers are a simplex.
    times(logits, diag(*map(sqrt, counts))) = t*centering(3)
    where direction; dict.fromkeys(r, sympify(1)); nu = sqrt(3); {s[k]: sqrt(counts[k])/t for k in range(3)}
* SPECTRUM
each of, and_of in [(2, 1), (2, 2)]
let root, left = (masses(of, and_of), contrast(of, and_of))
let right = root*left/sqrt(mu)
let blocks = within(of, and_of, sqrt(n_1), sqrt(n_2))
let A = centering(of + and_of)*root
let at = {mu: between.subs({m_1: of, m_2: and_of})}
SELI with {of} and {and_of} classes: A = (I - J/K) D^(1/2) is the centered blocks times sqrt(n_g) plus sqrt(mu) w v^T with
w the unit contrast between the groups, v = D^(1/2) w/sqrt(mu), mu = (m_1 n_2 + m_2 n_1)/K.
    times(centering(of + and_of), root) = blocks + sqrt(mu)*left*right.T
    where at
The classifier's Gram is the root of A A^T: blocks times sqrt(n_g) plus sqrt(mu) w w^T; its square
    times(*[blocks + sqrt(mu)*left*left.T]*2) = A*A.T
    where at
the features' Gram is the root of A^T A between two D^(-1/2), and that root is the blocks plus sqrt(mu) v v^T; its square
    times(*[blocks + sqrt(mu)*right*right.T]*2) = A.T*A
    where at
The polar factor of A, blocks plus w v^T, is orthogonal on the range of A: A is its product with the features' root.
    times(within(of, and_of, 1, 1) + left*right.T, blocks + sqrt(mu)*right*right.T) = A
    where at
end
Optimality: the polar factor Q is a subgradient of the nuclear norm, and Q D^(1/2) must be a combination of e_k - e_j with
weights -Q_jk sqrt(n_k) >= 0. Its columns add up to zero since w does (here m_1 and m_2 times its entries);
    m_1*one + m_2*two = 0
    where one = first; two = -second
between the groups Q_jk = w_j v_k < 0;
    -first*second*sqrt(n_2/mu) < 0
and within group 1 Q_jk = -1/m_1 + w_1 v_1, negative because the square of 1/m_1 is larger than that of w_1 v_1.
    1/m_1**2 > (m_2/(m_1*(m_1 + m_2)))**2*n_1/mu
    where mu = between
The value, the nuclear norm, is sum (m_g - 1) sqrt(n_g) + sqrt(mu); for equal counts it is (K - 1) sqrt(n).
    (m_1 - 1)*sqrt(n_1) + (m_2 - 1)*sqrt(n_2) + sqrt(mu) = (m_1 + m_2 - 1)*sqrt(n_1)
    where mu = between; n_2 = n_1
Result: nuclear norm
    (m_1 - 1)*sqrt(n_1) + (m_2 - 1)*sqrt(n_2) + sqrt(between)
Result: squared norm of a classifier row
    sqrt(n_1)*(1 - 1/m_1) + sqrt(between)*m_2/(m_1*(m_1 + m_2))
Result: product of classifier rows of different groups
    -sqrt(between)/(m_1 + m_2)
Result: squared norm of a class mean
    (1 - 1/m_1)/sqrt(n_1) + m_2/(m_1*(m_1 + m_2))/sqrt(between)
Result: product of class means of different groups
    -1/((m_1 + m_2)*sqrt(between))
Result: cosine between classifier rows, LDT with s_k = sqrt(n_k)
    -1/(K - 1)
"""
