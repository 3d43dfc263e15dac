"""Which passes of the truth were told, which were not, and what was told of nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from core.contract.ids import CheckpointId, SubjectKey
from core.contract.vocabulary import Credential, Reason, Verdict
from edge.replay.truth import Expected, TruePass

EARLY_S = 0.5
"""Truth is written by hand: a pass may be told this much before it is said to begin."""
LATE_S = 3.0
"""A pass that can't be decided while it lasts is told once its track has ended."""


@dataclass(frozen=True, slots=True)
class Told:
    """A passage the edge told.

    at_s: of its deciding frame, seconds from the clip's first; recognised: as somebody on the lists, whether or not
    ``subject`` says as whom.
    """

    at_s: float
    checkpoint: CheckpointId
    credential: Credential
    verdict: Verdict
    reason: Reason
    subject: SubjectKey | None = None
    plate: str | None = None
    recognised: bool = False


class Result(StrEnum):
    CAUGHT = "caught"
    MISSED = "missed"
    WRONG = "wrong"  # something was told, and it is not what happened


@dataclass(frozen=True, slots=True)
class Scored:
    """A pass of the truth, and what was told of it (for a wrong one: instead)."""

    true: TruePass
    result: Result
    told: Told | None

    @property
    def after_s(self) -> float | None:
        """From its beginning to its being told, seconds; None when it was not."""
        return None if self.told is None else self.told.at_s - self.true.from_s


@dataclass(frozen=True, slots=True)
class Score:
    passes: tuple[Scored, ...]
    extra: tuple[Told, ...]
    """Told, and in no pass of the truth."""

    def of(self, result: Result) -> tuple[Scored, ...]:
        return tuple(one for one in self.passes if one.result is result)


def score(truth: Sequence[TruePass], told: Iterable[Told], *, names: bool = True) -> Score:
    """Each passage is told of at most one pass, the first it fits; what fits none is held against one, or extra.

    names: without, nobody is told by name, and a pass that expects somebody is caught by anybody recognised: with real
    lists a replay would otherwise find out whose face any video shows.
    """
    left = sorted(told if names else map(_nameless, told), key=lambda one: one.at_s)
    in_order = sorted(truth, key=lambda one: (one.from_s, one.to_s))
    caught: dict[str, Told] = {}
    for true in in_order:
        found = next((one for one in left if _in_time(true, one) and fits(true.expects, one, names=names)), None)
        if found is not None:
            caught[true.name] = found
            left.remove(found)
    wrong: dict[str, Told] = {}
    for true in in_order:
        found = None if true.name in caught else next((one for one in left if _in_time(true, one)), None)
        if found is not None:
            wrong[true.name] = found
            left.remove(found)
    passes = tuple(
        Scored(true, Result.CAUGHT, caught[true.name])
        if true.name in caught
        else Scored(true, Result.WRONG if true.name in wrong else Result.MISSED, wrong.get(true.name))
        for true in in_order
    )
    return Score(passes, tuple(left))


def fits(expected: Expected, told: Told, *, names: bool = True) -> bool:
    """Whether ``told`` says what was expected; what the truth leaves open may be anything, but who and which plate."""
    who = expected.subject == told.subject if names else (expected.subject is not None) == told.recognised
    return (
        who
        and expected.credential in (None, told.credential)
        and expected.verdict in (None, told.verdict)
        and expected.reason in (None, told.reason)
        and expected.plate == told.plate
    )


def _nameless(told: Told) -> Told:
    return replace(told, subject=None)


def _in_time(true: TruePass, told: Told) -> bool:
    return true.checkpoint == told.checkpoint and true.from_s - EARLY_S <= told.at_s <= true.to_s + LATE_S
