"""What can be wrong with scores, and with a calibration made of them: each says what and what to do."""

from __future__ import annotations

from watchlists.errors import MatchingError


class ThresholdError(MatchingError):
    """Base of everything that keeps a threshold from being found or used."""


class ScoresUnreadableError(ThresholdError):
    """A file of scores is missing, no CSV or NPZ, lacks a column, or is too large."""


class BadScoresError(ThresholdError):
    """A score is no cosine (NaN, infinite, beyond [-1, 1]), or a row contradicts itself."""


class NoImpostorsError(ThresholdError):
    """Nobody was compared with anybody else: how often strangers are accepted can't be known."""


class TooFewPeopleError(ThresholdError):
    """Fewer people than the wanted rate can be shown with; the text says how many more."""


class BadTargetError(ThresholdError):
    """A wanted rate or a gallery size that means nothing."""


class CalibrationUnreadableError(ThresholdError):
    """A calibration file is missing, damaged, or was changed after it was made."""


class NewerCalibrationError(ThresholdError):
    """A calibration file of a version that this Anju does not know yet."""


class ForeignCalibrationError(ThresholdError):
    """A calibration of one model was to be used with another; their cosines have nothing to do with each other."""
