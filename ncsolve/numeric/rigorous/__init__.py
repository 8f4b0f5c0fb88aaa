"""Certificates that are proofs: exact rational and ball arithmetic, checked again by `ncsolve replay`.

A second blind referee: it takes a problem, claimed numbers and matrices, and knows neither how they were found (nothing of analytic/)
nor the floating-point referee (nothing of numeric/). Needs python-flint, the extra `rigorous`.
"""

from .audit import Replay as Replay
from .audit import replay as replay
from .certificate import RigorousCertificate as RigorousCertificate
from .certify import certify_rigorously as certify_rigorously
from .enclosure import Enclosure as Enclosure
from .judgement import Claimed as Claimed
from .judgement import Finding as Finding
from .judgement import Outcome as Outcome
from .judgement import Verdict as Verdict
