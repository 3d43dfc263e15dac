"""Kills, full disks, damage and wrong keys: the last good state stays, and what is wrong is said."""

from __future__ import annotations

import os
import secrets
import signal
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.contract.ids import ConsentId, SubjectKey, new_id
from core.contract.lists import EraseTemplates, ListDeltaV1, NoChange
from core.contract.vocabulary import Reason
from edge.keys import EdgeKeys, edge_dir
from edge.lists.mirror import LIST_FILE, ListMirror
from edge.lists.store import ListStoreError, WrongSiteKeyError
from tests.edge.lists.estate import EDGE, GATE, NOON, Estate, face, resident, vector_of

PERSON, OTHER = SubjectKey(new_id()), SubjectKey(new_id())
CONSENT, OTHER_CONSENT = ConsentId(new_id()), ConsentId(new_id())


def list_file(estate: Estate) -> Path:
    return edge_dir(estate.folder, EDGE) / LIST_FILE


def database(mirror: ListMirror) -> sqlite3.Connection:
    """The mirror's own connection: nobody else can open the file meanwhile."""
    return mirror._store._db


def in_a_process_that_dies(work: Callable[[], None]) -> int:
    """Run ``work`` in a child process; its exit status, negative for the signal that killed it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def apply_and_die_at(estate: Estate, delta: ListDeltaV1, statement: int) -> bool:
    """Apply ``delta`` in a process that is killed before its SQL statement number ``statement``; False if it lived."""

    def work() -> None:
        mirror = estate.open_mirror()
        executed = 0

        def count(_: str) -> None:
            nonlocal executed
            executed += 1
            if executed == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        database(mirror).set_trace_callback(count)
        mirror.apply(delta)

    return in_a_process_that_dies(work) == -signal.SIGKILL


def state(mirror: ListMirror) -> tuple[int, int, Reason, bool, bool]:
    return (
        mirror.receipt().version,
        mirror.receipt().templates,
        mirror.subject_standing(OTHER, GATE, NOON),
        mirror.compare(PERSON, vector_of(1)[None]) is not None,
        mirror.compare(OTHER, vector_of(2)[None]) is not None,
    )


def test_killed_before_any_statement_the_batch_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """One batch erases a person's templates and enrols another; the process dies before each statement in turn."""
    old = (2, 1, Reason.UNLISTED, True, False)
    new = (5, 1, Reason.LISTED, False, True)
    ends = []
    for statement in range(1, 100):
        estate = Estate(tmp_path / str(statement))
        mirror = estate.open_mirror()
        mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
        mirror.close()
        delta = estate.delta(
            EraseTemplates(subject=PERSON, consent=CONSENT),
            resident(OTHER),
            estate.put(face(2, OTHER, OTHER_CONSENT)),
        )

        died = apply_and_die_at(estate, delta, statement)

        again = estate.open_mirror()
        ends.append(state(again))
        again.apply(delta)
        assert state(again) == new
        again.close()
        if not died:
            break
    assert set(ends) == {old, new}
    assert ends == sorted(ends), "once the batch is there, dying later can't take it back"
    assert len(ends) > 8, "the kill never came between the statements"


def test_a_full_disk_leaves_the_old_state_and_is_told(estate: Estate, mirror: ListMirror) -> None:
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
    before = state(mirror)
    (pages,) = database(mirror).execute("PRAGMA page_count").fetchone()
    database(mirror).execute(f"PRAGMA max_page_count = {pages}")
    many = [SubjectKey(new_id()) for _ in range(400)]
    delta = estate.delta(resident(OTHER), *(resident(one) for one in many))

    receipt = mirror.apply(delta)

    assert receipt.problem is not None
    assert "SQLITE_FULL" in receipt.problem
    assert "disk space" in receipt.problem
    assert state(mirror) == before
    database(mirror).execute("PRAGMA max_page_count = 1000000")
    assert mirror.apply(delta).problem is None
    assert mirror.subject_standing(many[-1], GATE, NOON) is Reason.LISTED


def test_another_site_key_is_noticed_and_the_lists_stay_as_they_are(estate: Estate) -> None:
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
    mirror.close()
    right_keys = estate.keys
    estate.keys = EdgeKeys(right_keys.private, secrets.token_bytes(32))

    with pytest.raises(WrongSiteKeyError, match=r"lists\.db: encrypted under another site key; put the old"):
        estate.open_mirror()

    estate.keys = right_keys
    again = estate.open_mirror()
    assert again.compare(PERSON, vector_of(1)[None]) is not None
    again.close()


@pytest.mark.parametrize("damage", ["noise", "truncated", "page"])
def test_a_damaged_file_is_named_with_what_to_do_and_not_touched(estate: Estate, damage: str) -> None:
    mirror = estate.open_mirror()
    people = [SubjectKey(new_id()) for _ in range(200)]
    mirror.apply(estate.delta(*(resident(one) for one in people)))
    mirror.close()
    path = list_file(estate)
    content = path.read_bytes()
    broken = {
        "noise": secrets.token_bytes(len(content)),
        "truncated": content[: len(content) // 2],
        "page": content[:4096] + b"\xff" * 4096 * 4 + content[4096 * 5 :],
    }[damage]
    path.write_bytes(broken)

    with pytest.raises(ListStoreError, match=r"lists\.db: damaged .*; move it away and start again"):
        estate.open_mirror()

    assert path.read_bytes() == broken
    path.rename(path.with_suffix(".away"))
    anew = estate.open_mirror()
    assert anew.receipt().version == 0
    anew.close()


def test_a_template_damaged_at_rest_is_left_out_and_told(estate: Estate) -> None:
    mirror = estate.open_mirror()
    mirror.apply(
        estate.delta(
            resident(PERSON),
            estate.put(face(1, PERSON, CONSENT)),
            resident(OTHER),
            estate.put(face(2, OTHER, OTHER_CONSENT)),
        )
    )
    database(mirror).execute("UPDATE templates SET locked = zeroblob(length(locked)) WHERE subject = ?", (PERSON,))
    mirror.close()

    again = estate.open_mirror()
    assert again.compare(PERSON, vector_of(1)[None]) is None
    assert again.compare(OTHER, vector_of(2)[None]) is not None
    problem = again.receipt().problem
    assert problem is not None
    assert "1 template(s) not loaded, damaged on this edge's disk" in problem
    assert again.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT))).problem is None
    again.close()


def test_a_template_moved_under_another_persons_ids_opens_for_nobody(estate: Estate) -> None:
    mirror = estate.open_mirror()
    mirror.apply(
        estate.delta(
            resident(PERSON),
            resident(OTHER),
            estate.put(face(1, PERSON, CONSENT)),
            estate.put(face(2, OTHER, OTHER_CONSENT)),
        )
    )
    database(mirror).execute("PRAGMA foreign_keys = OFF")
    database(mirror).execute(
        "UPDATE templates SET subject = ?, consent = ? WHERE subject = ?", (OTHER, OTHER_CONSENT, PERSON)
    )
    mirror.close()

    again = estate.open_mirror()
    best = again.compare(OTHER, vector_of(1)[None])
    assert best == pytest.approx(float(vector_of(1) @ vector_of(2)), abs=1e-5)
    assert again.receipt().problem is not None
    again.close()


def test_lists_of_a_newer_anju_are_not_touched(estate: Estate) -> None:
    mirror = estate.open_mirror()
    database(mirror).execute("PRAGMA user_version = 99")
    mirror.close()
    with pytest.raises(ListStoreError, match="newer Anju"):
        estate.open_mirror()


def test_a_second_edge_process_on_the_same_lists_is_refused(
    estate: Estate, mirror: ListMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.lists.store.BUSY_TIMEOUT_S", 0.1)
    with pytest.raises(ListStoreError, match="already running"):
        estate.open_mirror()
    assert mirror.receipt().problem is None


def test_a_log_that_can_not_be_folded_is_told_and_folded_later(
    estate: Estate, mirror: ListMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(mirror._store, "fold_log", full)
        receipt = mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    assert (receipt.version, receipt.templates) == (3, 0)
    assert receipt.problem is not None
    assert "database's log" in receipt.problem
    assert mirror.compare(PERSON, vector_of(1)[None]) is None

    mirror.touch(NOON + timedelta(seconds=1))
    assert mirror.receipt().problem is None


def test_what_was_acknowledged_as_erased_is_found_by_no_reader(estate: Estate, mirror: ListMirror) -> None:
    """Readers ask all the time while a person is enrolled and erased again and again."""
    mirror.apply(estate.delta(resident(PERSON), resident(OTHER), estate.put(face(2, OTHER, OTHER_CONSENT))))
    probe = vector_of(1)[None]
    stop, wrong, answers = threading.Event(), [], []
    erasures: list[bool] = [True]  # grows by True with each acknowledged erasure, by False before each enrolment

    def read() -> None:
        while not stop.is_set():
            moment = len(erasures)
            match = mirror.identify(probe, GATE, NOON)
            erased_all_along = erasures[moment - 1] and len(erasures) == moment
            answers.append(match)
            if match is None or (erased_all_along and match.subject == PERSON):
                wrong.append(match)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        erasures.append(False)
        mirror.apply(estate.delta(estate.put(face(1, PERSON, CONSENT))))
        assert mirror.compare(PERSON, probe) is not None
        mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
        erasures.append(True)
        mirror.apply(estate.delta(NoChange()))
    stop.set()
    for reader in readers:
        reader.join(10)

    assert not wrong
    assert {match.subject for match in answers if match is not None} == {PERSON, OTHER}
