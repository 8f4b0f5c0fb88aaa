"""Pictures: geometry beside its prediction, runs over their steps, maps and spectra around a problem.

Every function takes values and, with `ax`, the axes to draw on (by default those of a new figure), and returns the axes. Object-oriented
matplotlib throughout: no pyplot, no global state. Colors are those of Okabe and Ito (2008), which readers with any color vision tell
apart; quantities are dimensionless, counts are numbers of samples.
"""

from .geometry import cosine_histogram as cosine_histogram
from .geometry import gram_triptych as gram_triptych
from .geometry import norms_against_counts as norms_against_counts
from .geometry import spectrum_per_layer as spectrum_per_layer
from .geometry import vectors as vectors
from .maps import hessian_spectrum as hessian_spectrum
from .maps import phase_diagram as phase_diagram
from .maps import scalar_landscape as scalar_landscape
from .runs import metric_curves as metric_curves
from .runs import modes_against_step as modes_against_step
from .runs import objective_against_step as objective_against_step
from .runs import results_picture as results_picture
from .runs import training_curves as training_curves
from .style import new_axes as new_axes
from .style import save as save
