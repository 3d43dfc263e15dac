"""Who is it? One person's answer out of bounds on cosines, with exact cosines only where bounds leave it open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from watchlists.faces.change import NO_RUNNER_UP_MARGIN


@dataclass(slots=True)
class Candidate:
    """A template that may reach a cosine: where it is, whose, which (breaks ties too), and bounds of its cosine.

    limit: a coarser upper bound, by which candidates are ordered.
    """

    place: tuple[int, int]
    subject: bytes
    template: bytes
    low: float
    high: float
    limit: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Answer:
    """The best subject, its reference and score, the runner-up seen, and whether the margin asked is kept."""

    subject: bytes
    template: bytes
    score: float
    runner_up: bytes | None
    margin: float
    clear: bool


Admits = Callable[[bytes], bool]
Exactly = Callable[[Sequence[Candidate]], list[float]]
Reaching = Callable[[float], Iterator[Candidate]]


def settle(threshold: float, margin: float, reaching: Reaching, admits: Admits, exactly: Exactly) -> Answer | None:
    """The admitted subject with the highest cosine if that is at least ``threshold``, else None.

    reaching: everybody who may reach a cosine, none missing, highest limit first. admits: asked once per subject,
    only about those who may be the best or the runner-up. exactly: exact cosines of candidates.
    """
    asked: dict[bytes, bool] = {}

    def admitted(candidate: Candidate) -> bool:
        if candidate.subject not in asked:
            asked[candidate.subject] = admits(candidate.subject)
        return asked[candidate.subject]

    contenders = _contenders(reaching(threshold), threshold, admitted)
    if not contenders:
        return None
    best = max(contenders, key=_rank)
    if _highest_low(contenders) < threshold or any(one.subject != best.subject for one in contenders):
        _make_exact(contenders, exactly)
        best = max(contenders, key=_rank)
        if best.low < threshold:
            return None
    winner = [one for one in contenders if one.subject == best.subject]
    level = threshold if margin <= 0 else max(min(threshold, _highest_low(winner) - margin), -1.0)
    rivals = _contenders(reaching(level), level, lambda one: one.subject != best.subject and admitted(one))
    clear = _is_clear(winner, rivals, margin, exactly)
    best = max(winner, key=_rank)
    if not rivals:
        return Answer(best.subject, best.template, best.middle, None, NO_RUNNER_UP_MARGIN, clear)
    rival = max(rivals, key=_rank)
    return Answer(best.subject, best.template, best.middle, rival.subject, max(best.middle - rival.middle, 0.0), clear)


def _contenders(candidates: Iterable[Candidate], least: float, counts: Callable[[Candidate], bool]) -> list[Candidate]:
    """Those of ``candidates`` that count and may be the best of those that do."""
    found: list[Candidate] = []
    for one in candidates:
        if one.limit < least:
            break
        if one.high >= least and counts(one):
            found.append(one)
            least = max(least, one.low)
    return [one for one in found if one.high >= least]


def _is_clear(winner: list[Candidate], rivals: list[Candidate], margin: float, exactly: Exactly) -> bool:
    if margin <= 0 or not rivals:
        return True
    if _highest_low(winner) - _highest_high(rivals) >= margin:
        return True
    if _highest_high(winner) - _highest_low(rivals) < margin:
        return False
    _make_exact([*winner, *rivals], exactly)
    return _highest_low(winner) - _highest_low(rivals) >= margin


def _make_exact(candidates: Sequence[Candidate], exactly: Exactly) -> None:
    unsure = [one for one in candidates if one.low != one.high]
    if unsure:
        for one, score in zip(unsure, exactly(unsure), strict=True):
            one.low = one.high = score


def _highest_low(candidates: Sequence[Candidate]) -> float:
    return max(one.low for one in candidates)


def _highest_high(candidates: Sequence[Candidate]) -> float:
    return max(one.high for one in candidates)


def _rank(candidate: Candidate) -> tuple[float, bytes]:
    return candidate.middle, candidate.template
