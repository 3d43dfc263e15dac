"""What happens at doors and places is stored once; counts are summed per hour, in whatever order they come."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.contract.base import Message
from core.contract.config import EstateConfig
from core.contract.envelope import encode
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import new_id
from core.ingest.arrivals import Arrival
from core.storage.database import Database
from core.storage.schema import DeadLetterRow, HappeningRow, LineCountRow, ZoneCountRow
from tests.core.estates import NOW, arrival, envelope, estate
from tests.core.ingest.commit import commit

HOUR = NOW.replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def config() -> EstateConfig:
    """The usual estate, with a line and a zone at its gate's camera, and a line at a camera of the other edge."""
    plain = estate().model_dump(mode="json")
    words = {"zh": "线", "en": "line"}
    line = {"name": words, "line": [[0.2, 0.5], [0.8, 0.5]]}
    plain["scenes"] = {
        "counting_lines": [
            {**line, "id": "path", "camera": "cam-gate"},
            {**line, "id": "far-path", "camera": "cam-lane"},
        ],
        "zones": [{"id": "yard", "name": words, "camera": "cam-gate", "zone": [[0, 0], [1, 0], [1, 1]]}],
    }
    return EstateConfig.model_validate(plain)


def counts(minute: int, **line: int) -> CountsV1:
    since = HOUR + timedelta(minutes=minute)
    return CountsV1.model_validate(
        {
            "camera": "cam-gate",
            "since": since,
            "until": since + timedelta(minutes=5),
            "lines": [{"place": "path", "body": "person", "forward": 0, "backward": 0, **line}],
            "zones": [
                {"place": "yard", "body": "person", "body_s": 40, "most_at_once": minute % 7, "long_stays": 1},
            ],
        }
    )


def standing(happening: str, ended_at: datetime | None = None) -> HappeningV1:
    return HappeningV1.model_validate(
        {
            "happening_id": happening,
            "what": "vehicle_standing",
            "phase": "began" if ended_at is None else "ended",
            "occurred_at": NOW,
            "ended_at": ended_at,
            "camera": "cam-gate",
            "place": "path",
            "body": "vehicle",
        }
    )


def sent(*messages: Message) -> list[Arrival]:
    return [arrival(encode(envelope(message, sequence))) for sequence, message in enumerate(messages, 1)]


def rows(database: Database, table: Any) -> list[Any]:
    with database.reading() as db:
        return list(db.scalars(select(table)))


def test_counts_are_summed_per_hour_and_never_twice(database: Database, config: EstateConfig) -> None:
    arrivals = sent(counts(0, forward=3, backward=1), counts(5, forward=2), counts(60, forward=7))
    commit(database, config, *arrivals[:2])
    commit(database, config, *arrivals)
    commit(database, config, *arrivals)
    found = sorted((row.hour, row.forward, row.backward) for row in rows(database, LineCountRow))
    assert found == [(HOUR, 5, 1), (HOUR + timedelta(hours=1), 7, 0)]
    first = min(rows(database, ZoneCountRow), key=lambda row: row.hour)
    assert (first.body_s, first.most_at_once, first.long_stays) == (80, 5, 2)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_lasts_is_one_row_whichever_of_its_ends_is_heard_of_first(
    order: tuple[int, ...], database: Database, config: EstateConfig
) -> None:
    happening, ended_at = new_id(), NOW + timedelta(minutes=4)
    arrivals = sent(standing(happening), standing(happening, ended_at), counts(0, forward=1))
    for position in order:
        commit(database, config, arrivals[position])
    (row,) = rows(database, HappeningRow)
    assert (row.id, row.what, row.place, row.occurred_at, row.ended_at) == (
        happening,
        "vehicle_standing",
        "path",
        NOW,
        ended_at,
    )


def test_both_ends_in_one_batch_are_one_row(database: Database, config: EstateConfig) -> None:
    happening = new_id()
    done = commit(database, config, *sent(standing(happening), standing(happening, NOW + timedelta(seconds=9))))
    assert done.counts["stored"] == 2
    assert len(rows(database, HappeningRow)) == 1


def test_an_edge_counts_at_its_own_places_only(database: Database, config: EstateConfig) -> None:
    foreign = counts(0, forward=1).model_copy(
        update={"lines": (counts(0).lines[0].model_copy(update={"place": "far-path"}),)}
    )
    done = commit(database, config, *sent(foreign))
    assert done.counts["unusable"] == 1
    assert rows(database, LineCountRow) == []
    assert "far-path" in rows(database, DeadLetterRow)[0].reason


def test_the_id_of_one_happening_is_not_that_of_another(database: Database, config: EstateConfig) -> None:
    happening = new_id()
    wrong_way = HappeningV1.model_validate(
        {**standing(happening).model_dump(), "what": "wrong_way", "phase": "at_once"}
    )
    done = commit(database, config, *sent(standing(happening), wrong_way))
    assert done.counts["unusable"] == 1
    assert [row.what for row in rows(database, HappeningRow)] == ["vehicle_standing"]
