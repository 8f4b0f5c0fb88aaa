"""The question that a training run asks: does this network reach the predicted geometry of its unconstrained feature model?"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.metrics import simplex
from ..problem.errors import DataError, ProblemError
from ..problem.losses import CrossEntropy, Squared

if TYPE_CHECKING:
    from ..analytic.prediction import Prediction
    from ..problem.losses import Array
    from ..problem.ufm import UFM
    from .architectures import Architecture
    from .datasets import Dataset

REGULARIZATIONS = ("ufm-head", "ufm-all", "all")
DISTINCT = 1e-3  # a target this near to the prediction is the prediction


@dataclass(frozen=True, eq=False)
class Task:
    r"""A network, its data and its objective.

    With features H = H(theta) of a backbone with parameters theta, the training loss is

    - "ufm-head": (1/N) sum loss + sum_j (lambda_j/2)||W_j||^2 + (lambda_H/2)||H||^2 (+ the bias's penalty), exactly the objective of
      `ufm` at (H(theta), W, b). It never lies below the model's minimum and reaches it if the backbone can realize those features.
    - "ufm-all": the same plus (lambda_1/2)||theta||^2. Theory does not cover the last term: the features' penalty is predicted, their
      price in backbone weights is not.
    - "all": weight decay on all parameters, none on the features. No theory covers it and nothing is predicted.

    Parameters
    ----------
    ufm : UFM
        Counts, loss, depth M, widths d_1 .. d_M, decays, bias; features "relu" ends the backbone in a ReLU.
    dataset : Dataset
        Its class counts must be those of `ufm`.
    architecture : MLP, ResNet18 or VGG16
    regularization : "ufm-head", "ufm-all" or "all"

    Raises
    ------
    DataError
        The counts of the data and of the problem differ.
    ProblemError

    Examples
    --------
    >>> import ncsolve
    >>> from ncsolve.networks import MLP, Task, digits
    >>> data = digits().subset([20] * 10, rng=0)
    >>> Task(ncsolve.UFM(data.counts, width=16), data, MLP(depth=2, width=64)).prediction.claim.name
    'GLOBAL'
    """

    ufm: UFM
    dataset: Dataset
    architecture: Architecture
    regularization: str = "ufm-head"

    def __post_init__(self) -> None:
        if self.regularization not in REGULARIZATIONS:
            works = ", ".join(map(repr, REGULARIZATIONS))
            raise ProblemError(
                f"regularization {self.regularization!r} is unknown; one of {works} works"
            )
        if not isinstance(self.ufm.loss, Squared | CrossEntropy):
            raise ProblemError(f"loss {self.ufm.loss.name!r} cannot be trained; 'mse' and 'ce' can")
        there = list(self.dataset.counts.values())
        if len(there) != self.ufm.classes or not np.array_equal(self.ufm.counts, there):
            found = ", ".join(f"{n:g}" for n in self.ufm.counts[:12])
            raise DataError(
                f"the data has counts {', '.join(map(str, there[:12]))}, the problem {found}; use UFM(dataset.counts)"
            )

    @cached_property
    def prediction(self) -> Prediction | None:
        """What theory predicts; None for "all"."""
        if self.regularization == "all":
            return None
        from ..theorems.predict import predict

        return predict(self.ufm)

    @cached_property
    def targets(self) -> dict[str, Array]:
        """Gram matrices at norm 1 that class means may come to: "predicted", and of the other geometries, "simplex" and "orthogonal", those
        that are not the predicted one themselves.
        """
        size = self.ufm.classes
        others = {"simplex": simplex(size), "orthogonal": np.eye(size) / math.sqrt(size)}
        if self.prediction is None:
            return others
        gram = self.prediction.gram_features
        found = {"predicted": gram / (float(np.linalg.norm(gram)) or 1.0)}
        return found | {
            name: frame
            for name, frame in others.items()
            if np.linalg.norm(found["predicted"] - frame) > DISTINCT
        }

    def fingerprint(self) -> str:
        """JSON text that changes with anything the training depends on."""
        data = hashlib.sha256(
            np.ascontiguousarray(self.dataset.samples).tobytes() + self.dataset.labels.tobytes()
        )
        parts = {
            "ufm": self.ufm.to_dict(),
            "architecture": {"name": self.architecture.name} | asdict(self.architecture),
            "regularization": self.regularization,
            "data": data.hexdigest(),
        }
        return json.dumps(parts, sort_keys=True)
