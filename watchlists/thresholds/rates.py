"""How often strangers are accepted and people are not, counted, and how sure that is (ISO/IEC 19795-1).

Every person counts once, however many pictures there are of them: a rate is the mean over people of the share of their
searches. FPIR at a gallery of N is the mean over all galleries of N people that can be drawn from those a search was
compared with, which needs no drawing: with k of M others at or above the cosine, a gallery without any of them has the
probability C(M - k, N) / C(M, N). With N = 1 it is FMR.

Intervals are Clopper-Pearson's at the number of independent trials that would vary as much (Korn and Graubard 1998).
How much a rate varies is told by the jackknife over people, each left out as the one searched and as a reference
(Efron and Stein 1981), since one face that looks like many spoils many comparisons. With no error at all, the rule of
three: 0 of n says "below 3/n" with 95 % confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from watchlists.thresholds.errors import BadTargetError
from watchlists.thresholds.file import Rate
from watchlists.thresholds.scores import Codes, Numbers, ScoreSet

_NEXT_TO_NOTHING = 1e-9
CONFIDENCE = 0.95
RULE_OF_THREE = 3.0
"""-ln 0.05: with no error in n trials the rate is below 3/n, 95 of 100 times."""


@dataclass(frozen=True, slots=True, eq=False)
class Searching:
    """Non-mated searches of a score set in galleries of ``gallery`` people.

    weight: float64 (searches,), adds up to 1, equal for every person who was searched for among that many others.
    people: how many those are; trials: to how many independent searches that comes at least: of disjoint galleries, and
    half as many where everybody is compared in both directions, because then errors come in twos.
    """

    scores: ScoreSet
    gallery: int
    weight: Numbers
    people: int
    trials: int

    def rate(self, cosine: float) -> float:
        """FPIR at ``cosine``."""
        found, _ = self._found(cosine)
        return float(self.weight @ _any_found(found, self.scores.compared, self.gallery))

    def rate_within(self, cosine: float) -> Rate:
        """FPIR at ``cosine`` with its interval."""
        estimate = self.rate(cosine)
        return interval(estimate, self._variance(cosine), fewest=self.trials, most=2 * self.trials)

    def lowest_cosine(self, target: float) -> float:
        """Smallest cosine at which FPIR is at most ``target``; just above one of the scores."""
        cosines = self.scores.impostor  # falling
        low, high = 0, len(cosines)  # how many scores may be accepted: rate at low is fine, above high it is not
        while low < high:
            middle = (low + high + 1) // 2
            if self.rate(float(cosines[middle - 1])) <= target:
                low = middle
            else:
                high = middle - 1
        return float(np.nextafter(cosines[low], 2.0)) if low < len(cosines) else float(cosines[-1])

    def _found(self, cosine: float) -> tuple[Numbers, int]:
        """For each search how many others are at or above ``cosine``; and how many comparisons that are."""
        scores = self.scores
        above = int(np.searchsorted(-scores.impostor, -cosine, side="right"))
        return np.bincount(scores.impostor_search[:above], minlength=len(scores.search_person)).astype(float), above

    def _variance(self, cosine: float) -> float:
        """Of the rate, by leaving out one person after the other."""
        scores = self.scores
        found, above = self._found(cosine)
        compared = scores.compared
        rate = self.weight * _any_found(found, compared, self.gallery)
        without = self.weight * _any_found(found, compared - 1, self.gallery)
        own = np.bincount(scores.search_person, rate, scores.people)
        weight_of = np.bincount(scores.search_person, self.weight, scores.people)
        search, gone = scores.impostor_search[:above], scores.impostor_gallery[:above]
        fewer = self.weight[search] * _any_found(found[search] - 1, compared[search] - 1, self.gallery)
        change = scores.membership @ (without - rate) + np.bincount(gone, fewer - without[search], scores.people)
        left_out = (rate.sum() - own + change) / np.maximum(1 - weight_of, 1e-12)
        searched = weight_of > 0
        references = np.bincount(gone, minlength=scores.people) + scores.membership.sum(axis=1) > 0
        spread = _jackknife(left_out[searched]) + _jackknife(left_out[~searched & references])
        # A pair of people is left out twice, with the one and with the other: what it alone does was counted twice.
        effect = rate[search] - self.weight[search] * _any_found(found[search] - 1, compared[search], self.gallery)
        pair = _pair(scores.search_person[search], gone, scores.people)
        _, of_pair = np.unique(pair, return_inverse=True)
        twice = float((np.bincount(of_pair, effect) ** 2).sum()) if above else 0.0
        return max(spread - twice, spread / 2)


def searching(scores: ScoreSet, gallery: int) -> Searching:
    """The searches of ``scores`` that can be made in galleries of ``gallery`` people. Raises BadTargetError below 1."""
    if gallery < 1:
        raise BadTargetError(f"a gallery has at least 1 template, not {gallery}: give the number that will be loaded")
    usable = scores.compared >= gallery
    searches_of = np.bincount(scores.search_person[usable], minlength=scores.people)
    people = int((searches_of > 0).sum())
    weight = np.where(usable, 1.0 / np.maximum(searches_of, 1)[scores.search_person] / max(people, 1), 0.0)
    galleries = max(1.0, float(weight @ (scores.compared // gallery)))
    return Searching(scores, gallery, weight, people, int(people * galleries * scores.one_way))


def missed(scores: ScoreSet, cosine: float) -> Rate | None:
    """FNIR at ``cosine``, of whatever rank: own reference below it. None where nobody was compared with their own."""
    if len(scores.genuine) == 0:
        return None
    person = scores.search_person[scores.genuine_search]
    searches_of = np.bincount(person, minlength=scores.people)
    below = np.bincount(person, (scores.genuine < cosine).astype(float), scores.people)
    shares = below[searches_of > 0] / searches_of[searches_of > 0]
    people = len(shares)
    variance = float(shares.var(ddof=1)) / people if people > 1 else 0.0
    return interval(float(shares.mean()), variance, fewest=people, most=len(scores.genuine))


def interval(estimate: float, variance: float, *, fewest: int, most: int) -> Rate:
    """95 % interval of a rate. fewest, most: trials that stand behind it when no two agree by chance, and at best."""
    estimate = min(1.0, max(0.0, estimate))
    if variance > 0 and 0 < estimate < 1:
        trials = min(estimate * (1 - estimate) / variance, float(most))
    else:
        trials = float(fewest)
    tail = (1 - CONFIDENCE) / 2 if 0 < estimate < 1 else 1 - CONFIDENCE
    errors = estimate * trials
    # Where a count is next to nothing, beta's quantiles are not numbers, or not to be had: nothing is known there.
    low = float(stats.beta.ppf(tail, errors, trials - errors + 1)) if errors > _NEXT_TO_NOTHING else 0.0
    high = float(stats.beta.ppf(1 - tail, errors + 1, trials - errors)) if trials - errors > _NEXT_TO_NOTHING else 1.0
    low, high = float(np.nan_to_num(low, nan=0.0)), float(np.nan_to_num(high, nan=1.0))
    return Rate(estimate=estimate, low=min(low, estimate), high=max(high, estimate))


def _any_found(found: Numbers, compared: Codes | Numbers, gallery: int) -> Numbers:
    """Chance that a gallery of ``gallery`` of the ``compared`` others has one of the ``found``; arrays (n,)."""
    drawn = np.minimum(gallery, compared)
    rest = compared - found - drawn  # how many a gallery without any of the found leaves over
    some = (found > 0) & (drawn > 0)
    none_found = np.where(
        some & (rest >= 0),
        np.exp(
            special.gammaln(np.maximum(compared - found, 0) + 1)
            - special.gammaln(np.maximum(rest, 0) + 1)
            - special.gammaln(np.maximum(compared, 0) + 1)
            + special.gammaln(np.maximum(compared - drawn, 0) + 1)
        ),
        0.0,
    )
    return np.asarray(np.where(some, 1.0 - none_found, 0.0), np.float64)


def _jackknife(left_out: Numbers) -> float:
    count = len(left_out)
    return float((count - 1) * left_out.var()) if count > 1 else 0.0


def _pair(one: Codes, other: Codes, people: int) -> Codes:
    return np.asarray(np.minimum(one, other) * people + np.maximum(one, other), np.int64)
