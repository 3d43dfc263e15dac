"""Lists put back from a backup: noticed by their anchor, and searched by nobody until the core has confirmed them."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from core.contract.ids import ConsentId, SubjectKey, new_id
from core.contract.lists import EraseTemplates, NoChange
from core.contract.vocabulary import Reason
from edge.keys import edge_dir
from edge.lists.mirror import LIST_FILE, ListMirror
from tests.edge.lists.estate import EDGE, GATE, NOON, Estate, answered, face, resident, told, vector_of

PERSON, OTHER = SubjectKey(new_id()), SubjectKey(new_id())
CONSENT, OTHER_CONSENT = ConsentId(new_id()), ConsentId(new_id())
PROBE, OTHER_PROBE = vector_of(1)[None], vector_of(2)[None]
HOUR = timedelta(hours=1)
OTHERS = face(2, OTHER, OTHER_CONSENT)


def lists(estate: Estate) -> Path:
    return edge_dir(estate.folder, EDGE) / LIST_FILE


def anchor(estate: Estate) -> Path:
    return lists(estate).with_suffix(".anchor")


@pytest.fixture
def restored(estate: Estate) -> Estate:
    """Two people are enrolled; a backup is made; one withdraws; the disk breaks and the backup is put back."""
    mirror = estate.open_mirror()
    mirror.apply(
        estate.delta(resident(PERSON), resident(OTHER), estate.put(face(1, PERSON, CONSENT)), estate.put(OTHERS))
    )
    estate.agree(mirror)
    mirror.close()
    backup = shutil.copy(lists(estate), estate.folder / "backup")
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    estate.clock.now = NOON + HOUR
    mirror.apply(estate.roll(told(OTHERS)))
    mirror.close()
    shutil.copy(backup, lists(estate))
    return estate


def is_off(mirror: ListMirror) -> bool:
    """Nobody is recognised, in whichever way one asks."""
    now = NOON + HOUR
    off = not mirror.recogniser_may_run(now)
    assert off == (mirror.identify(OTHER_PROBE, GATE, now) is None)
    assert off == (mirror.compare(OTHER, OTHER_PROBE) is None)
    assert off == (not mirror.enrolled(OTHER))
    return off


def test_an_erased_person_is_not_found_after_restoring_yesterdays_lists(restored: Estate) -> None:
    mirror = restored.open_mirror()
    assert is_off(mirror)
    assert mirror.subject_standing(OTHER, GATE, NOON) is Reason.LISTED, "other ways in stay open"
    assert "older than its anchor" in str(mirror.receipt().problem)

    mirror.apply(restored.delta_from(5, [EraseTemplates(subject=PERSON, consent=CONSENT)]))
    assert is_off(mirror), "up to date, but nobody has said so"
    answered(mirror, restored.roll(told(OTHERS)))
    assert not is_off(mirror)
    assert mirror.compare(PERSON, PROBE) is None
    assert mirror.receipt().problem is None
    mirror.close()
    again = restored.open_mirror()
    assert not is_off(again)
    again.close()


def test_restored_lists_stay_off_through_restarts_and_changes_until_they_are_confirmed(restored: Estate) -> None:
    for _ in range(3):
        mirror = restored.open_mirror()
        mirror.apply(restored.delta_from(mirror.version + 1, [NoChange()]))
        assert is_off(mirror)
        mirror.close()


def test_another_old_copy_is_noticed_after_a_first_one_was_confirmed(estate: Estate) -> None:
    mirror = estate.open_mirror()
    copies: list[Path] = []
    for person in (PERSON, OTHER):
        mirror.apply(estate.delta(resident(person)))
        mirror.close()
        copies.append(Path(shutil.copy(lists(estate), estate.folder / f"copy-{len(copies)}")))
        mirror = estate.open_mirror()
    for _ in range(3):
        mirror.apply(estate.delta(NoChange()))
    mirror.close()
    for copy in copies:
        shutil.copy(copy, lists(estate))
        mirror = estate.open_mirror()
        estate.clock.now += timedelta(minutes=1)
        assert "older than its anchor" in str(mirror.receipt().problem)
        estate.agree(mirror)
        assert mirror.recogniser_may_run(estate.clock.now)
        mirror.close()


def test_an_old_roll_does_not_confirm_restored_lists(restored: Estate) -> None:
    """Whoever restores the lists may also have kept what the core said of them at the time."""
    mirror = restored.open_mirror()
    restored.agree(mirror, at=NOON + HOUR - timedelta(minutes=1))
    assert is_off(mirror)
    restored.agree(mirror, at=NOON + HOUR)
    assert not is_off(mirror)
    mirror.close()


@pytest.mark.parametrize("loss", ["put back", "put back without an anchor", "lost"])
def test_what_the_core_said_before_an_erasure_sent_again_afterwards_brings_nobody_back(
    estate: Estate, loss: str
) -> None:
    """A roll that agrees with restored lists, and is newer than they are, may still be older than an erasure."""
    template = face(1, PERSON, CONSENT)
    enrolled = estate.delta(resident(PERSON), estate.put(template))
    mirror = estate.open_mirror()
    mirror.apply(enrolled)
    estate.agree(mirror)
    backup = shutil.copy(lists(estate), estate.folder / "backup")
    estate.clock.now = NOON + HOUR / 2
    roll = estate.roll(told(template))
    mirror.apply(roll)
    assert mirror.identify(PROBE, GATE, NOON) is not None
    mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    mirror.close()

    estate.clock.now = NOON + HOUR
    if loss == "put back":
        shutil.copy(backup, lists(estate))
    else:
        anchor(estate).unlink()
        lists(estate).unlink()
    if loss == "put back without an anchor":
        shutil.copy(backup, lists(estate))
    again = estate.open_mirror()
    for message in (enrolled, roll):
        again.apply(message)
    assert again.version == 2
    assert not again.recogniser_may_run(NOON + HOUR)
    again.close()
    again = estate.open_mirror()
    again.apply(roll)
    assert not again.recogniser_may_run(NOON + HOUR), "nor after a restart"
    again.apply(estate.roll(told(template), version=2))
    assert again.recogniser_may_run(NOON + HOUR), "what the core says now counts"
    again.close()


def test_a_snapshot_and_a_roll_bring_restored_lists_back(restored: Estate) -> None:
    mirror = restored.open_mirror()
    (part,) = restored.snapshot(5, [resident(OTHER), restored.put(OTHERS)])
    mirror.apply(part)
    assert is_off(mirror)
    answered(mirror, restored.roll(told(OTHERS)))
    assert not is_off(mirror)
    mirror.close()


@pytest.mark.parametrize("damage", ["missing", "damaged", "another edge's"])
def test_lists_without_their_own_anchor_wait_for_the_core(estate: Estate, damage: str) -> None:
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(resident(OTHER), estate.put(OTHERS)))
    estate.agree(mirror)
    mirror.close()
    if damage == "missing":
        anchor(estate).unlink()
    elif damage == "damaged":
        anchor(estate).write_bytes(anchor(estate).read_bytes()[:20])
    else:
        stranger = Estate(estate.folder / "stranger")
        stranger.open_mirror().close()
        shutil.copy(anchor(stranger), anchor(estate))

    again = estate.open_mirror()
    assert not again.recogniser_may_run(NOON)
    estate.agree(again)
    assert again.recogniser_may_run(NOON)
    again.close()


def test_lists_that_start_anew_need_no_confirmation_beyond_a_roll(estate: Estate) -> None:
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(NoChange()))
    estate.agree(mirror)
    mirror.close()
    lists(estate).unlink()
    again = estate.open_mirror()
    assert (again.receipt().version, again.receipt().problem) == (0, None)
    assert not again.recogniser_may_run(NOON)
    again.apply(estate.roll([], version=0))
    assert again.recogniser_may_run(NOON)
    again.close()


def test_an_anchor_that_can_not_be_written_is_told_and_written_later(
    estate: Estate, mirror: ListMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = anchor(estate).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("edge.lists.anchor.os.fsync", full)
        receipt = answered(mirror, estate.delta(resident(OTHER)))
    assert receipt.version == 1
    assert "anchor could not be written" in str(receipt.problem)
    assert anchor(estate).read_bytes() == before
    assert mirror.receipt().problem is None
    assert anchor(estate).read_bytes() != before
