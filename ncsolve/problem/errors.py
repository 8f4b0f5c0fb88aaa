"""The mistakes ncsolve names: each message is one line with the value, what was wrong and what would work."""


class NcsolveError(Exception):
    """Base of every error that ncsolve raises on purpose."""


class CountsError(NcsolveError, ValueError):
    """Class counts, or a file that should hold them, cannot be used."""


class DataError(NcsolveError, ValueError):
    """Features, labels or a classifier, or a file that should hold them, cannot be used."""


class ProblemError(NcsolveError, ValueError):
    """A field of a `UFM` other than its counts cannot be used."""


class NoTheorem(NcsolveError, ValueError):
    """No theorem in the registry covers the problem; the message lists what each one lacks."""


class TooLarge(NcsolveError, MemoryError):
    """A matrix was asked for that would not fit in memory."""


class MissingPackage(NcsolveError, ImportError):
    """An optional package is needed and not installed; the message says which extra of ncsolve brings it."""


class CertificateError(DataError):
    """A file that should hold a rigorous certificate does not."""


class CampaignError(NcsolveError, ValueError):
    """The spec of a campaign, or its file of results, cannot be used."""


class NoConversion(NcsolveError, ValueError):
    """A decay is not an L2 penalty, so no decay of the canonical objective stands for it."""


class NoAnswer(NcsolveError, ValueError):
    """A question is sound but has no answer, or none is known; the message says why."""
