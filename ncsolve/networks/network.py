"""A network: trunk, feature layer, and a head of M linear layers, of which only the last may have a bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from ..problem.ufm import UFM
    from .architectures import Architecture


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


def build(ufm: UFM, architecture: Architecture, shape: tuple[int, ...], gain: float) -> Network:
    """A network with fresh parameters from torch's generator, in its default dtype.

    The trunk ends in a ReLU. A linear layer turns its output into d_1 features, and for features "relu" another ReLU follows; where the
    features are ReLU and the trunk has d_1 outputs already, they are the features. Head layers start as isometries times `gain`.
    """
    trunk, outputs = architecture.trunk(shape)
    layers: list[nn.Module] = [trunk]
    rectified = ufm.features == "relu"
    if not (rectified and outputs == ufm.width[0]):
        layers.append(nn.Linear(outputs, ufm.width[0]))
        if rectified:
            layers.append(nn.ReLU())
    head = nn.Sequential()
    for j, (rows, columns) in enumerate(ufm.shapes, start=1):
        layer = nn.Linear(columns, rows, bias=j == ufm.depth and ufm.bias != "none")
        nn.init.orthogonal_(layer.weight, gain=gain)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        head.append(layer)
    return Network(nn.Sequential(*layers), head)
