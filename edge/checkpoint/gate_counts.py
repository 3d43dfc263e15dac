"""How often each gate of a checkpoint was asked and how often it refused, and which of them tell nothing any more.

A gate here is a condition that a shot, a face or a plate has to meet before it counts. One that refuses everything for
a long time means a covered lens, a camera aimed wrongly or a limit set wrongly; one that has never refused anything
may not be at work at all. Pure: whoever owns the counts reports them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Gate(StrEnum):
    """What may refuse. SIZE is asked once of each face's track; the four after it of every shot, in this order, and a
    refused shot is not asked further."""

    SIZE = "size"
    POSE = "pose"
    DARK = "dark"
    BRIGHT = "bright"
    BLUR = "blur"
    CROWD = "crowd"
    PRESENTATION = "presentation"
    THRESHOLD = "threshold"
    MARGIN = "margin"
    PLATE_SIZE = "plate_size"
    PLATE_BLUR = "plate_blur"
    PLATE_GRAMMAR = "plate_grammar"
    PLATE_COLOUR = "plate_colour"
    PLATE_CONFIDENCE = "plate_confidence"
    PLATE_AGREEMENT = "plate_agreement"


@dataclass(frozen=True, slots=True)
class Enough:
    """Answers in a row, all the same, from which a gate is suspicious: ``always`` refusing, ``never`` refusing."""

    always: int
    never: int


_PER_LOOK = Enough(always=1_000, never=100_000)
"""Some twenty looks make a pass: fifty people in a row, or five thousand."""
_PER_TRACK = Enough(always=200, never=20_000)
"""Of fifty people, each lost from sight and found again a few times."""
_PER_SHOT = Enough(always=150, never=15_000)
"""Three shots make a pass."""
_PER_PASS = Enough(always=50, never=5_000)
"""With none of n passed the true share is below 3/n, 95 times of 100 (rule of three): 6 % of passes, or 0.06 %."""
ENOUGH: Mapping[Gate, Enough] = {
    Gate.SIZE: _PER_TRACK,
    Gate.POSE: _PER_LOOK,
    Gate.DARK: _PER_LOOK,
    Gate.BRIGHT: _PER_LOOK,
    Gate.BLUR: _PER_LOOK,
    Gate.CROWD: _PER_LOOK,
    Gate.PRESENTATION: _PER_SHOT,
    Gate.THRESHOLD: _PER_PASS,
    Gate.MARGIN: _PER_PASS,
    Gate.PLATE_SIZE: _PER_LOOK,
    Gate.PLATE_BLUR: _PER_LOOK,
    Gate.PLATE_GRAMMAR: _PER_LOOK,
    Gate.PLATE_COLOUR: _PER_LOOK,
    Gate.PLATE_CONFIDENCE: _PER_LOOK,
    Gate.PLATE_AGREEMENT: _PER_LOOK,
}


@dataclass(slots=True)
class Tally:
    """asked, refused: since the start; in_a_row: how many answers, the latest included, were the same as it."""

    asked: int = 0
    refused: int = 0
    in_a_row: int = 0
    latest: bool = False


@dataclass(slots=True)
class GateCounts:
    """The answers of every gate of one checkpoint; nothing in it says who was asked about."""

    tallies: dict[Gate, Tally] = field(default_factory=dict)

    def ask(self, gate: Gate, refused: bool) -> None:
        """Count one answer."""
        tally = self.tallies.setdefault(gate, Tally())
        tally.in_a_row = tally.in_a_row + 1 if tally.asked and tally.latest == refused else 1
        tally.latest = refused
        tally.asked += 1
        tally.refused += refused

    def flat(self) -> dict[str, int]:
        """For the edge's state: ``gate.<name>.{asked,refused}``, and ``gate.<name>.{always,never}`` 1 where it is so.

        Gates that were never asked are left out.
        """
        counted = {
            f"gate.{gate}.{what}": number
            for gate, tally in self.tallies.items()
            for what, number in (("asked", tally.asked), ("refused", tally.refused))
        }
        return counted | {f"gate.{one.gate}.{one.refuses}": 1 for one in suspicious(self)}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A gate whose last ``answers`` were all the same."""

    gate: Gate
    refuses: Literal["always", "never"]
    answers: int


def suspicious(counts: GateCounts) -> tuple[Suspicion, ...]:
    """The gates that have refused everything, or nothing, for so long that somebody should look."""
    found: list[Suspicion] = []
    for gate, tally in counts.tallies.items():
        enough = ENOUGH[gate]
        if tally.latest and tally.in_a_row >= enough.always:
            found.append(Suspicion(gate, "always", tally.in_a_row))
        # Refused once, however long ago: it is at work.
        if tally.refused == 0 and tally.asked >= enough.never:
            found.append(Suspicion(gate, "never", tally.asked))
    return tuple(found)


@dataclass(slots=True)
class SuspicionLog:
    """Which suspicions were told: each is told once, and again only after it has gone away."""

    told: frozenset[tuple[Gate, str]] = frozenset()

    def news(self, suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
        """Those of ``suspicions`` that were not told yet."""
        by_key = {(one.gate, one.refuses): one for one in suspicions}
        fresh = tuple(one for key, one in by_key.items() if key not in self.told)
        self.told = frozenset(by_key)
        return fresh
