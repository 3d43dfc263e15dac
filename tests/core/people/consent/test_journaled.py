"""What the lines of the journal come to."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import new_id
from core.people.consent.journaled import Journaled
from core.people.tombstones import Does, Entry
from tests.core.estates import NOW

CONSENT, OTHER, PERSON = new_id(), new_id(), new_id()


def lock(minute: int, consent: str = CONSENT) -> Entry:
    at = NOW + timedelta(minutes=minute)
    return Entry(subject=PERSON, consent=consent, event="suspend", at=at, does=Does.LOCKS)


def release(of_minute: int, minute: int, consent: str = CONSENT) -> Entry:
    """At ``minute`` what was locked at ``of_minute``."""
    at, lock_at = (NOW + timedelta(minutes=one) for one in (minute, of_minute))
    return Entry(subject=PERSON, consent=consent, event="resume", at=at, does=Does.RELEASES, lock_at=lock_at)


def end(consent: str = CONSENT) -> Entry:
    return Entry(subject=PERSON, consent=consent, event="withdraw", at=NOW)


def test_a_lock_stands_until_its_release() -> None:
    assert Journaled.of([lock(1)]).locks == {CONSENT: lock(1)}
    assert Journaled.of([lock(1), release(1, 2)]).locks == {}
    assert Journaled.of([lock(1), release(1, 2), lock(3)]).locks == {CONSENT: lock(3)}


def test_a_release_written_late_does_not_undo_the_lock_that_came_in_between() -> None:
    assert Journaled.of([lock(1), lock(3), release(1, 2)]).locks == {CONSENT: lock(3)}


def test_locks_of_others_and_of_templates_are_their_own() -> None:
    template = Entry(subject=PERSON, template=new_id(), event="disputed", at=NOW, does=Does.LOCKS)
    found = Journaled.of([lock(1), template, lock(2, OTHER), release(2, 3, OTHER)])
    assert list(found.locks) == [CONSENT, template.template]


def test_what_ended_is_over_whatever_follows_and_people_and_cases_are_told_apart() -> None:
    case = Entry(subject=PERSON, case=new_id(), event="close", at=NOW)
    gone = Entry(subject=PERSON, event="subject_left", at=NOW)
    found = Journaled.of([lock(1), end(), case, gone])
    assert (found.locks, found.consents, found.people) == ({}, {CONSENT: "withdraw"}, {PERSON})
    assert found.cases == {case.case: "close"}
    assert all(found.says(one) for one in (end(), case, gone))
    assert not found.says(end(OTHER))


steps = st.lists(st.sampled_from(["lock", "release", "late release"]), max_size=12)


@given(steps)
def test_whatever_the_order_in_which_releases_are_written_the_last_step_decides(said: list[str]) -> None:
    """Locked, released, locked anew ...; a late release is written only behind the next lock."""
    lines: list[Entry] = []
    late: list[Entry] = []
    locked_at: int | None = None
    for minute, what in enumerate(said):
        if what == "lock" and locked_at is None:
            locked_at = minute
            lines += [lock(minute), *late]
            late = []
        elif what != "lock" and locked_at is not None:
            (late if what == "late release" else lines).append(release(locked_at, minute))
            locked_at = None
    stands = CONSENT in Journaled.of([*lines, *late]).locks
    assert stands is (locked_at is not None)


@given(st.lists(st.sampled_from([lock(1), lock(2), release(1, 2), release(2, 3), end(), lock(1, OTHER)])), st.data())
def test_read_in_pieces_it_comes_to_the_same(lines: list[Entry], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(lines)))
    found = Journaled.of(lines[:cut])
    found.hear(lines[cut:])
    assert found == Journaled.of(lines)
