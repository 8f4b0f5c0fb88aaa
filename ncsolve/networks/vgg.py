r"""VGG-16: thirteen 3 x 3 convolutions in five stages, each ended by a 2 x 2 maximum.

Configuration D of Simonyan & Zisserman (2015, arXiv:1409.1556), with batch normalization after each convolution. A maximum over what is
left of an image of odd or unit size takes the rest, so that images smaller than 32 x 32 pass all five; an average over positions ends it.
"""

from __future__ import annotations

from torch import nn

from .resnet import convolution

STAGES = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))  # (channels / width, convolutions)


def vgg16(channels: int, width: int) -> nn.Module:
    """From images to 8 * width numbers."""
    layers: list[nn.Module] = []
    for factor, number in STAGES:
        for _ in range(number):
            layers += [*convolution(channels, factor * width), nn.ReLU()]
            channels = factor * width
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
