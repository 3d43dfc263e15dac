"""Which passages fire which rules, over every credential, ring and outcome."""

from __future__ import annotations

from itertools import product

import pytest

from core.contract.config import RuleConfig
from core.contract.ids import CheckpointId
from core.contract.vocabulary import Credential, Reason, Ring
from core.rules import Place, evaluate, places_of
from tests.core.estates import estate, passage, stranger

NAME = {"zh": "规则", "en": "rule"}
DOOR_RULE = RuleConfig.model_validate({"id": "stranger", "name": NAME, "trigger": "stranger_at_door"})
LANE_RULE = RuleConfig.model_validate({"id": "vehicle", "name": NAME, "trigger": "unlisted_vehicle"})
DOOR = Place("door", Ring.BUILDING)
LANE = Place("plate_lane", Ring.PERIMETER)


@pytest.mark.parametrize(("ring", "credential", "passed"), [*product(Ring, Credential, (True, False))])
def test_a_stranger_is_somebody_who_went_through_a_building_door_without_a_credential(
    ring: Ring, credential: Credential, passed: bool
) -> None:
    seen = passage(checkpoint="door", credential=credential, passed=passed)
    fired = evaluate((DOOR_RULE,), seen, Place("door", ring))
    assert bool(fired) == (ring is Ring.BUILDING and credential is Credential.NONE and passed)


@pytest.mark.parametrize(("kind", "reason"), [*product(("face_gate", "door", "plate_lane"), Reason)])
def test_an_unlisted_vehicle_is_told_at_vehicle_lanes_only(kind: str, reason: Reason) -> None:
    seen = passage(checkpoint="lane", credential="plate", reason=reason)
    fired = evaluate((LANE_RULE,), seen, Place(kind, Ring.PERIMETER))  # type: ignore[arg-type]
    assert bool(fired) == (kind == "plate_lane" and reason in {Reason.UNLISTED, Reason.LOOKS_LIKE})


def test_a_rule_for_named_checkpoints_is_silent_elsewhere() -> None:
    elsewhere = DOOR_RULE.model_copy(update={"checkpoints": (CheckpointId("other-door"),)})
    here = DOOR_RULE.model_copy(update={"id": "here", "checkpoints": (CheckpointId("door"),)})
    assert [fired.rule for fired in evaluate((elsewhere, here), stranger(), DOOR)] == ["here"]


def test_nothing_fires_at_a_place_nobody_knows() -> None:
    assert evaluate((DOOR_RULE, LANE_RULE), stranger(), None) == []


def test_the_cause_names_the_rule_and_the_passage() -> None:
    seen = stranger()
    (fired,) = evaluate((DOOR_RULE,), seen, DOOR)
    assert fired.cause == f"stranger:{seen.passage_id}"


def test_places_are_those_of_the_configuration() -> None:
    assert places_of(estate())[CheckpointId("lane")] == LANE
