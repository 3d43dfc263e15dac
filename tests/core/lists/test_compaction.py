"""Old changes are forgotten, and nobody is worse off for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core.lists import compaction
from core.lists.compaction import WAIT_FOR_EDGE, do_compact
from core.people.edges import edge
from core.storage.schema import ListChangeRow
from tests.core.estates import NOW, consenting_person
from tests.core.lists.line import Line

CONFIGURED = frozenset({"edge-1", "edge-2"})


@pytest.fixture(autouse=True)
def _few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "KEPT_CHANGES", 3)


def compact(line: Line, edge_id: str, configured: frozenset[str] = CONFIGURED, at: datetime = NOW) -> tuple[int, int]:
    """(lowest number kept, floor) of that edge afterwards."""
    with line.database.writing() as db:
        do_compact(db, edge_id, configured, at)
        lowest = select(func.min(ListChangeRow.number)).where(ListChangeRow.edge_id == edge_id)
        return db.scalars(lowest).one(), edge(db, edge_id).list_floor


@pytest.fixture
def busy(line: Line) -> Line:
    """Ten changes for each edge; edge-2 has heard of none."""
    line.relay.edge_went_offline("edge-2")
    for _ in range(10):
        consenting_person(line.database, "gate", "back")
    line.settle()
    return line


def test_what_an_edge_has_is_forgotten_but_the_newest(busy: Line) -> None:
    assert compact(busy, "edge-1") == (8, 7)
    assert compact(busy, "edge-1") == (8, 7), "again changes nothing"


def test_an_edge_that_is_away_holds_up_its_changes_for_a_month(busy: Line) -> None:
    assert compact(busy, "edge-2") == (1, 0)
    assert compact(busy, "edge-2", at=NOW + WAIT_FOR_EDGE) == (1, 0)
    assert compact(busy, "edge-2", at=NOW + WAIT_FOR_EDGE + timedelta(seconds=1)) == (8, 7)


def test_an_edge_that_left_the_configuration_or_was_never_approved_holds_up_nothing(busy: Line) -> None:
    assert compact(busy, "edge-2", frozenset({"edge-1"})) == (8, 7)
    with busy.database.writing() as db:
        edge(db, "edge-1").approved_key_base64 = None
        edge(db, "edge-1").list_acked = 0
    assert compact(busy, "edge-1") == (8, 7)


def test_whoever_comes_back_too_late_gets_everything(busy: Line) -> None:
    compact(busy, "edge-2", at=NOW + 2 * WAIT_FOR_EDGE)
    busy.connect(busy.edges["edge-2"])
    busy.settle()
    assert len(busy.edges["edge-2"].held.subjects) == 10
    assert busy.in_step()
