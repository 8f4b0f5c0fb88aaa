"""What the checks of this package raise."""

from __future__ import annotations


class Rejected(Exception):
    """An inequality of a certificate that does not hold, or could not be proved; the message says which."""


class Undecided(Exception):
    """A comparison that the largest precision does not settle."""
