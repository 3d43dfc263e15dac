"""Events are stored once, in whatever order and however often they come."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core import live
from core.contract.base import Message
from core.contract.config import EstateConfig
from core.contract.envelope import encode
from core.contract.events import OutboxDroppedV1, PictureV1
from core.contract.events_cameras import CameraConditionV1
from core.contract.ids import new_id
from core.ingest.arrivals import Arrival
from core.lists.sync_places import do_sync_places
from core.people.edges import do_note_edge_state
from core.storage.database import Database
from core.storage.schema import AlertRow, DeadLetterRow, EventRow, PassageRow, SealedTemplateRow
from tests.core.estates import (
    NOW,
    EdgeKey,
    arrival,
    consenting_person,
    edge_state,
    envelope,
    estate,
    event,
    give_ticket,
    key,
    passage,
    sealed_template,
    stranger,
)
from tests.core.ingest.commit import commit, tables

JPEG = b"\xff\xd8\xff\xe0 a picture"


def picture(passage_id: str, jpeg: bytes = JPEG) -> PictureV1:
    return PictureV1.model_validate(
        {
            "picture_id": new_id(),
            "passage_id": passage_id,
            "checkpoint": "gate",
            "taken_at": NOW,
            "width_px": 10,
            "height_px": 10,
            "faces_blurred": 0,
            "jpeg_base64": base64.b64encode(jpeg).decode(),
        }
    )


def an_hour_of_events() -> list[Arrival]:
    """One life of an outbox: passages, a picture, a camera, drops; numbers 1, 2, 5 and 6 were dropped (floor)."""
    first = passage()
    messages: list[tuple[Message, int, int]] = [
        (first, 3, 1),
        (picture(first.passage_id), 4, 3),
        (stranger(), 7, 3),
        (OutboxDroppedV1(kinds={"anju.picture.v1": 2}), 8, 7),
        (
            CameraConditionV1.model_validate(
                {"camera": "cam-gate", "condition": "offline", "since": NOW, "blind": True, "checkpoints": ["gate"]}
            ),
            9,
            7,
        ),
        (passage(), 10, 9),
    ]
    return [event(message, sequence, floor=floor) for message, sequence, floor in messages]


@pytest.fixture(scope="module")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    path = tmp_path_factory.mktemp("ingest") / "places.db"
    shutil.copyfile(_sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    with database.writing() as db:
        do_sync_places(db, estate())
    database.close()
    return path


@given(chosen=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_any_doubles_end_with_the_same_rows_and_acknowledgement(
    chosen: st.DataObject, sqlite_template: Path
) -> None:
    events = an_hour_of_events()
    arrivals = chosen.draw(st.permutations(events + chosen.draw(st.lists(st.sampled_from(events), max_size=6))))
    cuts = sorted(chosen.draw(st.lists(st.integers(0, len(arrivals)), max_size=4)))
    batches = [arrivals[start:end] for start, end in zip([0, *cuts], [*cuts, len(arrivals)], strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        left = []
        for name, run in (("in-order", [events]), ("shuffled", batches)):
            path = Path(folder) / f"{name}.db"
            shutil.copyfile(sqlite_template, path)
            database = Database(f"sqlite:///{path}")
            for batch in run:
                committed = commit(database, estate(), *batch)
                for ack in committed.acks:
                    assert (ack.edge, ack.sequence) in {(row[0], row[2]) for row in tables(database)["cursors"]}
            left.append(tables(database))
            database.close()
    assert left[0] == left[1]
    assert left[0]["cursors"] == [("edge-1", "epoch-0001", 10, 4)]


def test_a_batch_leaves_rows_an_acknowledgement_an_alert_and_live_rows(
    known_database: Database, config: EstateConfig
) -> None:
    first, second = passage(), stranger()
    committed = commit(known_database, config, event(first, 1), event(second, 2))

    assert [(ack.edge, ack.sequence) for ack in committed.acks] == [("edge-1", 2)]
    assert [(alert.rule, alert.checkpoint) for alert in committed.alerts] == [("stranger", "door")]
    left = tables(known_database)
    assert [row[:2] for row in left["passages"]] == [(first.passage_id, "perimeter"), (second.passage_id, "building")]
    assert [row[0] for row in left["alerts"]] == [f"stranger:{second.passage_id}"]
    with known_database.reading() as db:
        assert [one.kind for one in live.read_after(db, 0)] == ["passage", "passage", "alert"]


def test_a_gap_holds_the_acknowledgement_back_until_it_is_filled(
    known_database: Database, config: EstateConfig
) -> None:
    assert commit(known_database, config, event(passage(), 1), event(passage(), 3)).acks[0].sequence == 1
    assert commit(known_database, config, event(passage(), 4)).acks[0].sequence == 1
    assert commit(known_database, config, event(passage(), 2)).acks[0].sequence == 4


def test_a_floor_lets_the_acknowledgement_pass_over_what_the_edge_dropped(
    known_database: Database, config: EstateConfig
) -> None:
    assert commit(known_database, config, event(passage(), 8, floor=8)).acks[0].sequence == 8
    assert tables(known_database)["cursors"] == [("edge-1", "epoch-0001", 8, 7)]


def test_a_double_is_acknowledged_again_and_changes_nothing(known_database: Database, config: EstateConfig) -> None:
    one = event(stranger(), 1)
    commit(known_database, config, one)
    before = tables(known_database)
    again = commit(known_database, config, one, one)
    assert (again.counts["duplicates"], again.counts["stored"], again.alerts) == (2, 0, ())
    assert again.acks[0].sequence == 1
    assert tables(known_database) == before


def test_a_late_passage_raises_its_alert_with_its_own_time(known_database: Database, config: EstateConfig) -> None:
    late = NOW - timedelta(hours=5)
    commit(known_database, config, event(stranger(occurred_at=late), 1))
    with known_database.reading() as db:
        row = db.scalars(select(AlertRow)).one()
        assert (row.occurred_at, row.raised_at) == (late, NOW)


def test_a_passage_at_an_unknown_checkpoint_is_kept_without_a_ring_and_fires_nothing(
    known_database: Database, config: EstateConfig
) -> None:
    commit(known_database, config, event(stranger(checkpoint="gone"), 1))
    left = tables(known_database)
    assert [row[1] for row in left["passages"]] == [None]
    assert left["alerts"] == []


def test_an_edge_cant_speak_for_another_ones_checkpoint(known_database: Database, config: EstateConfig) -> None:
    committed = commit(known_database, config, event(passage(checkpoint="lane"), 1))
    assert (committed.counts["unusable"], committed.acks[0].sequence) == (1, 1)
    assert tables(known_database)["passages"] == []


def test_an_edge_cant_speak_under_another_ones_name(known_database: Database, config: EstateConfig) -> None:
    forged = arrival(encode(envelope(passage(), 1, edge="edge-2")), "edge-1")
    committed = commit(known_database, config, forged)
    assert (committed.counts["garbage"], committed.acks) == (1, ())


def _damaged(change: dict[str, Any]) -> bytes:
    return encode(envelope(passage(), 1).model_copy(update=change))


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(_damaged({"type": "anju.unheard-of.v9"}), id="unknown type"),
        pytest.param(_damaged({"data": {"passage_id": "no id"}}), id="wrong data"),
        pytest.param(_damaged({"data": {}}), id="no data"),
        pytest.param(encode(envelope(picture(new_id(), b"GIF89a"), 1)), id="a picture that is no JPEG"),
    ],
)
def test_an_event_that_cant_be_used_holds_up_nothing_behind_it(
    wire: bytes, known_database: Database, config: EstateConfig
) -> None:
    committed = commit(known_database, config, arrival(wire), event(passage(), 2))
    assert committed.acks[0].sequence == 2
    assert (committed.counts["unusable"], committed.counts["stored"]) == (1, 1)
    with known_database.reading() as db:
        letter = db.scalars(select(DeadLetterRow)).one()
        assert letter.payload == wire
        assert letter.reason


@pytest.mark.parametrize(
    "payload", [b"", b"\x00\xff\xfe", b"{", b"[]", b"null", b'"text"', b"1e999", b"[" * 5000, "🚪".encode() * 100]
)
def test_garbage_becomes_a_dead_letter_and_nothing_else(
    payload: bytes, known_database: Database, config: EstateConfig
) -> None:
    committed = commit(known_database, config, arrival(payload), event(passage(), 1))
    assert (committed.counts["garbage"], committed.counts["stored"]) == (1, 1)


def test_a_template_is_taken_only_from_an_edge_whose_key_was_compared(
    trusting_database: Database, config: EstateConfig, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    wire = sealed_template(who, consent, edge_keys)
    with trusting_database.writing() as db:
        give_ticket(db, who, consent)
        do_note_edge_state(db, edge_state("edge-2", EdgeKey.make().public_base64), NOW)
    refused = commit(trusting_database, config, event(wire, 1, edge="edge-2"))
    assert (refused.counts["templates_refused"], refused.acks[0].sequence) == (1, 1)
    assert commit(trusting_database, config, event(wire, 1)).counts["templates_refused"] == 0
    with trusting_database.reading() as db:
        assert db.scalars(select(SealedTemplateRow.edge_id)).all() == ["edge-1"]


def test_no_dead_letter_keeps_a_template_where_no_erasure_would_find_it(
    known_database: Database, config: EstateConfig, edge_keys: dict[str, EdgeKey]
) -> None:
    wire = encode(envelope(sealed_template(key(), new_id(), edge_keys), 1))
    damaged = wire.replace(b'"template_id"', b'"template"')
    for one in (damaged, wire[:-1], wire.replace(b"/edge/edge-1", b"/edge/edge-2")):
        commit(known_database, config, arrival(one))
    with known_database.reading() as db:
        assert [letter.payload for letter in db.scalars(select(DeadLetterRow))] == [b"", b"", b""]


def test_a_dead_letter_is_cut_and_their_number_is_bounded(
    known_database: Database, config: EstateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.ingest.dead_letters.MAX_ROWS", 3)
    commit(known_database, config, *[arrival(b"x" * 1_000_001) for _ in range(5)])
    with known_database.reading() as db:
        letters = db.scalars(select(DeadLetterRow)).all()
    assert [len(letter.payload) for letter in letters] == [64 * 1024] * 3


def test_what_the_database_itself_refuses_costs_only_itself(known_database: Database, config: EstateConfig) -> None:
    before_time = event(passage(occurred_at="0001-01-01T00:00:00+14:00"), 1)  # in UTC there is no such year
    beyond = arrival(encode(envelope(passage(), 2**70)))
    committed = commit(known_database, config, before_time, event(passage(), 2), beyond)
    assert (committed.counts["stored"], committed.counts["unusable"], committed.counts["garbage"]) == (1, 1, 1)
    assert committed.acks[0].sequence == 2


def test_a_nul_character_is_stored_or_buried_but_never_stops_the_rest(
    known_database: Database, config: EstateConfig
) -> None:
    plate = {"text": "京A\u0000234", "colour": "blue", "confidence": 0.9, "reads": 3}
    odd_epoch = arrival(encode(envelope(passage(), 1, epoch="epoch\u00000002")))
    nul = event(passage(checkpoint="lane", plate=plate), 1, edge="edge-2")
    committed = commit(known_database, config, nul, odd_epoch, event(passage(), 1))
    assert ("edge-1", "epoch-0001", 1) in {(ack.edge, ack.epoch, ack.sequence) for ack in committed.acks}


def test_an_id_or_a_position_used_twice_for_different_things_is_told_and_passed(
    known_database: Database, config: EstateConfig
) -> None:
    first = envelope(passage(), 1)
    commit(known_database, config, arrival(encode(first)))
    same_id = first.model_copy(update={"sequence": 2})
    same_position = envelope(passage(), 1)
    committed = commit(known_database, config, arrival(encode(same_id)), arrival(encode(same_position)))
    assert (committed.counts["unusable"], committed.acks[0].sequence) == (2, 2)
    again = commit(known_database, config, arrival(encode(same_id)))
    assert (again.counts["unusable"], again.counts["duplicates"], again.acks[0].sequence) == (0, 1, 2)
    with known_database.reading() as db:
        assert len(db.scalars(select(PassageRow)).all()) == 1
        assert len(db.scalars(select(EventRow)).all()) == 2


def test_a_passage_told_twice_under_two_events_is_one_passage(known_database: Database, config: EstateConfig) -> None:
    one = passage()
    committed = commit(known_database, config, event(one, 1), event(one, 2))
    assert (committed.counts["stored"], committed.counts["unusable"], committed.acks[0].sequence) == (1, 1, 2)


def test_two_lives_of_an_outbox_are_counted_apart(known_database: Database, config: EstateConfig) -> None:
    reborn = arrival(encode(envelope(passage(), 1, epoch="epoch-0002")))
    committed = commit(known_database, config, event(passage(), 1), event(passage(), 2), reborn)
    assert sorted((ack.epoch, ack.sequence) for ack in committed.acks) == [("epoch-0001", 2), ("epoch-0002", 1)]


def test_an_arrival_too_large_is_never_parsed(known_database: Database, config: EstateConfig) -> None:
    whole = event(passage(), 1)
    too_large = dataclasses.replace(whole, payload=whole.payload + b" " * 1_000_000)
    committed = commit(known_database, config, too_large)
    assert (committed.counts["garbage"], committed.acks) == (1, ())
