"""Phase maps: what becomes of the classes over two fields of a problem, and the closed-form boundaries between."""

from .axes import Axis as Axis
from .axes import spaced as spaced
from .boundaries import Boundary as Boundary
from .cells import FIELDS as FIELDS
from .map import PhaseMap as PhaseMap
from .map import phase_map as phase_map
from .tail import LongTail as LongTail
