"""When the configuration changes, edges hold what it says now."""

from __future__ import annotations

from core.contract.config import EstateConfig
from core.lists.sync_places import do_sync_places
from core.people.edges import edge
from core.storage.database import Database
from tests.core.estates import consenting_person, enrol, estate, estate_tree, sealed_template
from tests.core.lists.line import Line


def moved() -> EstateConfig:
    """The gate belongs to the second edge now."""
    tree = estate_tree()
    tree["cameras"][0]["edge"] = "edge-2"
    return EstateConfig.model_validate(tree)


def test_a_checkpoint_that_moves_to_another_edge_takes_its_people_along(line: Line) -> None:
    who, consent = consenting_person(line.database, "gate")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
    line.settle()
    assert (set(line.edge.held.subjects), len(line.edge.held.all())) == ({who}, 1)
    with line.database.writing() as db:
        assert do_sync_places(db, moved()) == {"edge-1", "edge-2"}
    line.settle()
    assert (line.edge.held.subjects, line.edge.held.all()) == ({}, [])
    assert set(line.edges["edge-2"].held.subjects) == {who}
    assert line.in_step()


def test_nothing_is_sent_anew_when_nothing_changed(line: Line) -> None:
    consenting_person(line.database, "gate")
    line.settle()
    with line.database.writing() as db:
        before = edge(db, "edge-1").list_head
        assert do_sync_places(db, estate()) == frozenset()
        assert edge(db, "edge-1").list_head == before


def test_a_new_estate_starts_with_an_empty_list(known_database: Database) -> None:
    with known_database.reading() as db:
        assert (edge(db, "edge-1").list_head, edge(db, "edge-1").list_floor) == (0, 0)


def test_an_edge_added_to_a_running_estate_is_told_who_may_pass_there(database: Database) -> None:
    with database.writing() as db:
        do_sync_places(db, estate())
    consenting_person(database, "gate")
    with database.writing() as db:
        do_sync_places(db, moved())
        assert edge(db, "edge-2").list_acked < edge(db, "edge-2").list_floor
