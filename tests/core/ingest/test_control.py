"""What the core answers an edge that says how it is."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from core.contract.config import EstateConfig
from core.contract.envelope import encode
from core.contract.events import EventAckV1
from core.contract.ids import new_id
from core.contract.topics import Channel, topic
from core.ingest.arrivals import Arrival
from core.ingest.batch import Rulebook
from core.ingest.committer import Committer
from core.ingest.control import ControlDesk, Heard
from core.storage.database import Database
from core.storage.schema import EdgeRow
from tests.core.estates import EPOCH, NOW, EdgeKey, arrival, edge_state, envelope, passage

_minutes = count()


def commit(database: Database, config: EstateConfig, *arrivals: Arrival) -> None:
    """Each time a minute later."""
    now = NOW + timedelta(minutes=next(_minutes))
    later = [Arrival(one.topic, one.edge, one.payload, now) for one in arrivals]
    Committer(database, Rulebook.of(config)).commit(later)


@pytest.fixture
def desk(trusting_database: Database, config: EstateConfig) -> ControlDesk:
    return ControlDesk(trusting_database, config, now=lambda: NOW)


def says_how_it_is(desk: ControlDesk, key: EdgeKey, edge: str = "edge-1") -> Heard:
    state = edge_state(edge, key.public_base64).model_dump_json().encode()
    heard, usable = desk.take(topic("test-estate", Channel.EDGE_STATE, edge), state)
    assert usable
    return heard


def test_a_state_the_broker_kept_says_nothing_of_how_long_the_edge_has_been_on(
    desk: ControlDesk, trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    """Who knows when it was said: by it the core would take hours that passed for none."""
    counted = {"steady_s": 500.0, "boot_id": new_id()}
    state = edge_state("edge-1", edge_keys["edge-1"].public_base64).model_copy(update=counted)
    for retained in (False, True):
        where = topic("test-estate", Channel.EDGE_STATE, "edge-1")
        assert desk.take(where, state.model_dump_json().encode(), retained=retained)[1]
        with trusting_database.reading() as db:
            kept = db.get_one(EdgeRow, "edge-1").state
        assert kept is not None
        assert kept["steady_s"] == (None if retained else 500.0)


def of_life(epoch: str, sequence: int) -> Arrival:
    return arrival(encode(envelope(passage(), sequence, epoch=epoch)))


def test_an_edge_is_told_what_of_its_newest_life_is_committed(
    desk: ControlDesk, trusting_database: Database, config: EstateConfig, edge_keys: dict[str, EdgeKey]
) -> None:
    key = edge_keys["edge-1"]
    assert says_how_it_is(desk, key) is None, "nothing of it is committed yet"
    commit(trusting_database, config, of_life(EPOCH, 1), of_life(EPOCH, 2), of_life(EPOCH, 4))
    assert says_how_it_is(desk, key) == EventAckV1(edge="edge-1", epoch=EPOCH, sequence=2)
    for newer in ("a-newer-life", "z-newer-life", "m-newer-life"):
        commit(trusting_database, config, of_life(newer, 1))
        assert says_how_it_is(desk, key) == EventAckV1(edge="edge-1", epoch=newer, sequence=1)
    assert says_how_it_is(desk, edge_keys["edge-2"], "edge-2") is None, "that was another edge"
