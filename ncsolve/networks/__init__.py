"""Practical networks: a backbone that must realize the features, M linear layers on top, and the model's own penalties.

The unconstrained feature model lets every feature move freely. A network computes its features, H = H(theta). With weight decay on the
linear layers and the penalty on the features themselves, its objective is that of the model at the point (H(theta), W, b): never below
the model's minimum, and equal to it exactly if the backbone can realize the predicted features. That is the claim which training
tests. Names below are loaded when first used; most need torch (`pip install ncsolve[torch]`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .architectures import MLP as MLP
    from .architectures import VGG16 as VGG16
    from .architectures import ResNet18 as ResNet18
    from .datasets import Dataset as Dataset
    from .datasets import digits as digits
    from .datasets import read as read
    from .experiments import EXPERIMENTS as EXPERIMENTS
    from .fixed import to_torch as to_torch
    from .frames import orthogonal_frame as orthogonal_frame
    from .frames import simplex_frame as simplex_frame
    from .hooks import capture as capture
    from .hooks import captured as captured
    from .hooks import linear_layers as linear_layers
    from .method import Training as Training
    from .task import Task as Task
    from .trained import Ending as Ending
    from .trained import Trained as Trained
    from .training import train as train

_HOME = {
    "MLP": "architectures",
    "ResNet18": "architectures",
    "VGG16": "architectures",
    "Dataset": "datasets",
    "digits": "datasets",
    "read": "datasets",
    "Task": "task",
    "Training": "method",
    "train": "training",
    "Trained": "trained",
    "Ending": "trained",
    "capture": "hooks",
    "captured": "hooks",
    "linear_layers": "hooks",
    "to_torch": "fixed",
    "simplex_frame": "frames",
    "orthogonal_frame": "frames",
    "EXPERIMENTS": "experiments",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ncsolve.networks' has no attribute {name!r}")
    from .extra import missing_is_named

    with missing_is_named():
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
