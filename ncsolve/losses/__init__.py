"""Losses: value, gradient and second derivative of the data term, column by column."""

from .loss import Array as Array
from .loss import Columns as Columns
from .loss import Loss as Loss
from .squared import Squared as Squared
from .squared import SquaredColumns as SquaredColumns

#: The words that `UFM(loss=...)` and `--loss` understand.
LOSSES: dict[str, type[Squared]] = {"mse": Squared}
