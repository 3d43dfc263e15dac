"""Which rules a passage fires: a pure function of the rules, the passage and the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.contract.config import EstateConfig, RuleConfig
from core.contract.events import PassageV1
from core.contract.ids import CheckpointId, PassageId, RuleId
from core.contract.vocabulary import Credential, Reason, Ring, Severity

CheckpointKind = Literal["face_gate", "door", "plate_lane"]
_NOT_LISTED = frozenset({Reason.UNLISTED, Reason.LOOKS_LIKE})


@dataclass(frozen=True, slots=True)
class Place:
    """What a rule needs to know of a checkpoint."""

    kind: CheckpointKind
    ring: Ring


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule, fired by one passage. ``cause`` is the same however often it is evaluated."""

    rule: RuleId
    trigger: str
    severity: Severity
    passage: PassageId

    @property
    def cause(self) -> str:
        return f"{self.rule}:{self.passage}"


def places_of(config: EstateConfig) -> dict[CheckpointId, Place]:
    """Every checkpoint of the configuration, as rules see it."""
    return {one.id: Place(one.kind, one.ring) for one in config.checkpoints}


def evaluate(rules: tuple[RuleConfig, ...], passage: PassageV1, place: Place | None) -> list[Firing]:
    """Every rule that ``passage`` fires at ``place``, in the order of the rules.

    ``place`` is None for a checkpoint the configuration doesn't know (any more): nothing fires there, because nobody
    said what the place is. When a passage happened does not matter: a late one fires as well.
    """
    if place is None:
        return []
    return [
        Firing(rule.id, rule.trigger, rule.severity, passage.passage_id)
        for rule in rules
        if (not rule.checkpoints or passage.checkpoint in rule.checkpoints) and _TRIGGERS[rule.trigger](passage, place)
    ]


def _stranger_at_door(passage: PassageV1, place: Place) -> bool:
    """Somebody went through a door of the third ring without a valid credential. About the door, not the face."""
    return place.ring is Ring.BUILDING and passage.passed and passage.credential is Credential.NONE


def _unlisted_vehicle(passage: PassageV1, place: Place) -> bool:
    """A plate at a vehicle lane that is on no list, or only looks like one that is."""
    return place.kind == "plate_lane" and passage.reason in _NOT_LISTED


_TRIGGERS = {"stranger_at_door": _stranger_at_door, "unlisted_vehicle": _unlisted_vehicle}
