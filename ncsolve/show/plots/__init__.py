"""Pictures, one a file. Every function takes values and axes and returns the axes.

Object-oriented matplotlib throughout: no pyplot, no global state. Colours are those of Okabe and Ito (2008), which readers
with any color vision tell apart; quantities are dimensionless, counts are numbers of samples.
"""

from .cosines import cosine_histogram as cosine_histogram
from .curves import metric_curves as metric_curves
from .dynamics import modes_against_step as modes_against_step
from .gram import gram_triptych as gram_triptych
from .hessian import hessian_spectrum as hessian_spectrum
from .norms import norms_against_counts as norms_against_counts
from .objective import objective_against_step as objective_against_step
from .phase import phase_diagram as phase_diagram
from .saving import save as save
from .scalar_landscape import scalar_landscape as scalar_landscape
from .spectrum import spectrum_per_layer as spectrum_per_layer
from .style import new_axes as new_axes
from .training import training_curves as training_curves
from .vectors import vectors as vectors
