"""Features, labels and a classifier from a file: one file per format. No pickle is ever read."""

from .snapshot import Keys as Keys
from .snapshot import Snapshot as Snapshot
from .snapshot import read_snapshot as read_snapshot
