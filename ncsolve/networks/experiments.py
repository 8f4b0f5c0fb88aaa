"""Named experiments on scikit-learn's digits: each is a set of options of `ncsolve train`.

Balanced ones take 100 images of each digit. Imbalanced ones take 30, 30, 60, 60, 90, 90, 120, 120, 150, 150: the counts 100, 100,
200, 200, ..., 500, 500 that Dang et al. (2023, arXiv:2301.00437) take of CIFAR-10, scaled to what digits has. The backbone is a
multilayer perceptron whose last layer is linear, so that features of either sign can be realized, unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BALANCED = ",".join(["100"] * 10)
IMBALANCED = "30,30,60,60,90,90,120,120,150,150"
SMALL = ",".join(["12"] * 10)


@dataclass(frozen=True)
class Experiment:
    """What is shown, and the options of `ncsolve train` that show it."""

    shows: str
    options: Mapping[str, str]

    def command(self) -> str:
        """The options as they would be typed."""
        words = (f"--{name.replace('_', '-')} {value}" for name, value in self.options.items())
        return " ".join(["ncsolve train", *words])


_COMMON = dict(width="32", weight_decay="5e-4", feature_decay="5e-4", epochs="60", rng="0")
_IMAGES = _COMMON | dict(
    counts=SMALL,
    weight_decay="2e-3",
    feature_decay="2e-3",
    backbone_width="8",
    image_size="16",
    precision="single",
)

EXPERIMENTS: Mapping[str, Experiment] = {
    "balanced-mse": Experiment(
        "squared loss without a bias ends in an orthogonal frame", _COMMON | {"counts": BALANCED}
    ),
    "balanced-mse-bias": Experiment(
        "squared loss with a free bias ends in a simplex",
        _COMMON | {"counts": BALANCED, "bias": "free"},
    ),
    "balanced-ce": Experiment(
        "cross-entropy ends in a simplex",
        _COMMON | {"counts": BALANCED, "loss": "ce", "epochs": "100"},
    ),
    "imbalanced-mse": Experiment(
        "orthogonal classes whose norms follow their counts, one linear layer",
        _COMMON | {"counts": IMBALANCED},
    ),
    "imbalanced-mse-3": Experiment(
        "the same with three linear layers, which start large enough to stay clear of the zero minimum",
        _COMMON | {"counts": IMBALANCED, "depth": "3", "head_gain": "1.5", "epochs": "100"},
    ),
    "imbalanced-mse-6": Experiment(
        "the same with six linear layers",
        _COMMON | {"counts": IMBALANCED, "depth": "6", "head_gain": "1.5", "epochs": "120"},
    ),
    "imbalanced-ce": Experiment(
        "imbalanced cross-entropy ends in the certified prediction, which has no name",
        _COMMON | {"counts": IMBALANCED, "loss": "ce", "epochs": "100"},
    ),
    "imbalanced-mse-relu": Experiment(
        "a backbone that ends in a ReLU realizes the orthogonal geometry, if it is wide enough that no class starts dead",
        _COMMON | {"counts": IMBALANCED, "features": "relu", "width": "128"},
    ),
    "resnet18": Experiment("a narrow ResNet-18 on 120 images", {"network": "resnet18"} | _IMAGES),
    "vgg16": Experiment("a narrow VGG-16 on 120 images", {"network": "vgg16"} | _IMAGES),
}
