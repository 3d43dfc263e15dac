"""A database that came back from a backup is noticed, and nothing told before is taken for what is told now."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.contract.lists import ListSnapshotV1
from core.lists.erasures import unconfirmed
from core.lists.sent_numbers import FILE, SentNumbers, SentNumbersError, do_note_restored
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import edge
from core.people.subjects import do_remove_subject
from core.storage.schema import ListChangeRow
from tests.core.estates import NOW, consenting_person, enrol, sealed_template
from tests.core.lists.backups import backup, restore
from tests.core.lists.line import Line


def start_again(line: Line) -> None:
    """As the core does at every start."""
    with line.database.writing() as db:
        do_note_restored(db, SentNumbers(line.folder).read())
    line.relay = line.new_relay()


def enrolled(line: Line) -> tuple[str, str]:
    who, consent = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {name: one.key for name, one in line.edges.items()}))
    return who, consent


def test_after_a_restore_edges_hold_what_the_core_holds_and_nothing_else(line: Line) -> None:
    stays, _ = enrolled(line)
    line.settle()
    kept = backup(line.database)
    later, _ = enrolled(line)
    line.settle()
    assert {one.subject for one in line.edge.held.all()} == {stays, later}
    restore(line.database, kept)
    start_again(line)
    for one in line.edges.values():
        line.connect(one)
    line.settle()
    for one in line.edges.values():
        assert {held.subject for held in one.held.all()} == {stays}
        assert set(one.held.subjects) == {stays}
    assert line.in_step()


def test_a_receipt_from_before_the_restore_confirms_no_erasure_asked_for_after_it(line: Line) -> None:
    _, consent = enrolled(line)
    line.settle()
    kept = backup(line.database)
    for _ in range(5):
        enrolled(line)
    line.settle()
    for one in line.edges.values():
        line.relay.edge_went_offline(one.id)
    restore(line.database, kept)
    start_again(line)
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    for one in line.edges.values():
        line.report(one)
    with line.database.reading() as db:
        assert {one.edge for one in unconfirmed(db)} == {"edge-1", "edge-2"}
    assert any(held.consent == consent for held in line.edge.held.all())
    line.settle()
    assert line.edge.held.all() == []
    with line.database.reading() as db:
        assert unconfirmed(db) == []


def test_what_was_removed_since_reaches_an_edge_whose_number_is_higher(line: Line) -> None:
    who, _ = enrolled(line)
    line.settle()
    kept = backup(line.database)
    enrolled(line)
    line.settle()
    restore(line.database, kept)
    start_again(line)
    with line.database.writing() as db:
        do_remove_subject(db, who, NOW)
    for one in line.edges.values():
        line.connect(one)
    line.settle()
    assert line.edge.held.subjects == {}


def test_without_the_file_an_edge_that_is_ahead_gives_it_away(line: Line) -> None:
    stays, _ = enrolled(line)
    line.settle()
    kept = backup(line.database)
    enrolled(line)
    line.settle()
    restore(line.database, kept)
    (line.folder / FILE).unlink()
    start_again(line)
    for one in line.edges.values():
        line.connect(one)
    line.settle()
    assert any(isinstance(one, ListSnapshotV1) for one in line.sent)
    assert set(line.edge.held.subjects) == {stays}
    assert line.in_step()


def test_without_the_file_a_receipt_from_before_confirms_nothing_however_many_changes_came_since(line: Line) -> None:
    _, consent = enrolled(line)
    line.settle()
    kept = backup(line.database)
    enrolled(line)
    line.settle()
    before = line.edge.version
    for one in line.edges.values():
        line.relay.edge_went_offline(one.id)
    restore(line.database, kept)
    (line.folder / FILE).unlink()
    start_again(line)
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    for _ in range(before):
        enrolled(line)
    line.report(line.edge)
    with line.database.reading() as db:
        assert {one.edge for one in unconfirmed(db)} == {"edge-1", "edge-2"}
    assert any(held.consent == consent for held in line.edge.held.all())


def test_an_ordinary_start_sends_nothing_again(line: Line) -> None:
    SentNumbers(line.folder).begin()
    enrolled(line)
    line.settle()
    with line.database.reading() as db:
        before = edge(db, "edge-1").list_head
    start_again(line)
    line.sent.clear()
    for one in line.edges.values():
        line.connect(one)
    line.settle()
    with line.database.reading() as db:
        assert edge(db, "edge-1").list_head == before
        assert db.scalars(select(ListChangeRow.number)).first() is not None
    assert {one.kind for one in line.sent} == {"roll"}


def test_numbers_only_ever_rise_and_outlive_the_process(tmp_path: Path) -> None:
    SentNumbers(tmp_path).raise_to({"edge-1": 7, "edge-2": 1})
    second = SentNumbers(tmp_path)
    second.raise_to({"edge-1": 3})
    second.raise_to({"edge-2": 4})
    assert SentNumbers(tmp_path).read() == {"edge-1": 7, "edge-2": 4}


def test_a_file_that_is_removed_under_a_running_core_is_made_anew_whole(tmp_path: Path) -> None:
    numbers = SentNumbers(tmp_path)
    numbers.raise_to({"edge-1": 7, "edge-2": 3})
    (tmp_path / FILE).unlink()
    numbers.raise_to({"edge-1": 8})
    assert SentNumbers(tmp_path).read() == {"edge-1": 8, "edge-2": 3}


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"edge-1": "seven"')
    with pytest.raises(SentNumbersError, match="remove it"):
        SentNumbers(tmp_path).read()


def test_nothing_is_sent_while_numbers_cant_be_written_down(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    enrolled(line)

    def no_room(_self: SentNumbers, _numbers: dict[str, int]) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(SentNumbers, "_write", no_room)
        assert line.sends() == []
    line.settle()
    assert line.in_step()
