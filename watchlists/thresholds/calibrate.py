"""From a set of scores to a calibration: a threshold for each gallery size, one for 1:1, and how sure each is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from core.contract.ids import ModelId
from watchlists.thresholds.errors import BadTargetError, TooFewPeopleError
from watchlists.thresholds.file import CalibrationV1, Counts, Rate, SizeRow, Tail, VerifyRow
from watchlists.thresholds.rates import RULE_OF_THREE, missed, searching
from watchlists.thresholds.scores import ScoreSet
from watchlists.thresholds.table import STALE_ABOVE
from watchlists.thresholds.tail import TailFit, fit_tail

FPIR_TARGET = 0.01
FMR_TARGET = 1e-4
_LADDER = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
_BEYOND = 10
"""The table goes on to this many times the size asked for: an estate that grows does not fall off its end."""
_FEWEST_SEEN = 10
"""A fitted tail is called extrapolated where fewer comparisons than this reach the cosine."""
_TICK = 1e-4
METHOD = (
    "FPIR of a gallery no larger than the set: mean over people searched for and over all galleries of that size; "
    "of a larger one, and FMR beyond the rule of three: generalised Pareto tail over the highest comparisons, "
    "FPIR = 1-(1-FMR)^N. Every person counts once. 95 % intervals: Clopper-Pearson at the effective number of trials "
    "(jackknife over people), rule of three without errors; of the tail, over fits drawn from its covariance over "
    "people. FNIR: own reference below the threshold, whatever the rank."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """model: of the scores; gallery: templates that will be searched; fpir, fmr: shares wanted, above 0, below 1."""

    model: ModelId
    gallery: int
    fpir: float = FPIR_TARGET
    fmr: float = FMR_TARGET

    def __post_init__(self) -> None:
        if self.gallery < 1:
            raise BadTargetError(f"a gallery has at least 1 template, not {self.gallery}: give how many will be loaded")
        for name, rate in (("FPIR", self.fpir), ("FMR", self.fmr)):
            if not 0 < rate < 1:
                raise BadTargetError(f"a wanted {name} lies between 0 and 1, not at {rate:g}: 0.01 is 1 in 100")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A threshold as found."""

    cosine: float
    basis: Literal["measured", "fitted", "extrapolated"]
    fpir: Rate


class Calibrator:
    """Finds thresholds in one score set; fits its tail when the first one needs it."""

    def __init__(self, scores: ScoreSet) -> None:
        self.scores = scores
        self._tail: TailFit | None = None

    @property
    def tail(self) -> TailFit:
        """Raises TooFewPeopleError, BadScoresError."""
        if self._tail is None:
            self._tail = fit_tail(searching(self.scores, 1))
        return self._tail

    @property
    def tail_used(self) -> Tail | None:
        fit = self._tail
        if fit is None:
            return None
        return Tail(above=fit.above, exceedances=fit.exceedances, share=fit.share, shape=fit.shape, scale=fit.scale)

    def choose(self, gallery: int, target: float) -> Chosen:
        """The threshold for ``target`` in a gallery of ``gallery``, rounded up.

        Raises TooFewPeopleError, BadScoresError.
        """
        searches = searching(self.scores, gallery)
        if searches.trials * target >= RULE_OF_THREE:
            cosine = _up(searches.lowest_cosine(target))
            return Chosen(cosine, "measured", searches.rate_within(cosine))
        cosine = _up(self.tail.cosine_for(target, gallery))
        reach = int((self.scores.impostor >= cosine).sum())
        return Chosen(
            cosine,
            "fitted" if reach >= _FEWEST_SEEN else "extrapolated",
            self.tail.fpir_within(cosine, gallery),
        )


def calibrate(scores: ScoreSet, wanted: Wanted, *, now: datetime, made_by: str) -> CalibrationV1:
    """Thresholds for ``wanted`` and for the gallery sizes around it. Raises TooFewPeopleError, BadScoresError."""
    people = searching(scores, 1).people
    _check_enough(people, wanted.fpir)
    calibrator = Calibrator(scores)
    rows: list[SizeRow] = []
    for gallery in sizes_around(wanted.gallery):
        chosen = calibrator.choose(gallery, wanted.fpir)
        # Chance may put a larger gallery's threshold below a smaller one's: then the smaller one's holds.
        if rows and chosen.cosine < rows[-1].cosine:
            chosen = _held(calibrator, gallery, rows[-1].cosine, chosen)
        rows.append(
            SizeRow(
                gallery=gallery,
                cosine=chosen.cosine,
                basis=chosen.basis,
                fpir=chosen.fpir,
                fnir=missed(scores, chosen.cosine),
            )
        )
    one = calibrator.choose(1, wanted.fmr)
    return CalibrationV1(
        model=wanted.model,
        gallery=wanted.gallery,
        fpir_target=wanted.fpir,
        identify=tuple(rows),
        verify=VerifyRow(
            fmr_target=wanted.fmr,
            cosine=one.cosine,
            basis=one.basis,
            fmr=one.fpir,
            fnmr=missed(scores, one.cosine),
        ),
        tail=calibrator.tail_used,
        counts=counts_of(scores, people),
        scores_sha256=scores.sha256,
        method=METHOD,
        made_at=now,
        made_by=made_by,
    )


def sizes_around(gallery: int) -> list[int]:
    """Sizes of the table: smaller ones, the one asked for and where it goes stale, and up to ten times as many."""
    edges = {
        math.ceil(gallery * (1 - STALE_ABOVE)),
        gallery,
        math.floor(gallery * (1 + STALE_ABOVE)),
        _BEYOND * gallery,
    }
    return sorted({max(1, size) for size in edges} | {size for size in _LADDER if size < _BEYOND * gallery})


def counts_of(scores: ScoreSet, people: int) -> Counts:
    """How much stands behind ``scores``."""
    mated = np.unique(scores.search_person[scores.genuine_search])
    return Counts(
        people_searched=people,
        non_mated_searches=int((scores.compared > 0).sum()),
        impostor_comparisons=len(scores.impostor),
        people_searched_mated=len(mated),
        mated_searches=len(scores.genuine),
    )


def _held(calibrator: Calibrator, gallery: int, cosine: float, chosen: Chosen) -> Chosen:
    if chosen.basis == "measured":
        return Chosen(cosine, chosen.basis, searching(calibrator.scores, gallery).rate_within(cosine))
    return Chosen(cosine, chosen.basis, calibrator.tail.fpir_within(cosine, gallery))


def _check_enough(people: int, target: float) -> None:
    needed = math.ceil(RULE_OF_THREE / target)
    if people < needed:
        raise TooFewPeopleError(
            f"an FPIR of {target:g} can't be shown with {people} people: even without a single error it takes {needed} "
            f"(rule of three), {needed - people} more; add people, or ask for {RULE_OF_THREE / people:.2g} or more"
        )


def _up(cosine: float) -> float:
    """To four digits, never down."""
    return min(1.0, round(math.ceil(cosine / _TICK) * _TICK, 4))
