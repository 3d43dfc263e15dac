"""What can be wrong with a vector, a template or a plate key: each says what and what to do."""

from __future__ import annotations


class MatchingError(ValueError):
    """Base of everything the matching core refuses."""


class WrongDimensionError(MatchingError):
    """A vector has another length than the index, or an array another shape than (n, d)."""


class NotFiniteError(MatchingError):
    """A vector holds NaN or infinity: the picture or the model behind it is broken."""


class NotUnitLengthError(MatchingError):
    """A vector is not of length 1; inner products would be no cosines."""


class ForeignModelError(MatchingError):
    """Vectors of two models were to meet; their cosine means nothing."""


class UnknownModelError(MatchingError):
    """No thresholds were measured for this model; guessing one would open gates to strangers."""


class WrongThresholdError(MatchingError):
    """A threshold or a margin that is no number, or none a cosine can have."""


class WrongBlockError(MatchingError):
    """Templates side by side whose columns don't belong together: the store that read them is broken."""


class NoExactVectorsError(MatchingError):
    """The store gave something else than one vector for each template it was asked for."""


class IndexClosedError(MatchingError):
    """The index was closed; open another one."""
