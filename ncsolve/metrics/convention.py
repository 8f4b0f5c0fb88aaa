"""The choices that papers make differently under one name, as one value.

Published values of one metric differ by up to 11 times on the same features: through the global mean that is subtracted, the
weights of the between-class scatter, a division by K, the degrees of freedom of a standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..problem.errors import ProblemError


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How the metrics are normalized.

    Parameters
    ----------
    center : "classes" or "samples"
        The global mean mu_G: mu_C, the mean of the class means, or mu_S, the mean of all samples. Equal for equal counts.
    between : "classes" or "samples"
        Weights of Sigma_B: 1/K each, or n_k/N.
    per_class : bool
        Whether nc1_pinv is divided by K.
    ddof : 0 or 1
        Of the standard deviations in nc2_equinorm_H and nc2_equinorm_W.
    center_weights : bool
        Whether the mean row is subtracted from W in nc2_equinorm_W, nc2_equiangle_W and nc2_etf_W.
    center_duality : bool
        Whether mu_G is subtracted from the class means in nc3_selfdual and nc3_selfdual_sq.
    center_cosine : bool
        Whether mu_G and the mean row of W are subtracted in nc3_cos.
    rank_cut : float, optional
        Singular values of the centered class means at or below this share of the Frobenius norm of the class means count as
        zero. Default: twice the spacing of the floats that the features were given in, since rounding the features
        moves no singular value further (Weyl).

    Examples
    --------
    >>> Convention(center="samples").center
    'samples'
    """

    center: str = "classes"
    between: str = "classes"
    per_class: bool = True
    ddof: int = 0
    center_weights: bool = False
    center_duality: bool = True
    center_cosine: bool = False
    rank_cut: float | None = None

    def __post_init__(self) -> None:
        for name in ("center", "between"):
            if getattr(self, name) not in ("classes", "samples"):
                raise ProblemError(
                    f"{name} {getattr(self, name)!r} is unknown; 'classes' or 'samples' works"
                )
        for name in ("per_class", "center_weights", "center_duality", "center_cosine"):
            if not isinstance(getattr(self, name), bool):
                raise ProblemError(f"{name} {getattr(self, name)!r} is neither True nor False")
        if self.ddof not in (0, 1):
            raise ProblemError(
                f"ddof {self.ddof!r} is not 0 or 1, the degrees of freedom taken from a standard deviation"
            )
        cut = self.rank_cut
        if cut is not None and not (
            isinstance(cut, int | float) and 0 <= cut < 1 and math.isfinite(cut)
        ):
            raise ProblemError(
                f"rank_cut {cut!r} is not a number from 0 to below 1, a share of the norm of the class means"
            )

    def to_dict(self) -> dict[str, Any]:
        """The choices as plain values."""
        return asdict(self)
