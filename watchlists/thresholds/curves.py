"""FPIR and FNIR over the threshold, for the report and the plot (a DET curve's two errors, ISO/IEC 19795-1)."""

from __future__ import annotations

import numpy as np

from core.contract.base import Message
from watchlists.thresholds.file import CalibrationV1, Rate
from watchlists.thresholds.rates import Searching, missed, searching
from watchlists.thresholds.scores import ScoreSet
from watchlists.thresholds.tail import TailFit, fit_tail

_POINTS = 90
_ROOM = 0.08
_CERTAIN = 0.995


class Point(Message):
    """Rates at one cosine. fpir: None where the set has too few people for the gallery; fitted: by the tail."""

    cosine: float
    fpir: Rate | None
    fitted: Rate | None
    fnir: Rate | None


class Curves(Message):
    """FPIR and FNIR at rising cosines, for a gallery of ``gallery``."""

    gallery: int
    points: tuple[Point, ...]


def curves(scores: ScoreSet, calibration: CalibrationV1) -> Curves:
    """The curves behind ``calibration``, which was made of ``scores``."""
    gallery = calibration.gallery
    searches = searching(scores, gallery)
    fit = fit_tail(searching(scores, 1)) if calibration.tail is not None else None
    points = tuple(
        Point(
            cosine=cosine,
            fpir=searches.rate_within(cosine) if searches.people else None,
            fitted=fit.fpir_within(cosine, gallery) if fit is not None and cosine >= fit.above else None,
            fnir=missed(scores, cosine),
        )
        for cosine in _grid(searches, fit, calibration)
    )
    return Curves(gallery=gallery, points=points)


def _grid(searches: Searching, fit: TailFit | None, calibration: CalibrationV1) -> list[float]:
    """From where nearly everybody is found to a little beyond whatever matters."""
    start = searches.lowest_cosine(_CERTAIN) if fit is None or searches.people else fit.above
    end = max(calibration.chosen.cosine, float(searches.scores.impostor[0])) + _ROOM
    even = {round(float(cosine), 4) for cosine in np.linspace(start, min(end, 1.0), _POINTS)}
    return sorted(even | {calibration.chosen.cosine})
