"""Named experiments: questions on scikit-learn's digits, each a set of options of `ncsolve train`.

Balanced ones take 100 images of each digit. Imbalanced ones take 30, 30, 60, 60, 90, 90, 120, 120, 150, 150: the counts 100, 100,
200, 200, ..., 500, 500 that Dang et al. (2023, arXiv:2301.00437) take of CIFAR-10, scaled to what digits has. The backbone is a
multilayer perceptron whose last layer is linear, so that features of either sign can be realized, unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """What is shown, and the options of `ncsolve train` that show it."""

    shows: str
    options: Mapping[str, str]

    def command(self) -> str:
        """The options as they would be typed."""
        words = (f"--{name.replace('_', '-')} {value}" for name, value in self.options.items())
        return " ".join(["ncsolve train", *words])


#: Words that stand for several options of an experiment.
_SETS = {
    "digits": "width=32 weight_decay=5e-4 feature_decay=5e-4 epochs=60 rng=0",
    "balanced": "counts=" + ",".join(["100"] * 10),
    "imbalanced": "counts=30,30,60,60,90,90,120,120,150,150",
    "images": "width=32 weight_decay=2e-3 feature_decay=2e-3 epochs=60 rng=0 counts="
    + ",".join(["12"] * 10)
    + " backbone_width=8 image_size=16 precision=single",
}
_EXPERIMENTS = """
balanced-mse: squared loss without a bias ends in an orthogonal frame
    digits balanced
balanced-mse-bias: squared loss with a free bias ends in a simplex
    digits balanced bias=free
balanced-ce: cross-entropy ends in a simplex
    digits balanced loss=ce epochs=100
imbalanced-mse: orthogonal classes whose norms follow their counts, one linear layer
    digits imbalanced
imbalanced-mse-3: the same with three linear layers, which start large enough to stay clear of the zero minimum
    digits imbalanced depth=3 head_gain=1.5 epochs=100
imbalanced-mse-6: the same with six linear layers
    digits imbalanced depth=6 head_gain=1.5 epochs=120
imbalanced-ce: imbalanced cross-entropy ends in the certified prediction, which has no name
    digits imbalanced loss=ce epochs=100
imbalanced-mse-relu: a backbone that ends in a ReLU realizes the orthogonal geometry, if it is wide enough that no class starts dead
    digits imbalanced features=relu width=128
resnet18: a narrow ResNet-18 on 120 images
    network=resnet18 images
vgg16: a narrow VGG-16 on 120 images
    network=vgg16 images
"""


def _experiments() -> Iterator[tuple[str, Experiment]]:
    lines = iter(_EXPERIMENTS.strip().splitlines())
    for line, options in zip(lines, lines, strict=True):
        name, _, shows = line.partition(": ")
        words = " ".join(_SETS.get(word, word) for word in options.split())
        yield name, Experiment(shows, dict(word.split("=") for word in words.split()))


EXPERIMENTS: Mapping[str, Experiment] = dict(_experiments())
