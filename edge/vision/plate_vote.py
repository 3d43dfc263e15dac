"""One plate from the reads of one visit.

A text counts only where the grammar of GA 36-2018 allows it, and only together with a ground colour its form can have:
a new-energy plate that lost a character reads as a well-formed ordinary one, but ordinary plates are not green.
The confidence is the lowest character's: a plate with one doubtful character is a doubtful plate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.contract.events import PlateReading
from core.contract.plates import PlateForm, parse_plate
from core.contract.vocabulary import PlateColour
from models.types import PlateRead

MAX_READS = 24
"""Reads kept of one visit, the latest."""
ANOTHER_PLATE = 3
"""Characters at which two reads differ when they are of two plates; one plate is misread in one or two."""

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
    """When a plate is settled: early when it is sure, later when it is doubtful.

    min_agreeing: reads with exactly the voted text whose lowest character has at least sure_confidence over all reads;
    doubtful_agreeing, min_confidence: more reads, and the lowest confidence they make up for; lone_confidence: from
    which a single read counts when the visit ends with no other well-formed one.
    """

    min_agreeing: int = 2
    sure_confidence: float = 0.8
    doubtful_agreeing: int = 3
    min_confidence: float = 0.6
    lone_confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class Vote:
    """reading: what the reads say together; confidences: of each of its characters; agreeing: reads of exactly that."""

    reading: PlateReading
    confidences: tuple[float, ...]
    agreeing: int


def vote(seen: Sequence[SeenPlate]) -> Vote | None:
    """The plate of ``seen``, character by character; None when no read is well-formed, or their mixture is not.

    Reads that differ in `ANOTHER_PLATE` characters are of another plate and don't vote.
    """
    usable = [(one.text, one) for one in seen if one.text]
    if not usable:
        return None
    weights: defaultdict[str, float] = defaultdict(float)
    for text, one in usable:
        weights[text] += one.weight * min(one.read.confidences)
    # Ties go to the longer text: reads lose characters more often than they invent them.
    middle = max(weights, key=lambda text: (_support(text, weights), weights[text], len(text), text))
    voters = [(text, one) for text, one in usable if _same_plate(text, middle)]
    winners = [_elect(voters, position) for position in range(len(middle))]
    text = "".join(character for character, _ in winners)
    plate = parse_plate(text)
    colour = _prevailing([one for _, one in voters])
    if plate is None or not _fits(plate.form, colour):
        return None
    confidences = tuple(confidence for _, confidence in winners)
    reading = PlateReading(text=text, colour=colour, confidence=min(confidences), reads=len(seen))
    return Vote(reading, confidences, agreeing=sum(candidate == text for candidate, _ in voters))


def settled(seen: Sequence[SeenPlate], rules: VoteRules) -> Vote | None:
    """The plate while the vehicle is still there: only when enough reads agree on all of it."""
    result = vote(seen)
    if result is None:
        return None
    sure = result.reading.confidence >= rules.sure_confidence and result.agreeing >= rules.min_agreeing
    enough = result.reading.confidence >= rules.min_confidence and result.agreeing >= rules.doubtful_agreeing
    return result if sure or enough else None


def final(seen: Sequence[SeenPlate], rules: VoteRules) -> Vote | None:
    """The plate when no more reads will come: as many as agree, or a single read that is sure of every character."""
    result = vote(seen)
    if result is None:
        return None
    confidence = result.reading.confidence
    if sum(bool(one.text) for one in seen) == 1:
        return result if confidence >= rules.lone_confidence else None
    return result if confidence >= rules.min_confidence and result.agreeing >= rules.min_agreeing else None


def beyond_doubt(result: Vote, rules: VoteRules) -> bool:
    """Whether ``result`` may stand against another plate that reads nearly the same: agreed on, and no misread."""
    return result.agreeing >= rules.min_agreeing and result.reading.confidence >= rules.lone_confidence


def of_another(seen: Sequence[SeenPlate], text: str) -> list[SeenPlate]:
    """The reads before the first of ``text`` that are of another plate: of a vehicle that was here before."""
    before: list[SeenPlate] = []
    for one in seen:
        if one.text == text:
            break
        if one.text and not _same_plate(one.text, text):
            before.append(one)
    return before


def characters_apart(one: str, other: str) -> int:
    """Places at which two texts differ; a missing character is one too."""
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def edits(one: str, other: str) -> int:
    """Characters to put in, leave out or exchange to make ``one`` of ``other`` (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for above, a in enumerate(one):
        before = row
        row = [above + 1]
        for place, b in enumerate(other):
            row.append(min(before[place] + (a != b), before[place + 1] + 1, row[place] + 1))
    return row[-1]


def _same_plate(one: str, other: str) -> bool:
    return len(one) == len(other) and characters_apart(one, other) < ANOTHER_PLATE


def _support(text: str, weights: Mapping[str, float]) -> float:
    """Weight of all reads that may be of the plate ``text``."""
    return sum(weight for other, weight in weights.items() if _same_plate(text, other))


def _elect(voters: Sequence[tuple[str, SeenPlate]], position: int) -> tuple[str, float]:
    """The character at ``position`` and its confidence: the mean over those who read it and those who read another.

    The latter count 0, each for as much as it was sure: a blurred read from afar does not undo sharp ones.
    """
    tally: defaultdict[str, float] = defaultdict(float)
    agreeing: defaultdict[str, float] = defaultdict(float)
    for text, one in voters:
        tally[text[position]] += one.weight * one.read.confidences[position]
        agreeing[text[position]] += one.weight
    winner = max(tally, key=lambda character: (tally[character], character))
    against = sum(tally.values()) - tally[winner]
    return winner, min(1.0, tally[winner] / (agreeing[winner] + against))


def _prevailing(seen: Sequence[SeenPlate]) -> PlateColour:
    counts = Counter(one.colour for one in seen if one.colour is not PlateColour.UNKNOWN)
    return max(counts, key=lambda colour: (counts[colour], colour)) if counts else PlateColour.UNKNOWN


def _fits(form: PlateForm, colour: PlateColour) -> bool:
    return colour is PlateColour.UNKNOWN or colour in COLOURS[form]
