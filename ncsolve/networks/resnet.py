r"""ResNet-18: blocks that add a correction to what they are given.

A block computes ReLU(x + C_2(ReLU(C_1(x)))) with C_i a 3 x 3 convolution and batch normalization; where the number of channels
changes, C_1 and the shortcut have stride 2, and the shortcut is a 1 x 1 convolution with batch normalization. Four stages of two
blocks each follow a first convolution; the average over positions ends it (He, Zhang, Ren & Sun 2016, arXiv:1512.03385, section 4.2
for small images).
"""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        stride = 1 if inputs == channels else 2
        self.residual = nn.Sequential(
            *convolution(inputs, channels, stride=stride),
            nn.ReLU(),
            *convolution(channels, channels),
        )
        same = inputs == channels
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(*convolution(inputs, channels, size=1, stride=stride))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """ReLU(shortcut + residual)."""
        return torch.relu(self.shortcut(x) + self.residual(x))


def convolution(
    inputs: int, channels: int, *, size: int = 3, stride: int = 1
) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps height and width up to its stride, and batch normalization."""
    layer = nn.Conv2d(inputs, channels, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer, nn.BatchNorm2d(channels)


def resnet18(channels: int, width: int) -> nn.Module:
    """From images to 8 * width numbers."""
    blocks: list[nn.Module] = []
    inputs = width
    for stage in (1, 2, 4, 8):
        blocks += [Block(inputs, stage * width), Block(stage * width, stage * width)]
        inputs = stage * width
    return nn.Sequential(
        *convolution(channels, width), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
