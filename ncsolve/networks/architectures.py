"""Backbones as frozen values: a multilayer perceptron, ResNet-18 and VGG-16 for small images.

`trunk(shape)` builds the part below the features and says how many numbers it gives per sample; `network.py` puts the feature layer
and the M linear layers on top. Every trunk ends in a ReLU (and an average over positions where there are any).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..problem.errors import ProblemError
from .resnet import resnet18
from .vgg import vgg16

Shape = tuple[int, ...]


@dataclass(frozen=True)
class MLP:
    """ReLU layers of equal width on the flattened sample.

    Parameters
    ----------
    depth : number of hidden layers, each linear and ReLU
    width : units per layer

    Examples
    --------
    >>> MLP(depth=2, width=8).trunk((1, 8, 8))[1]
    8
    """

    depth: int = 3
    width: int = 256
    name: ClassVar[str] = "mlp"

    def __post_init__(self) -> None:
        _at_least_one(self, "depth", "width")

    def trunk(self, shape: Shape) -> tuple[nn.Module, int]:
        """The layers for samples of this shape, and their output's dimension."""
        inputs = 1
        for side in shape:
            inputs *= side
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(self.depth):
            layers += [nn.Linear(inputs, self.width), nn.ReLU()]
            inputs = self.width
        return nn.Sequential(*layers), inputs


@dataclass(frozen=True)
class ResNet18:
    """ResNet-18 (He, Zhang, Ren & Sun 2016) with a 3 x 3 first convolution and no first pooling, for small images.

    Parameters
    ----------
    width : channels of the first stage (64 in the paper); the stages have width, 2, 4 and 8 times as many
    """

    width: int = 64
    name: ClassVar[str] = "resnet18"

    def __post_init__(self) -> None:
        _at_least_one(self, "width")

    def trunk(self, shape: Shape) -> tuple[nn.Module, int]:
        """The layers for images (channels, height, width), and their output's dimension."""
        return resnet18(_channels(shape, self.name), self.width), 8 * self.width


@dataclass(frozen=True)
class VGG16:
    """The 13 convolutions of VGG-16 (Simonyan & Zisserman 2015, configuration D) with batch normalization.

    Its three fully connected layers are what the feature layer and the M linear layers replace.

    Parameters
    ----------
    width : channels of the first stage (64 in the paper); the stages have width, 2, 4, 8 and 8 times as many
    """

    width: int = 64
    name: ClassVar[str] = "vgg16"

    def __post_init__(self) -> None:
        _at_least_one(self, "width")

    def trunk(self, shape: Shape) -> tuple[nn.Module, int]:
        """The layers for images (channels, height, width), and their output's dimension."""
        return vgg16(_channels(shape, self.name), self.width), 8 * self.width


Architecture = MLP | ResNet18 | VGG16


def _at_least_one(value: Architecture, *names: str) -> None:
    for name in names:
        number = getattr(value, name)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ProblemError(
                f"{name} {number!r} of {value.name} is not a whole number of 1 or more"
            )


def _channels(shape: Shape, name: str) -> int:
    if len(shape) != 3:
        raise ProblemError(
            f"{name} needs images (channels, height, width), samples have shape {shape}; an mlp takes any shape"
        )
    return shape[0]
