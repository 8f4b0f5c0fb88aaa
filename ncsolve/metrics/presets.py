"""The choices that papers make differently under one name, and the metrics of five papers under the names that the papers give them.

Published values of one metric differ by up to 11 times on the same features: through the global mean that is subtracted, the
weights of the between-class scatter, a division by K, the degrees of freedom of a standard deviation. A preset is a convention and
a list of names with the keys that hold their values. Checked against the papers' own code where it is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ..problem.errors import ProblemError
from ..values import Value


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Convention(Value):
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
        for name, value in vars(self).items():
            why, cut = "", 0.0 if self.rank_cut is None else self.rank_cut
            if name in ("center", "between") and value not in ("classes", "samples"):
                why = "is unknown; 'classes' or 'samples' works"
            elif name.startswith(("per_", "center_")) and not isinstance(value, bool):
                why = "is neither True nor False"
            elif name == "ddof" and value not in (0, 1):
                why = "is not 0 or 1, the degrees of freedom taken from a standard deviation"
            elif name == "rank_cut" and not (isinstance(cut, int | float) and 0 <= cut < 1):
                why = "is not a number from 0 to below 1, a share of the norm of the class means"
            if why:
                raise ProblemError(f"{name} {value!r} {why}")


@dataclass(frozen=True)
class Preset:
    """What one paper measures.

    Attributes
    ----------
    reference : the paper
    convention : how its metrics are normalized
    names : name in the paper -> key; "K key" undoes the division by K
    """

    reference: str
    convention: Convention
    names: Mapping[str, str]

    def values(self, found: Mapping[str, float], classes: int) -> dict[str, float]:
        """The paper's values, where they are known."""
        keyed = {name: words.split() for name, words in self.names.items()}
        return {
            name: found[key] * classes ** len(undone)
            for name, (*undone, key) in keyed.items()
            if key in found
        }


PRESETS = {
    "papyan": Preset(
        "Papyan, Han & Donoho 2020 (PNAS); standard deviations and the notebook's NC1 as in their code",
        Convention(ddof=1),
        {
            "NC1": "nc1_pinv",
            "NC1 (notebook)": "K nc1_pinv",
            "NC2 equinorm, class means": "nc2_equinorm_H",
            "NC2 equinorm, classifiers": "nc2_equinorm_W",
            "NC2 equiangle, class means": "nc2_equiangle_H",
            "NC2 equiangle, classifiers": "nc2_equiangle_W",
            "NC3 self-duality": "nc3_selfdual_sq",
            "NC4 mismatch": "nc4_ncc_mismatch",
        },
    ),
    "zhu": Preset(
        "Zhu et al. 2021 (arXiv:2105.02375)",
        Convention(center="samples"),
        {"NC1": "nc1_pinv", "NC2": "nc2_etf_W", "NC3": "nc3_etf", "NC4 bias": "nc_bias"},
    ),
    "dang": Preset(
        "Dang et al. 2023 (arXiv:2301.00437); GOF and NC3 against the prediction need one",
        Convention(center="samples", center_duality=False),
        {
            "NC1": "nc1_pinv",
            "NC2 ETF, W": "nc2_etf_W",
            "NC2 ETF, H": "nc2_etf_H",
            "NC2 OF, W": "nc2_of_W",
            "NC2 OF, H": "nc2_of_H",
            "NC2 GOF, W": "nc2_gof_W",
            "NC2 GOF, H": "nc2_gof_H",
            "NC3 ETF": "nc3_etf",
            "NC3 self-duality": "nc3_selfdual",
            "NC3 GOF": "nc3_gof",
        },
    ),
    "hong-ling": Preset(
        "Hong & Ling 2023 (arXiv:2309.09725)",
        Convention(center="samples", between="samples"),
        {"NC1": "nc1_pinv"},
    ),
    "galanti": Preset(
        "Galanti, Gyorgy & Hutter 2022 (arXiv:2112.15121)", Convention(), {"CDNV": "nc1_cdnv"}
    ),
}


def preset_named(name: str) -> Preset:
    """The preset, or an error that lists them."""
    refuse_unknown(name, PRESETS, "preset")
    return PRESETS[name]


def refuse_unknown(name: str, known: Mapping[str, object], what: str) -> None:
    """Refuse a name that is not known, with the one that is nearest or else all of them."""
    if name not in known:
        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)} works"
        raise ProblemError(f"{what} {name!r} is unknown; {hint}")
