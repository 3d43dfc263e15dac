"""Whoever the core takes back ahead of its turn is found by no face from that moment, whatever else is on its way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from core.contract.ids import ConsentId, SubjectKey, new_id
from core.contract.lists import Change, EraseTemplates, LockTemplates, NoChange, UnlockTemplates
from core.contract.vocabulary import Reason, SubjectKind
from edge.lists.mirror import ListMirror
from edge.lists.store import ListStore
from tests.edge.lists.estate import GATE, NOON, Estate, answered, face, resident, vector_of
from watchlists.faces.template import Template

LEAVES, STAYS = SubjectKey(new_id()), SubjectKey(new_id())
CONSENT, OTHER_CONSENT = ConsentId(new_id()), ConsentId(new_id())
WAIT_S = 20.0


@pytest.fixture
def templates(estate: Estate, mirror: ListMirror) -> list[Template]:
    """Two people who are found; at number 4."""
    both = [face(1, LEAVES, CONSENT), face(2, STAYS, OTHER_CONSENT)]
    mirror.apply(estate.delta(resident(LEAVES), resident(STAYS), *(estate.put(one) for one in both)))
    estate.agree(mirror)
    assert found(mirror) == {LEAVES, STAYS}
    return both


def found(mirror: ListMirror) -> set[SubjectKey]:
    """Who is found, asked in every way a gate can ask, which must not contradict each other."""
    now = mirror._clock()
    by_face = {
        match.subject for seed in (1, 2) if (match := mirror.identify(vector_of(seed)[None], GATE, now)) is not None
    }
    compared = {who for who, seed in ((LEAVES, 1), (STAYS, 2)) if mirror.compare(who, vector_of(seed)[None])}
    assert by_face == compared == {who for who in (LEAVES, STAYS) if mirror.enrolled(who)}
    return by_face


def everything(estate: Estate, templates: list[Template]) -> list[Change]:
    return [resident(LEAVES), resident(STAYS), *(estate.put(one) for one in templates)]


def test_a_withdrawal_between_the_parts_of_a_snapshot_takes_effect_and_the_snapshot_brings_nobody_back(
    estate: Estate, mirror: ListMirror, templates: list[Template]
) -> None:
    estate.head = 7
    people, puts = everything(estate, templates)[:2], everything(estate, templates)[2:]
    first, second = estate.snapshot(7, people, puts)
    mirror.apply(first)
    assert mirror.apply(estate.hide((LEAVES, 8))) is None
    assert found(mirror) == {STAYS}
    mirror.apply(second)
    assert mirror.version == 7
    assert found(mirror) == {STAYS}, "the snapshot was made before the withdrawal, and puts them"
    mirror.apply(estate.delta(EraseTemplates(subject=LEAVES, consent=CONSENT)))
    assert found(mirror) == {STAYS}


def test_it_takes_effect_while_a_snapshot_is_being_applied(
    estate: Estate, mirror: ListMirror, templates: list[Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    applying, may_go_on, replace = threading.Event(), threading.Event(), ListStore.replace

    def slowly(store: ListStore, *parts: object) -> None:
        applying.set()
        assert may_go_on.wait(WAIT_S)
        replace(store, *parts)  # type: ignore[arg-type]

    monkeypatch.setattr(ListStore, "replace", slowly)
    (whole,) = estate.snapshot(7, everything(estate, templates))
    other = threading.Thread(target=mirror.apply, args=(whole,))
    other.start()
    try:
        assert applying.wait(WAIT_S)
        mirror.hide(estate.hide((LEAVES, 8)))
        assert found(mirror) == {STAYS}
    finally:
        may_go_on.set()
        other.join(WAIT_S)
    assert mirror.version == 7
    assert found(mirror) == {STAYS}


def test_it_moves_no_number_and_proves_nothing(estate: Estate, mirror: ListMirror, templates: list[Template]) -> None:
    before = mirror.receipt()
    mirror.apply(estate.hide((LEAVES, 9)))
    after = mirror.receipt()
    assert (after.version, after.templates, after.digest) == (before.version, before.templates, before.digest)
    assert mirror.subject_standing(LEAVES, GATE, NOON) is Reason.LISTED, "other ways in stay open"


def test_who_is_hidden_stays_so_when_the_edge_starts_again(
    estate: Estate, mirror: ListMirror, templates: list[Template]
) -> None:
    mirror.apply(estate.hide((LEAVES, 6)))
    mirror.close()
    again = estate.open_mirror()
    try:
        assert found(again) == {STAYS}
        again.apply(estate.delta(NoChange()))
        assert found(again) == {STAYS}, "change 6 is still to come"
        again.apply(estate.delta(NoChange()))
        assert found(again) == {LEAVES, STAYS}
    finally:
        again.close()


def test_a_pause_ahead_of_its_turn_ends_with_what_the_list_says(
    estate: Estate, mirror: ListMirror, templates: list[Template]
) -> None:
    hide = estate.hide((LEAVES, 5))
    lock = estate.delta(LockTemplates(subject=LEAVES, consent=CONSENT))
    unlock = estate.delta(UnlockTemplates(subject=LEAVES, consent=CONSENT))
    mirror.apply(hide)
    assert found(mirror) == {STAYS}
    mirror.apply(lock)
    assert found(mirror) == {STAYS}
    mirror.apply(unlock)
    assert found(mirror) == {LEAVES, STAYS}
    mirror.apply(hide)
    assert found(mirror) == {LEAVES, STAYS}, "sent again later, by whoever, it hides nobody"


def test_the_later_of_two_numbers_counts_in_whatever_order_they_come(
    estate: Estate, mirror: ListMirror, templates: list[Template]
) -> None:
    for until in (7, 6):
        mirror.apply(estate.hide((LEAVES, until)))
    mirror.apply(estate.delta(NoChange(), NoChange()))
    assert found(mirror) == {STAYS}
    mirror.apply(estate.delta(NoChange()))
    assert found(mirror) == {LEAVES, STAYS}


def test_a_hidden_person_hides_nobody_who_looks_like_them(
    estate: Estate, mirror: ListMirror, templates: list[Template]
) -> None:
    twin = SubjectKey(new_id())
    mirror.apply(estate.delta(resident(twin), estate.put(face(1, twin, ConsentId(new_id())))))
    estate.agree(mirror)
    before = mirror.identify(vector_of(1)[None], GATE, NOON)
    mirror.apply(estate.hide((LEAVES, 9)))
    after = mirror.identify(vector_of(1)[None], GATE, NOON)
    assert before is not None
    assert after is not None
    assert before.margin < 0.01, "neither beats the other"
    assert after.subject == twin
    assert after.margin > 0.05


def test_a_missing_person_whose_familys_consent_ended_is_sought_no_more(estate: Estate, mirror: ListMirror) -> None:
    person = resident(LEAVES, NOON + timedelta(days=1), kind=SubjectKind.MISSING)
    mirror.apply(estate.delta(person, estate.put(face(1, LEAVES, CONSENT))))
    estate.agree(mirror)
    assert mirror.sought(vector_of(1)[None], GATE, NOON) is not None
    mirror.apply(estate.hide((LEAVES, 3)))
    assert mirror.sought(vector_of(1)[None], GATE, NOON) is None


def test_on_a_full_disk_they_are_hidden_all_the_same_and_written_down_when_there_is_room(
    estate: Estate, mirror: ListMirror, templates: list[Template]
) -> None:
    db = mirror._store._file.db
    db.execute("PRAGMA query_only = ON")
    mirror.apply(estate.hide((LEAVES, 9)))
    assert found(mirror) == {STAYS}
    db.execute("PRAGMA query_only = OFF")
    assert mirror._store.hidden == {}
    mirror.receipt()
    assert mirror._store.hidden == {LEAVES: 9}


@pytest.mark.parametrize("changed", [{"last": 10}, {"edge": "gate-2"}, {"sealed_base64": "QUFB"}])
def test_what_the_core_did_not_sign_for_this_edge_hides_nobody_and_is_told(
    estate: Estate, mirror: ListMirror, templates: list[Template], changed: dict[str, object]
) -> None:
    forged = estate.hide((LEAVES, 9)).model_copy(update=changed)
    mirror.hide(forged)
    assert answered(mirror, forged).problem is not None
    assert found(mirror) == {LEAVES, STAYS}
