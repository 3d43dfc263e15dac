"""One plate from the reads of one visit.

A text counts only where the grammar of GA 36-2018 allows it, and only together with a ground colour its form can have:
a new-energy plate that lost a character reads as a well-formed ordinary one, but ordinary plates are not green.
The confidence is the lowest character's: a plate with one doubtful character is a doubtful plate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.contract.events import PlateReading
from core.contract.plates import PlateForm, parse_plate
from core.contract.vocabulary import PlateColour
from models.types import PlateRead

MAX_READS = 24
"""Reads kept of one visit; a vehicle that stands longer has been read as well as it will be."""

_BLUE_OR_OLDER = frozenset({PlateColour.BLUE, PlateColour.YELLOW, PlateColour.BLACK})
_WHITE = frozenset({PlateColour.WHITE})
_YELLOW = frozenset({PlateColour.YELLOW})
_BLACK = frozenset({PlateColour.BLACK})
COLOURS: dict[PlateForm, frozenset[PlateColour]] = {
    PlateForm.NEV_SMALL: frozenset({PlateColour.GREEN}),
    PlateForm.NEV_LARGE: frozenset({PlateColour.YELLOW_GREEN, PlateColour.GREEN}),
    PlateForm.STANDARD: _BLUE_OR_OLDER,
    PlateForm.POLICE: _WHITE,
    PlateForm.LEARNER: _YELLOW,
    PlateForm.TRAILER: _YELLOW,
    PlateForm.HONG_KONG_MACAU: _BLACK,
    PlateForm.EMBASSY: _BLACK,
    PlateForm.CONSULATE: _BLACK,
    PlateForm.EMERGENCY: _WHITE,
    PlateForm.ARMED_POLICE: _WHITE,
    PlateForm.MILITARY: _WHITE,
}
"""Ground colours a form can have. Black ordinary plates (foreigners' cars) are no longer issued but still drive."""


@dataclass(frozen=True, slots=True)
class SeenPlate:
    """One read: the text with its confidences, the ground colour, and how much it counts (above 0)."""

    read: PlateRead
    colour: PlateColour
    weight: float = 1.0

    @property
    def text(self) -> str:
        """The normalised text, or empty when the read fits no form or can't be of its colour."""
        plate = parse_plate(self.read.text)
        # Normalising may drop separators: then confidences no longer belong to characters one by one.
        if plate is None or len(plate.text) != len(self.read.text) or not _fits(plate.form, self.colour):
            return ""
        return plate.text


@dataclass(frozen=True, slots=True)
class VoteRules:
    """When a plate is settled.

    min_agreeing: reads with exactly the voted text; min_confidence: of the lowest character over all reads;
    lone_confidence: from which a single read counts when the visit ends with no other well-formed one.
    """

    min_agreeing: int = 2
    min_confidence: float = 0.6
    lone_confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class Vote:
    """reading: what the reads say together; confidences: of each of its characters; agreeing: reads of exactly that."""

    reading: PlateReading
    confidences: tuple[float, ...]
    agreeing: int


def vote(seen: Sequence[SeenPlate]) -> Vote | None:
    """The plate of ``seen``, character by character; None when no read is well-formed, or their mixture is not."""
    texts = [one.text for one in seen]
    usable = [(text, one) for text, one in zip(texts, seen, strict=True) if text]
    if not usable:
        return None
    lengths: defaultdict[int, float] = defaultdict(float)
    for text, one in usable:
        lengths[len(text)] += one.weight * min(one.read.confidences)
    # Ties go to the longer text: reads lose characters more often than they invent them.
    length = max(lengths, key=lambda candidate: (lengths[candidate], candidate))
    voters = [(text, one) for text, one in usable if len(text) == length]
    winners = [_elect(voters, position) for position in range(length)]
    text = "".join(character for character, _ in winners)
    plate = parse_plate(text)
    colour = _prevailing([one for _, one in usable])
    if plate is None or not _fits(plate.form, colour):
        return None
    confidences = tuple(confidence for _, confidence in winners)
    reading = PlateReading(text=text, colour=colour, confidence=min(confidences), reads=len(seen))
    return Vote(reading, confidences, agreeing=sum(candidate == text for candidate in texts))


def settled(seen: Sequence[SeenPlate], rules: VoteRules) -> Vote | None:
    """The plate while the vehicle is still there: only when enough reads agree on all of it."""
    result = vote(seen)
    if result is None or result.agreeing < rules.min_agreeing or result.reading.confidence < rules.min_confidence:
        return None
    return result


def final(seen: Sequence[SeenPlate], rules: VoteRules) -> Vote | None:
    """The plate when no more reads will come: settled, or a single read that is sure of every character."""
    result = vote(seen)
    if result is None:
        return None
    alone = sum(bool(one.text) for one in seen) == 1
    if alone and result.reading.confidence >= rules.lone_confidence:
        return result
    return settled(seen, rules)


def _elect(voters: Sequence[tuple[str, SeenPlate]], position: int) -> tuple[str, float]:
    """The character at ``position`` and its confidence: the mean over all voters, those who disagree counting 0."""
    tally: defaultdict[str, float] = defaultdict(float)
    total = 0.0
    for text, one in voters:
        tally[text[position]] += one.weight * one.read.confidences[position]
        total += one.weight
    winner = max(tally, key=lambda character: (tally[character], character))
    return winner, min(1.0, tally[winner] / total)


def _prevailing(seen: Sequence[SeenPlate]) -> PlateColour:
    counts = Counter(one.colour for one in seen if one.colour is not PlateColour.UNKNOWN)
    return max(counts, key=lambda colour: (counts[colour], colour)) if counts else PlateColour.UNKNOWN


def _fits(form: PlateForm, colour: PlateColour) -> bool:
    return colour is PlateColour.UNKNOWN or colour in COLOURS[form]
