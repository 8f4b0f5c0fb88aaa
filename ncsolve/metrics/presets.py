"""The metrics of five papers under the names that the papers give them.

A preset is a convention and a list of names with the keys that hold their values. Checked against the papers' own code where it
is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ..problem.errors import ProblemError
from .convention import Convention


@dataclass(frozen=True)
class Preset:
    """What one paper measures.

    Attributes
    ----------
    reference : the paper
    convention : how its metrics are normalized
    names : (name in the paper, key, factor): the paper's value is the factor times the value under the key; a factor of 0
        stands for K, which undoes the division by K
    """

    reference: str
    convention: Convention
    names: tuple[tuple[str, str, float], ...]

    def values(self, found: Mapping[str, float], classes: int) -> dict[str, float]:
        """The paper's values, where they are known."""
        return {
            name: found[key] * (factor or classes)
            for name, key, factor in self.names
            if key in found
        }


def _plain(*pairs: tuple[str, str]) -> tuple[tuple[str, str, float], ...]:
    return tuple((name, key, 1.0) for name, key in pairs)


PRESETS = {
    "papyan": Preset(
        "Papyan, Han & Donoho 2020 (PNAS); standard deviations and the notebook's NC1 as in their code",
        Convention(ddof=1),
        (
            *_plain(("NC1", "nc1_pinv")),
            ("NC1 (notebook)", "nc1_pinv", 0.0),
            *_plain(
                ("NC2 equinorm, class means", "nc2_equinorm_H"),
                ("NC2 equinorm, classifiers", "nc2_equinorm_W"),
                ("NC2 equiangle, class means", "nc2_equiangle_H"),
                ("NC2 equiangle, classifiers", "nc2_equiangle_W"),
                ("NC3 self-duality", "nc3_selfdual_sq"),
                ("NC4 mismatch", "nc4_ncc_mismatch"),
            ),
        ),
    ),
    "zhu": Preset(
        "Zhu et al. 2021 (arXiv:2105.02375)",
        Convention(center="samples"),
        _plain(
            ("NC1", "nc1_pinv"), ("NC2", "nc2_etf_W"), ("NC3", "nc3_etf"), ("NC4 bias", "nc_bias")
        ),
    ),
    "dang": Preset(
        "Dang et al. 2023 (arXiv:2301.00437); GOF and NC3 against the prediction need one",
        Convention(center="samples", center_duality=False),
        _plain(
            ("NC1", "nc1_pinv"),
            ("NC2 ETF, W", "nc2_etf_W"),
            ("NC2 ETF, H", "nc2_etf_H"),
            ("NC2 OF, W", "nc2_of_W"),
            ("NC2 OF, H", "nc2_of_H"),
            ("NC2 GOF, W", "nc2_gof_W"),
            ("NC2 GOF, H", "nc2_gof_H"),
            ("NC3 ETF", "nc3_etf"),
            ("NC3 self-duality", "nc3_selfdual"),
            ("NC3 GOF", "nc3_gof"),
        ),
    ),
    "hong-ling": Preset(
        "Hong & Ling 2023 (arXiv:2309.09725)",
        Convention(center="samples", between="samples"),
        _plain(("NC1", "nc1_pinv")),
    ),
    "galanti": Preset(
        "Galanti, Gyorgy & Hutter 2022 (arXiv:2112.15121)",
        Convention(),
        _plain(("CDNV", "nc1_cdnv")),
    ),
}


def preset_named(name: str) -> Preset:
    """The preset, or an error that lists them.

    Examples
    --------
    >>> preset_named("zhu").convention.center
    'samples'
    """
    if name not in PRESETS:
        near = get_close_matches(str(name), PRESETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(PRESETS)} works"
        raise ProblemError(f"preset {name!r} is unknown; {hint}")
    return PRESETS[name]
