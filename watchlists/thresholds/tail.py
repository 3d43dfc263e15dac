"""Where scores end: a generalised Pareto distribution over the highest impostor scores (peaks over threshold).

Pickands 1975, Balkema and de Haan 1974: whatever the scores' distribution, what lies above a high enough cosine follows
this family, whose shape says whether cosines end somewhere (negative), fall exponentially (0) or slower. From it FMR at
any cosine, and FPIR in a gallery of N as 1 - (1 - FMR)^N. People differ in how much they look like others, which makes
the true FPIR lower than that at the same FMR: it errs on the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from watchlists.thresholds.errors import BadScoresError, TooFewPeopleError
from watchlists.thresholds.file import Rate
from watchlists.thresholds.rates import CONFIDENCE, Searching
from watchlists.thresholds.scores import Numbers

EXCEEDANCES = 2000
LARGEST_SHARE = 0.01
"""The tail is the highest 2,000 comparisons, and no more than the highest 1 % of all."""
FEWEST_EXCEEDANCES = 100
_LOWEST_SHAPE, _HIGHEST_SHAPE = -0.5, 0.5
"""Below -1/2 maximum likelihood has no error bars (Smith 1985); cosines never have tails as heavy as 1/2."""
_STEP = 1e-5
_SEED, _DRAWS = 19795, 4000


@dataclass(frozen=True, slots=True, eq=False)
class TailFit:
    """The fit, and how sure it is.

    above: cosine; share: weighted share of all comparisons above it; exceedances: their number; shape, scale: of the
    distribution over it. covariance: float64 (3, 3), of log share, shape and log scale, over people.
    """

    above: float
    share: float
    exceedances: int
    shape: float
    scale: float
    covariance: Numbers

    def fpir(self, cosine: float, gallery: int) -> float:
        """FPIR at ``cosine``, which is at least ``above``, in a gallery of ``gallery``."""
        return float(self._fpir(cosine, gallery, np.log(self.share), self.shape, np.log(self.scale)))

    def fpir_within(self, cosine: float, gallery: int) -> Rate:
        """FPIR with its 95 % interval: quantiles over fits drawn around this one, as far from it as it is unsure."""
        middle = (np.log(self.share), self.shape, np.log(self.scale))
        drawn = np.random.default_rng(_SEED).multivariate_normal(middle, self.covariance, _DRAWS, check_valid="ignore")
        rates = self._fpir(cosine, gallery, *drawn.T)
        low, high = np.quantile(rates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        estimate = self.fpir(cosine, gallery)
        return Rate(estimate=estimate, low=min(low, estimate), high=max(high, estimate))

    def cosine_for(self, target: float, gallery: int) -> float:
        """Cosine at which FPIR in a gallery of ``gallery`` is ``target``; not below ``above``, not above 1."""
        fmr = -np.expm1(np.log1p(-target) / gallery)
        excess = float(stats.genpareto.isf(min(1.0, fmr / self.share), self.shape, scale=self.scale))
        return min(1.0, self.above + excess)

    def _fpir(self, cosine: float, gallery: int, log_share: Any, shape: Any, log_scale: Any) -> Any:
        """For one fit or for arrays of them."""
        beyond = stats.genpareto.sf(max(0.0, cosine - self.above), shape, scale=np.exp(log_scale))
        fmr = np.minimum(np.exp(log_share) * beyond, 1 - 1e-12)
        return -np.expm1(gallery * np.log1p(-fmr))


def fit_tail(pairs: Searching) -> TailFit:
    """The tail of single comparisons (``searching`` with a gallery of 1). Raises TooFewPeopleError, BadScoresError."""
    scores = pairs.scores
    wanted = int(min(EXCEEDANCES, LARGEST_SHARE * len(scores.impostor)))
    if wanted < FEWEST_EXCEEDANCES:
        needed = int(FEWEST_EXCEEDANCES / LARGEST_SHARE) - len(scores.impostor)
        raise TooFewPeopleError(
            f"{len(scores.impostor)} comparisons of different people are too few to say what lies beyond them: "
            f"{needed} more are needed; add people, or compare everybody with everybody"
        )
    above = float(scores.impostor[wanted])
    count = int(np.searchsorted(-scores.impostor, -above, side="left"))  # ties with it stay below
    if count < FEWEST_EXCEEDANCES:
        raise BadScoresError(
            f"only {count} scores are above {above:g}, because many are equal: give scores as computed, unrounded"
        )
    search = scores.impostor_search[:count]
    weight = pairs.weight[search] / scores.compared[search]
    excess = scores.impostor[:count] - above
    shape, scale = _most_likely(excess, weight)
    return TailFit(
        above, float(weight.sum()), count, shape, scale, _covariance(pairs, count, _moves(excess, weight, shape, scale))
    )


def _covariance(pairs: Searching, count: int, moves: Numbers) -> Numbers:
    """Of log share, shape and log scale, each person with all their comparisons being one observation.

    moves: float64 (count, 3), what each exceedance moves. A comparison belongs to two people and is counted with both:
    twice too much where pairs have nothing in common, which makes up for what the family of curves itself gets wrong
    (in simulations, 95 of 100 intervals hold the truth with it and 88 without).
    """
    scores, gallery = pairs.scores, pairs.scores.impostor_gallery[:count]
    person = scores.search_person[scores.impostor_search[:count]]
    of_person = _sums(np.concatenate([person, gallery]), np.concatenate([moves, moves]), scores.people)
    # Who has a part in more comparisons also has more exceedances: that alone does not make the share larger.
    a_search = pairs.weight / np.maximum(scores.compared, 1)
    of_person[:, 0] -= np.bincount(scores.search_person, pairs.weight, scores.people) + scores.membership @ a_search
    return of_person.T @ of_person


def _most_likely(excess: Numbers, weight: Numbers) -> tuple[float, float]:
    """Shape and scale of greatest likelihood. For each shape the scale is found inside: two searches in one number."""
    largest = float(excess.max())

    def scale_of(shape: float) -> tuple[float, float]:
        lowest = max(-shape * largest, 0.0) * (1 + 1e-6) + 1e-9
        found = optimize.minimize_scalar(
            lambda scale: _loss(excess, weight, shape, scale),
            bounds=(lowest, lowest + 10 * excess.mean()),
            method="bounded",
        )
        return float(found.x), float(found.fun)

    best = optimize.minimize_scalar(
        lambda shape: scale_of(shape)[1], bounds=(_LOWEST_SHAPE, _HIGHEST_SHAPE), method="bounded"
    )
    shape = float(best.x)
    return shape, scale_of(shape)[0]


def _loss(excess: Numbers, weight: Numbers, shape: float, scale: float) -> float:
    return -float(weight @ _log_density(excess, shape, scale)) / float(weight.sum())


def _log_density(excess: Numbers, shape: float, scale: float) -> Numbers:
    if abs(shape) < 1e-8:
        return np.asarray(-np.log(scale) - excess / scale)
    return np.asarray(-np.log(scale) - (1 + 1 / shape) * np.log1p(np.maximum(shape * excess / scale, -1 + 1e-12)))


def _moves(excess: Numbers, weight: Numbers, shape: float, scale: float) -> Numbers:
    """float64 (n, 3): how much each comparison moves log share, shape and log scale."""
    share = weight / weight.sum()

    def gradient(at_shape: float, log_scale: float) -> Numbers:
        def density(more_shape: float, more_scale: float) -> Numbers:
            return _log_density(excess, at_shape + more_shape, float(np.exp(log_scale + more_scale)))

        by_shape = (density(_STEP, 0) - density(-_STEP, 0)) / (2 * _STEP)
        return np.column_stack([by_shape, (density(0, _STEP) - density(0, -_STEP)) / (2 * _STEP)])

    log_scale, step = float(np.log(scale)), 10 * _STEP
    information = -np.stack(
        [
            share @ (gradient(shape + step, log_scale) - gradient(shape - step, log_scale)) / (2 * step),
            share @ (gradient(shape, log_scale + step) - gradient(shape, log_scale - step)) / (2 * step),
        ]
    )
    return np.column_stack([share, (share[:, None] * gradient(shape, log_scale)) @ np.linalg.pinv(information)])


def _sums(of: Numbers, moves: Numbers, length: int) -> Numbers:
    return np.column_stack([np.bincount(of, column, length) for column in moves.T])
