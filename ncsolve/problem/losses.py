"""Losses: value, gradient, second derivative and conjugate of the data term, column by column."""

from .cross_entropy import CrossEntropy as CrossEntropy
from .cross_entropy import CrossEntropyColumns as CrossEntropyColumns
from .loss import Array as Array
from .loss import Columns as Columns
from .loss import Indices as Indices
from .loss import Loss as Loss
from .loss import class_columns as class_columns
from .loss import sample_columns as sample_columns
from .squared import Squared as Squared
from .squared import SquaredColumns as SquaredColumns

#: The words that `UFM(loss=...)` and `--loss` understand.
LOSSES: dict[str, type[Squared] | type[CrossEntropy]] = {"mse": Squared, "ce": CrossEntropy}
