"""Locks, single erasures and tombstones: who is locked is found by nobody, and who was erased can't come back."""

from __future__ import annotations

import itertools

import pytest

from core.contract.ids import ConsentId, SubjectKey, TemplateId, new_id
from core.contract.lists import (
    EraseTemplate,
    EraseTemplates,
    LockTemplates,
    NoChange,
    RemoveSubject,
    UnlockTemplates,
)
from core.contract.roll import digest_of
from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import GATE, NOON, Estate, answered, face, resident, told, vector_of
from watchlists.store.rows import MAX_PER_CONSENT

PERSON, CONSENT, OTHER_CONSENT = SubjectKey(new_id()), ConsentId(new_id()), ConsentId(new_id())


def lock(template_id: TemplateId | None = None, consent: ConsentId = CONSENT) -> LockTemplates:
    return LockTemplates(subject=PERSON, consent=consent, template_id=template_id)


def unlock(template_id: TemplateId | None = None, consent: ConsentId = CONSENT) -> UnlockTemplates:
    return UnlockTemplates(subject=PERSON, consent=consent, template_id=template_id)


def finds(mirror: ListMirror, seed: int) -> bool:
    """Whether this very face is recognised, and compared, as the person's."""
    probe = vector_of(seed)[None]
    match = mirror.identify(probe, GATE, NOON)
    likeness = mirror.compare(PERSON, probe)
    found = match is not None and match.score > 0.999
    assert found == (likeness is not None and likeness.score > 0.999)
    assert found <= mirror.enrolled(PERSON)
    return found


@pytest.mark.parametrize("restarted", [False, True])
def test_a_locked_consent_is_found_by_nobody_until_unlocked(estate: Estate, restarted: bool) -> None:
    mirror = estate.open_mirror()
    mine, other = face(1, PERSON, CONSENT), face(2, PERSON, OTHER_CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(mine), estate.put(other)))

    receipt = answered(mirror, estate.delta(lock()))
    if restarted:
        mirror.close()
        mirror = estate.open_mirror()

    assert receipt.templates == 2
    assert receipt.digest == digest_of([*told(mine, locked=True), *told(other)])
    assert mirror.receipt() == receipt
    assert mirror.counts()["lists.templates_locked"] == 1
    assert (finds(mirror, 1), finds(mirror, 2)) == (False, True)

    mirror.apply(estate.delta(unlock()))
    assert (finds(mirror, 1), finds(mirror, 2)) == (True, True)
    assert mirror.counts()["lists.templates_locked"] == 0
    mirror.close()


def test_a_template_that_comes_under_a_locked_consent_is_locked(estate: Estate) -> None:
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(resident(PERSON), lock()))
    receipt = answered(mirror, estate.delta(estate.put(late := face(1, PERSON, CONSENT))))
    assert receipt.digest == digest_of(told(late, locked=True))
    assert not finds(mirror, 1)
    assert not mirror.enrolled(PERSON), "no leave to look at their face"
    mirror.close()
    again = estate.open_mirror()
    assert not finds(again, 1)
    again.apply(estate.delta(unlock()))
    assert finds(again, 1)
    again.close()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations("cCtT")))
def test_both_kinds_of_lock_are_independent(estate: Estate, order: tuple[str, ...], restarted: bool) -> None:
    """c and C lock and unlock the consent, t and T the template, in any order."""
    mirror = estate.open_mirror()
    template = face(1, PERSON, CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
    locks = {"c": False, "t": False}
    for step in order:
        locks[step.lower()] = step.islower()
        which = template.template_id if step in "tT" else None
        mirror.apply(estate.delta(lock(which) if step.islower() else unlock(which)))
        if restarted:
            mirror.close()
            mirror = estate.open_mirror()
        assert finds(mirror, 1) == (not any(locks.values()))
        assert mirror.receipt().digest == digest_of(told(template, locked=any(locks.values())))
    mirror.close()


def test_locks_and_unlocks_of_one_batch_end_where_the_last_one_leaves_them(estate: Estate, mirror: ListMirror) -> None:
    first, second = face(1, PERSON, CONSENT), face(2, PERSON, OTHER_CONSENT)
    mirror.apply(
        estate.delta(
            lock(),
            resident(PERSON),
            estate.put(first),
            unlock(),
            estate.put(second),
            unlock(second.template_id, OTHER_CONSENT),
            lock(second.template_id, OTHER_CONSENT),
        )
    )
    assert (finds(mirror, 1), finds(mirror, 2)) == (True, False)


def test_a_lock_outlives_a_template_sent_again_and_ends_with_its_erasure(estate: Estate, mirror: ListMirror) -> None:
    template = face(1, PERSON, CONSENT)
    put = estate.put(template)
    mirror.apply(estate.delta(resident(PERSON), put, lock(template.template_id), put))
    mirror.apply(estate.delta(put))
    assert not finds(mirror, 1)
    receipt = answered(mirror, estate.delta(EraseTemplate(template_id=template.template_id)))
    assert receipt.templates == 0
    mirror.apply(estate.delta(put))
    assert finds(mirror, 1)


def test_a_lock_outlives_a_person_who_goes_and_comes_back(estate: Estate, mirror: ListMirror) -> None:
    """The consent is no less suspended because this edge's gates were not theirs for a while."""
    put = estate.put(face(1, PERSON, CONSENT))
    mirror.apply(estate.delta(resident(PERSON), put, lock(), RemoveSubject(subject=PERSON)))
    mirror.apply(estate.delta(resident(PERSON), put))
    assert not finds(mirror, 1)


def test_one_template_is_erased_and_the_others_of_its_consent_stay(estate: Estate, mirror: ListMirror) -> None:
    old, new = face(1, PERSON, CONSENT), face(2, PERSON, CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(old), estate.put(new)))
    receipt = answered(mirror, estate.delta(EraseTemplate(template_id=old.template_id), NoChange()))
    assert receipt.digest == digest_of(told(new))
    assert (finds(mirror, 1), finds(mirror, 2)) == (False, True)
    unknown = answered(mirror, estate.delta(EraseTemplate(template_id=old.template_id)))
    assert (unknown.digest, unknown.problem) == (receipt.digest, None)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_ended_consent_is_never_taken_again_and_the_core_is_told(estate: Estate, restarted: bool) -> None:
    """A core that came back from yesterday's backup sends what was erased since."""
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
    mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    if restarted:
        mirror.close()
        mirror = estate.open_mirror()

    again = face(1, PERSON, CONSENT)
    receipt = answered(mirror, estate.delta(estate.put(again)))

    assert receipt.erased == (CONSENT,)
    assert receipt.templates == 0
    assert receipt.digest == digest_of(told(again)), "the core counts it until it ends the consent again"
    assert not finds(mirror, 1)
    assert mirror.receipt().erased == (CONSENT,), "told until the core has answered"

    receipt = answered(mirror, estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    assert receipt.erased == ()
    assert receipt.digest == digest_of([])
    mirror.close()


def test_a_consent_that_ends_and_comes_again_in_one_batch_has_ended(estate: Estate, mirror: ListMirror) -> None:
    receipt = answered(
        mirror,
        estate.delta(
            resident(PERSON),
            EraseTemplates(subject=PERSON, consent=CONSENT),
            lock(),
            estate.put(face(1, PERSON, CONSENT)),
            estate.put(face(2, PERSON, OTHER_CONSENT)),
        ),
    )
    assert receipt.erased == (CONSENT,)
    assert (finds(mirror, 1), finds(mirror, 2)) == (False, True)


def test_more_templates_than_a_consent_may_have_hold_nothing_up(estate: Estate, mirror: ListMirror) -> None:
    many = [face(at + 1, PERSON, CONSENT) for at in range(MAX_PER_CONSENT + 1)]
    receipt = answered(mirror, estate.delta(resident(PERSON), *(estate.put(one) for one in many)))
    assert (receipt.version, receipt.templates) == (estate.head, MAX_PER_CONSENT)
    assert receipt.digest == digest_of(told(*many))
    assert "1 template(s) not loaded, more than one consent may have" in str(receipt.problem)
    receipt = answered(mirror, estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    assert (receipt.templates, receipt.problem) == (0, None)
