r"""Networks: a backbone up to the features, and a head of M linear layers, of which only the last may have a bias.

Backbones are frozen values; `trunk(shape)` builds the part below the features and says how many numbers it gives per sample. Every
trunk ends in a ReLU (and an average over positions where there are any).

ResNet-18 (He, Zhang, Ren & Sun 2016, arXiv:1512.03385, section 4.2 for small images): a block adds a correction to what it is given,
ReLU(x + C_2(ReLU(C_1(x)))) with C_i a 3 x 3 convolution and batch normalization; where the number of channels changes, C_1 and the
shortcut have stride 2, and the shortcut is a 1 x 1 convolution with batch normalization. Four stages of two blocks each follow a first
convolution.

VGG-16 (configuration D of Simonyan & Zisserman 2015, arXiv:1409.1556, with batch normalization after each convolution): thirteen 3 x 3
convolutions in five stages, each ended by a 2 x 2 maximum. A maximum over what is left of an image of odd or unit size takes the rest,
so that images smaller than 32 x 32 pass all five.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from ..problem.errors import ProblemError

if TYPE_CHECKING:
    from ..problem.ufm import UFM

Shape = tuple[int, ...]
STAGES = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))  # of VGG-16: (channels / width, convolutions)


@dataclass(frozen=True)
class _Backbone:
    """What the backbones share: their sizes are whole numbers."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for name, number in vars(self).items():
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                why = "is not a whole number of 1 or more"
                raise ProblemError(f"{name} {number!r} of {self.name} {why}")

    def to_dict(self) -> dict[str, Any]:
        """Its name and its sizes."""
        return {"name": self.name} | vars(self)

    def _channels(self, shape: Shape) -> int:
        if len(shape) != 3:
            why = f"samples have shape {shape}; an mlp takes any shape"
            raise ProblemError(f"{self.name} needs images (channels, height, width), {why}")
        return shape[0]


@dataclass(frozen=True)
class MLP(_Backbone):
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

    def trunk(self, shape: Shape) -> tuple[nn.Module, int]:
        """The layers for samples of this shape, and their output's dimension."""
        sizes = [math.prod(shape)] + [self.width] * self.depth
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs in sizes[:-1]:
            layers += [nn.Linear(inputs, self.width), nn.ReLU()]
        return nn.Sequential(*layers), self.width


@dataclass(frozen=True)
class ResNet18(_Backbone):
    """ResNet-18 (He, Zhang, Ren & Sun 2016) with a 3 x 3 first convolution and no first pooling, for small images.

    Parameters
    ----------
    width : channels of the first stage (64 in the paper); the stages have width, 2, 4 and 8 times as many
    """

    width: int = 64
    name: ClassVar[str] = "resnet18"

    def trunk(self, shape: Shape) -> tuple[nn.Module, int]:
        """The layers for images (channels, height, width), and their output's dimension."""
        images, inputs, blocks = self._channels(shape), self.width, list[nn.Module]()
        for channels in (self.width, 2 * self.width, 4 * self.width, 8 * self.width):
            blocks += [ResidualBlock(inputs, channels), ResidualBlock(channels, channels)]
            inputs = channels
        layers = [*_convolution(images, self.width), nn.ReLU(), *blocks]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), inputs


@dataclass(frozen=True)
class VGG16(_Backbone):
    """The 13 convolutions of VGG-16 (Simonyan & Zisserman 2015, configuration D) with batch normalization.

    Its three fully connected layers are what the feature layer and the M linear layers replace.

    Parameters
    ----------
    width : channels of the first stage (64 in the paper); the stages have width, 2, 4, 8 and 8 times as many
    """

    width: int = 64
    name: ClassVar[str] = "vgg16"

    def trunk(self, shape: Shape) -> tuple[nn.Module, int]:
        """The layers for images (channels, height, width), and their output's dimension."""
        layers: list[nn.Module] = []
        inputs = self._channels(shape)
        for factor, number in STAGES:
            for _ in range(number):
                layers += [*_convolution(inputs, factor * self.width), nn.ReLU()]
                inputs = factor * self.width
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), inputs


Architecture = MLP | ResNet18 | VGG16


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        stride = 1 if inputs == channels else 2
        first = _convolution(inputs, channels, stride=stride)
        self.residual = nn.Sequential(*first, nn.ReLU(), *_convolution(channels, channels))
        self.shortcut: nn.Module = nn.Identity()
        if inputs != channels:
            self.shortcut = nn.Sequential(*_convolution(inputs, channels, size=1, stride=stride))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """ReLU(shortcut + residual)."""
        return torch.relu(self.shortcut(x) + self.residual(x))


def _convolution(
    inputs: int, channels: int, *, size: int = 3, stride: int = 1
) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps height and width up to its stride, and batch normalization."""
    layer = nn.Conv2d(inputs, channels, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer, nn.BatchNorm2d(channels)


class Network(nn.Module):
    """The map from samples to logits, through features.

    Attributes
    ----------
    backbone : from samples to features (n, d_1)
    head : torch.nn.Sequential of M torch.nn.Linear
    """

    def __init__(self, backbone: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (n, outputs) and features (n, d_1)."""
        features = self.backbone(samples)
        return self.head(features), features

    def layers(self) -> dict[str, nn.Module]:
        """The layers of the head: what enters W_1 are the features."""
        return {f"W_{j}": layer for j, layer in enumerate(self.head, start=1)}


def build(ufm: UFM, architecture: Architecture, shape: Shape, gain: float) -> Network:
    """A network with fresh parameters from torch's generator, in its default dtype.

    The trunk ends in a ReLU. A linear layer turns its output into d_1 features, and for features "relu" another ReLU follows; where the
    features are ReLU and the trunk has d_1 outputs already, they are the features. Head layers start as isometries times `gain`.
    """
    trunk, outputs = architecture.trunk(shape)
    backbone, rectified = nn.Sequential(trunk), ufm.features == "relu"
    if not (rectified and outputs == ufm.width[0]):
        backbone.append(nn.Linear(outputs, ufm.width[0]))
        if rectified:
            backbone.append(nn.ReLU())
    head = nn.Sequential()
    for j, (rows, columns) in enumerate(ufm.shapes, start=1):
        layer = nn.Linear(columns, rows, bias=j == ufm.depth and ufm.bias != "none")
        nn.init.orthogonal_(layer.weight, gain=gain)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        head.append(layer)
    return Network(backbone, head)
