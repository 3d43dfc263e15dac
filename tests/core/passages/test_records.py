"""Passages, pictures and gates as they can be looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import live
from core.contract.config import EstateConfig
from core.contract.events import CheckpointStateV1
from core.contract.ids import new_id
from core.passages import (
    PassageNotFoundError,
    PictureNotFoundError,
    do_note_gate,
    list_gates,
    list_passages,
    passage,
    passage_payload,
    picture,
)
from core.storage.database import Database
from tests.core.estates import NOW, event
from tests.core.estates import passage as a_passage
from tests.core.ingest.commit import commit
from tests.core.ingest.test_batch import JPEG
from tests.core.ingest.test_batch import picture as a_picture


def test_a_passage_and_its_picture_can_be_looked_at(known_database: Database, config: EstateConfig) -> None:
    plate = {"text": "京A12345", "colour": "blue", "confidence": 0.97, "reads": 4}
    seen = a_passage(plate=plate, credential="plate", subject=new_id(), vehicle=new_id())
    shown = a_picture(seen.passage_id)
    commit(known_database, config, event(seen, 1), event(shown, 2))
    with known_database.reading() as db:
        row = passage(db, seen.passage_id)
        assert (row.checkpoint, row.plate, row.occurred_at) == ("gate", plate, NOW)
        assert picture(db, shown.picture_id).jpeg == JPEG
        told = passage_payload(row)
        assert told["plate"]["text"] == "京A12345"
        assert not {seen.subject, seen.vehicle} & {str(value) for value in told.values()}, "nobody can be followed"


def test_whether_a_face_was_looked_at_is_kept_with_the_passage(known_database: Database, config: EstateConfig) -> None:
    checked, plate = a_passage(presentation="not_checked"), a_passage()
    commit(known_database, config, event(checked, 1), event(plate, 2))
    with known_database.reading() as db:
        assert passage(db, checked.passage_id).presentation == "not_checked"
        assert passage(db, plate.passage_id).presentation is None


def test_the_newest_passages_come_first(known_database: Database, config: EstateConfig) -> None:
    seen = [a_passage() for _ in range(4)]
    commit(known_database, config, *[event(one, number) for number, one in enumerate(seen, 1)])
    with known_database.reading() as db:
        assert [row.id for row in list_passages(db, 3)] == [one.passage_id for one in seen[:0:-1]]


def test_what_is_not_there_is_said_not_to_be(known_database: Database) -> None:
    with known_database.reading() as db:
        with pytest.raises(PassageNotFoundError):
            passage(db, new_id())
        with pytest.raises(PictureNotFoundError):
            picture(db, new_id())


def gate_state(gate: str, minutes: int) -> CheckpointStateV1:
    since = NOW + timedelta(minutes=minutes)
    return CheckpointStateV1.model_validate({"checkpoint": "gate", "gate": gate, "since": since})


def test_a_gates_state_is_kept_and_told_when_it_changes_even_after_a_clock_went_back(database: Database) -> None:
    told = []
    for state in (gate_state("open", 90), gate_state("open", 90), gate_state("closed", 0)):
        with database.writing() as db:
            told.append(do_note_gate(db, state))
    assert told == [True, False, True]
    with database.reading() as db:
        assert [(row.id, row.gate) for row in list_gates(db)] == [("gate", "closed")]
        assert [one.payload["gate"] for one in live.read_after(db, 0)] == ["open", "closed"]
