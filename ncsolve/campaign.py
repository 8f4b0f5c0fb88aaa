"""`import ncsolve.campaign`: another name of `ncsolve.questions.campaign`."""

import sys

from .questions import campaign

sys.modules[__name__] = campaign
