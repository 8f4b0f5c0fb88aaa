# ruff: noqa: E501
"""Errors of 1% in every formula of the closed forms: (name, file, what stands there, what is planted)."""

MUTATIONS = [
    # scalar.py
    ("threshold: factor", "analytic/scalar.py", "_e(depth) / depth)", "_e(depth) / depth * 1.01)"),
    ("threshold: exponent", "analytic/scalar.py", "(1.0 - 1.0 / depth) ** _e(depth)", "(1.0 - 1.0 / depth) ** (1.01 * _e(depth))"),
    ("fold", "analytic/scalar.py", "return float(p * (1.0 - p)", "return float(1.01 * p * (1.0 - p)"),
    ("critical power: N", "analytic/scalar.py", "return samples ** (m + 1)", "return Fraction(101, 100) * samples ** (m + 1)"),
    ("level: N", "analytic/scalar.py", "samples * mean_decay * np.power(tau2", "1.01 * samples * mean_decay * np.power(tau2"),
    ("level: exponent", "analytic/scalar.py", "-depth / (depth + 1.0)", "-1.01 * depth / (depth + 1.0)"),
    ("outer root: the equation", "analytic/scalar.py", "v = kappa * np.power(r, e)", "v = 1.01 * kappa * np.power(r, e)"),
    ("outer root: its exponent", "analytic/scalar.py", "np.power(r, e)", "np.power(r, 1.01 * e)"),
    ("outer root: one layer", "analytic/scalar.py", "return kappa.copy()", "return 1.01 * kappa"),
    ("sigma", "analytic/scalar.py", "sigma *= 1.0 - self.shrinkage", "sigma *= 1.01 - self.shrinkage"),
    ("value: the penalty", "analytic/scalar.py", "share = p * (1.0 + self.depth", "share = p * (1.0 + 1.01 * self.depth"),
    ("value: the half", "analytic/scalar.py", "math.fsum(sums) / 2.0", "math.fsum(sums) / 2.02"),
    ("the exponent e", "analytic/scalar.py", "(depth - 1) / (depth + 1)", "(1.01 * depth - 1) / (depth + 1)"),
    # reduction.py
    ("q", "analytic/reduction.py", "return 2.0 / (self.depth + 1)", "return 2.02 / (self.depth + 1)"),
    ("c", "analytic/reduction.py", "* (self.depth + 1) / 2.0", "* (self.depth + 1) / 2.02"),
    ("mean decay: root", "analytic/reduction.py", "mantissa**root", "mantissa ** (1.01 * root)"),
    ("mean decay: exponent", "analytic/reduction.py", "2.0 ** (rest * root)", "2.0 ** (1.01 * rest * root)"),
    # secular.py
    ("secular weights", "analytic/secular.py", "weights = poles * multiplicities", "weights = poles * (multiplicities + 0.01)"),
    ("secular far field", "analytic/secular.py", "values[k] = scratch.sum()", "values[k] = 1.01 * scratch.sum()"),
    ("secular roots", "analytic/secular.py", "self.poles[self.origin] + self.offset", "self.poles[self.origin] + 1.01 * self.offset"),
    ("inverse gaps", "analytic/secular.py", "- self.offset[chosen]", "- 1.01 * self.offset[chosen]"),
    # spectrum.py
    ("axis vectors", "analytic/spectrum.py", "np.arange(self.axes.size)] = 1.0", "np.arange(self.axes.size)] = 1.01"),
    ("centred left vectors", "analytic/spectrum.py", "(left, x * poles[:, None])", "(left, x * poles[:, None] ** 1.01)"),
    ("centred right vectors", "analytic/spectrum.py", "x * np.sqrt(poles)[:, None]", "x * poles[:, None] ** 0.505"),
    ("centred lengths", "analytic/spectrum.py", "np.sqrt(sizes @ (y * y))", "np.sqrt(1.01 * sizes @ (y * y))"),
    # factors.py
    ("layer spectra", "analytic/factors.py", "np.sqrt(share) / np.sqrt(decay)", "np.sqrt(1.01 * share) / np.sqrt(decay)"),
    ("layer spectra: exponent", "analytic/factors.py", "np.power(sigma, reduction.q)", "np.power(sigma, 1.01 * reduction.q)"),
    ("end-to-end spectrum", "analytic/factors.py", "np.sqrt(ufm.feature_decay) /", "np.sqrt(1.01 * ufm.feature_decay) /"),
    ("end-to-end exponent", "analytic/factors.py", "depth / (depth + 1.0))", "1.01 * depth / (depth + 1.0))"),
    ("class means", "analytic/factors.py", ".T / np.sqrt(ufm.counts)", ".T / np.sqrt(1.01 * ufm.counts)"),
    # spectral.py and classes.py
    ("critical count", "analytic/spectral.py", "np.power(samples * modes.mean_decay / limit", "np.power(1.01 * samples * modes.mean_decay / limit"),
    ("critical decay", "analytic/spectral.py", "decay = limit * np.power", "decay = 1.01 * limit * np.power"),
    ("own logit", "analytic/classes.py", "own = frame.left_sums(sigma)", "own = 1.01 * frame.left_sums(sigma)"),
    ("logits", "analytic/classes.py", "+ solution.bias()[:, None]", "+ 1.01 * solution.bias()[:, None]"),
    ("feature norm", "analytic/classes.py", "** 2) / ufm.counts)", "** 2) / ufm.counts * 1.01)"),
    # theorems
    ("free bias", "analytic/theorems/squared_spectral.py", "ufm.counts / ufm.samples", "1.01 * ufm.counts / ufm.samples"),
    ("centred targets", "analytic/theorems/squared_targets.py", "codes - mean[:, None]", "codes - 1.01 * mean[:, None]"),
    ("target mean", "analytic/theorems/squared_targets.py", "mean = codes @ (ufm.counts", "mean = 1.01 * codes @ (ufm.counts"),
    ("regularized: mean mode", "analytic/theorems/balanced_regularized_bias.py", "(1.0 + 1.0 / ufm.bias_decay)", "(1.0 + 1.01 / ufm.bias_decay)"),
    ("regularized: contrast", "analytic/theorems/balanced_regularized_bias.py", "tau - pull, least", "tau - 1.01 * pull, least"),
    ("regularized: its threshold", "analytic/theorems/balanced_regularized_bias.py", "(1 + decay) ** 2 else", "(Fraction(101, 100) + decay) ** 2 else"),
    ("regularized: bias above", "analytic/theorems/balanced_regularized_bias.py", "bias = c * tau / decay", "bias = 1.01 * c * tau / decay"),
    ("regularized: bias below", "analytic/theorems/balanced_regularized_bias.py", "1.0 / (classes * (1.0 + decay))", "1.0 / (classes * (1.01 + decay))"),
    ("regularized: value below", "analytic/theorems/balanced_regularized_bias.py", "decay / (2 * classes", "decay / (2.02 * classes"),
    ("regularized: value of a contrast", "analytic/theorems/balanced_regularized_bias.py", "residual**2 / (2 * samples)", "residual**2 / (2.02 * samples)"),
    ("regularized: critical count", "analytic/theorems/balanced_regularized_bias.py", "(samples * c) ** 2)", "(1.01 * samples * c) ** 2)"),
    ("regularized: critical decay", "analytic/theorems/balanced_regularized_bias.py", "tau / samples)", "1.01 * tau / samples)"),
    # the definition itself
    ("objective: data term", "losses/squared.py", "(2.0 * self.total)", "(2.02 * self.total)"),
    ("objective: penalty", "raw_objective.py", "return 0.5 * float(sum(squares))", "return 0.505 * float(sum(squares))"),
    ("gradient: features", "raw_objective.py", "np.multiply(p.features, self.feature_decay", "np.multiply(p.features, 1.01 * self.feature_decay"),
    ("gradient: weights", "raw_objective.py", "+= self.weight_decay[j] * p.weights[j]", "+= 1.01 * self.weight_decay[j] * p.weights[j]"),
    ("gradient: bias", "raw_objective.py", "self.columns.ones + self.bias_decay * p.bias", "self.columns.ones + 1.01 * self.bias_decay * p.bias"),
    ("second derivative", "raw_objective.py", "back[j + 1] @ dx[j].T", "1.01 * back[j + 1] @ dx[j].T"),
]  # fmt: skip
