"""A withdrawal does not wait for what is on its way to an edge: whom to hide is said first, the change in its turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from core.contract.ids import SubjectKey
from core.contract.lists import ListDeltaV1, ListHideV1, ListMessage, ListSnapshotV1
from core.lists.changes import do_ask_for_snapshot
from core.lists.sent_numbers import SentNumbers
from core.lists.steps import HIDE_SPACING_S, PART_SPACING_S, RESEND_S
from core.people.consent.ledger import check_consent, check_withdraw, do_resume, do_suspend, do_withdraw_consent
from core.people.consent.machine import ConsentEvent
from core.people.consent.transitions import Act
from core.people.consent.words import SuspendReason
from core.storage.schema import EdgeRow
from tests.core.estates import NOW, consenting_person, enrol, sealed_template
from tests.core.lists.line import Line


@pytest.fixture
def residents(line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """People and their consents, known at edge-1; whole lists are sent in parts of two."""
    monkeypatch.setattr("core.lists.snapshot.MAX_CHANGES", 2)
    people = [consenting_person(line.database, "gate") for _ in range(4)]
    for who, consent in people:
        with line.database.writing() as db:
            enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
    line.settle()
    line.sent.clear()
    yield people
    line.relay.connection_lost()
    line.relay.due()  # lets go of a list that was on its way


def withdraw(line: Line, consent: str) -> None:
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)


def suspend(line: Line, consent: str) -> None:
    with line.database.writing() as db:
        do_suspend(db, check_consent(db, consent, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, Act(NOW))


def ask_for_whole(line: Line, *edges: str) -> None:
    with line.database.writing() as db:
        for name in edges or ("edge-1",):
            edge = db.get(EdgeRow, name, with_for_update=True)
            assert edge is not None
            do_ask_for_snapshot(edge)


def to_edge_1(messages: list[ListMessage]) -> list[ListMessage]:
    return [one for one in messages if one.edge == "edge-1"]


def hear(line: Line, messages: list[ListMessage]) -> None:
    for message in to_edge_1(messages):
        if line.edge.hear(message) is not None:
            line.report(line.edge)


def begin_whole(line: Line) -> None:
    """The first part of the list is there, others are to come."""
    ask_for_whole(line)
    line.clock.now_s += 60.0
    first = to_edge_1(line.sends())
    assert [type(one) for one in first] == [ListSnapshotV1]
    hear(line, first)


@pytest.mark.parametrize("act", [withdraw, suspend])
def test_between_the_parts_of_a_list_whose_consent_ends_or_rests_is_hidden_before_the_next_part(
    line: Line, residents: list[tuple[str, str]], act: object
) -> None:
    begin_whole(line)
    who, consent = residents[0]
    act(line, consent)  # type: ignore[operator]
    line.clock.now_s += PART_SPACING_S
    said = to_edge_1(line.sends())
    assert [type(one) for one in said] == [ListHideV1]
    hear(line, said)
    assert line.edge.findable == {one for one, _ in residents[1:]}
    while (parts := to_edge_1(line.sends())) or line.edge.version < 9:
        hear(line, parts)
        assert who not in line.edge.findable, "also once the whole list is there, which still puts them"
        line.clock.now_s += PART_SPACING_S
    line.settle()
    assert line.edge.findable == {one for one, _ in residents[1:]}
    assert line.in_step()


def test_an_edge_whose_turn_for_its_whole_list_has_not_come_hides_meanwhile(
    line: Line, residents: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.lists.relay.MAX_SNAPSHOTS", 0)
    ask_for_whole(line)
    line.clock.now_s += 60.0
    assert line.sends() == []
    withdraw(line, residents[0][1])
    assert [type(one) for one in to_edge_1(line.sends())] == [ListHideV1]
    assert to_edge_1(line.sends()) == [], "said once"


def test_behind_many_changes_it_is_said_before_them(
    line: Line, residents: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.lists.steps.SOON", 3)
    monkeypatch.setattr("core.lists.relay.SOON", 3)
    monkeypatch.setattr("core.lists.render.MAX_CHANGES", 3)
    for _ in range(5):
        consenting_person(line.database, "gate")
    withdraw(line, residents[0][1])
    said = [to_edge_1(line.sends()) for _ in range(3)]
    assert [type(one) for (one,) in said] == [ListHideV1, ListDeltaV1, ListDeltaV1]
    line.settle()
    assert line.in_step()


def test_in_step_the_change_itself_is_all_that_is_said(line: Line, residents: list[tuple[str, str]]) -> None:
    for _, consent in residents[:2]:
        withdraw(line, consent)
        assert [type(one) for one in to_edge_1(line.sends())] == [ListDeltaV1]
        assert to_edge_1(line.sends()) == []


def test_what_was_lost_is_said_again_as_long_as_the_change_is_not_confirmed(
    line: Line, residents: list[tuple[str, str]]
) -> None:
    begin_whole(line)
    withdraw(line, residents[0][1])
    lost = to_edge_1(line.sends())
    line.clock.now_s += RESEND_S / 2
    withdraw(line, residents[1][1])
    hides = [one for one in to_edge_1(line.sends()) if isinstance(one, ListHideV1)]
    assert len(lost) == len(hides) == 1
    line.clock.now_s += RESEND_S / 2
    hear(line, line.sends())
    assert line.edge.findable == {one for one, _ in residents[2:]}, "both"


def test_many_at_once_are_said_in_messages_of_bounded_size(
    line: Line, residents: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.lists.ahead.MAX_HIDDEN", 2)
    begin_whole(line)
    for _, consent in residents[:3]:
        withdraw(line, consent)
    said = [to_edge_1(line.sends())]
    line.clock.now_s += 2 * HIDE_SPACING_S
    said.append(to_edge_1(line.sends()))
    assert [type(one) for messages in said for one in messages] == [ListHideV1, ListHideV1]
    for messages in said:
        hear(line, messages)
    assert line.edge.findable == {residents[3][0]}
    lasts = [one.last for messages in said for one in messages if isinstance(one, ListHideV1)]
    assert all(one < other for one, other in pairwise(lasts))


def test_whoever_comes_late_among_many_is_hidden_before_the_first_are_told_again(
    line: Line, residents: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.lists.ahead.MAX_HIDDEN", 1)
    begin_whole(line)
    for _, consent in residents:
        withdraw(line, consent)
    for _ in range(len(residents) + 1):
        line.clock.now_s += 0.6 * RESEND_S
        hear(line, [one for one in line.sends() if isinstance(one, ListHideV1)])
    assert line.edge.findable == set()


def test_a_pause_that_is_over_hides_nobody_once_the_edge_is_told(line: Line, residents: list[tuple[str, str]]) -> None:
    begin_whole(line)
    suspend(line, residents[0][1])
    with line.database.writing() as db:
        do_resume(db, check_consent(db, residents[0][1], ConsentEvent.RESUME), Act(NOW))
    hear(line, line.sends())
    assert residents[0][0] not in line.edge.findable
    line.settle()
    assert line.edge.findable == {one for one, _ in residents}


def test_its_number_is_remembered_as_sent_before_it_is(line: Line, residents: list[tuple[str, str]]) -> None:
    """A core that came back from a backup numbers above it: nobody stays hidden for want of that number."""
    begin_whole(line)
    withdraw(line, residents[0][1])
    (hide,) = to_edge_1(line.sends())
    assert isinstance(hide, ListHideV1)
    remembered = SentNumbers(line.folder).read()
    assert remembered is not None
    assert remembered["edge-1"] >= hide.last


def test_a_turn_ends_in_time_whatever_other_edges_are_to_be_sent_and_begins_with_whom_to_hide(
    line: Line, residents: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """edge-2 has a change to get, edge-1 its whole list: each takes longer than a turn may."""
    begin_whole(line)
    consenting_person(line.database, "back")
    monkeypatch.setattr("core.lists.relay.TURN_S", -1.0)
    line.clock.now_s += 2 * PART_SPACING_S
    assert [type(one) for one in line.sends()] == [ListDeltaV1], "the short one"
    assert [type(one) for one in line.sends()] == [ListSnapshotV1]
    line.clock.now_s += 2 * PART_SPACING_S
    withdraw(line, residents[0][1])
    assert {type(one) for one in to_edge_1(line.sends())} == {ListHideV1}


def test_while_consent_after_consent_ends_the_list_goes_on(line: Line, residents: list[tuple[str, str]]) -> None:
    begin_whole(line)
    said: list[ListMessage] = []
    for _, consent in residents:
        line.clock.now_s += 2 * PART_SPACING_S
        withdraw(line, consent)
        said += to_edge_1(line.sends())
    assert {type(one) for one in said} == {ListHideV1, ListSnapshotV1}


def test_whoever_withdraws_is_hidden_even_while_sent_numbers_can_not_be_kept(
    line: Line, residents: list[tuple[str, str]]
) -> None:
    in_the_way = line.folder / "list-numbers.new"
    in_the_way.mkdir()
    who, consent = residents[0]
    withdraw(line, consent)
    sent = [*line.sends(), *line.sends()]
    assert [one.kind for one in to_edge_1(sent)] == ["hide"]
    hear(line, sent)
    assert set(line.edge.hidden) == {who}

    in_the_way.rmdir()
    line.clock.now_s += RESEND_S
    line.settle()
    assert line.in_step()
    assert line.edge.hidden[SubjectKey(who)] <= line.edge.version
