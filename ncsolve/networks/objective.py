r"""The training loss: the canonical objective at the features that the backbone computes.

An epoch is cut into m steps. Step s sees the samples S and minimizes

    (m/N) sum_{i in S} loss_i + m (lambda_H/2) sum_{i in S} ||h_i||^2 + sum_j (lambda_j/2) ||W_j||^2 + (lambda_b/2) ||b||^2,

whose mean over the steps of an epoch is the canonical objective: the feature penalty's factor m = N/B is what `conventions.convert`
gives for a penalty summed over mini-batches of B = N/m.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..problem.conventions import DecayConvention, convert
from ..problem.losses import CrossEntropy

if TYPE_CHECKING:
    from .models import Network
    from .task import Task


class TrainingLoss(nn.Module):
    """The loss of one step, for a fixed number of steps per epoch.

    Parameters
    ----------
    task : Task
    steps : m, steps per epoch
    """

    targets: torch.Tensor
    offsets: torch.Tensor
    slopes: torch.Tensor
    scales: torch.Tensor

    def __init__(self, task: Task, steps: int) -> None:
        super().__init__()
        ufm, classes = task.ufm, task.ufm.classes
        samples = len(task.dataset.labels)
        self.share = steps / samples
        self.crossed = isinstance(ufm.loss, CrossEntropy)
        self.smoothing = ufm.loss.smoothing if isinstance(ufm.loss, CrossEntropy) else 0.0
        self.weight_decay, self.bias_decay = ufm.weight_decay, ufm.bias_decay
        self.backbone_decay = 0.0 if task.regularization == "ufm-head" else ufm.weight_decay[0]
        self.feature_decay = 0.0
        if task.regularization != "all":
            batch = samples / steps
            summed = DecayConvention(feature_penalty="batch", samples=samples, batch=batch)
            found = convert(summed, feature_decay=ufm.feature_decay, back=True)
            self.feature_decay = found.feature_decay or 0.0
        per_class = ufm.loss.per_class(classes) if self.crossed else np.ones((3, classes))
        arrays = (ufm.loss.targets(classes).T, *per_class)
        for name, array in zip(("targets", "offsets", "slopes", "scales"), arrays, strict=True):
            self.register_buffer(name, torch.tensor(array), persistent=False)

    def forward(
        self, network: Network, samples: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """The loss of a step that sees these samples."""
        logits, features = network(samples)
        total = self.share * self.data(logits, labels)
        total = total + self.feature_decay / 2 * features.square().sum()
        for decay, layer in zip(self.weight_decay, network.head, strict=True):
            total = total + decay / 2 * layer.weight.square().sum()
        if 0 < self.bias_decay < math.inf:
            total = total + self.bias_decay / 2 * network.head[-1].bias.square().sum()
        if self.backbone_decay:
            for parameter in network.backbone.parameters():
                total = total + self.backbone_decay / 2 * parameter.square().sum()
        return total

    def data(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The sum of losses over the samples."""
        if not self.crossed:
            return (logits - self.targets[labels]).square().sum() / 2
        logits = self.slopes[labels, None] * self.scales * logits + self.offsets
        return nn.functional.cross_entropy(
            logits, labels, reduction="sum", label_smoothing=self.smoothing
        )
