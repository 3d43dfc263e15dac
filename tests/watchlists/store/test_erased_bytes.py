"""When an erasure has been folded in, no byte of the old key or ciphertext is in the file or beside it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.contract.consent import ActiveConsent
from core.contract.ids import ModelId
from tests.support.consents import standing_consent
from tests.watchlists.store.shelf import Shelf, as_found, face
from watchlists.faces.ids import to_bytes
from watchlists.faces.template import Template
from watchlists.store.errors import LogNotFoldedError
from watchlists.store.vault import PAGE_KEYS

PIECE = 24
"""Bytes in a row that ciphertext never has in common with anything else."""


def stored(shelf: Shelf, table: str) -> list[bytes]:
    return [sealed for (sealed,) in shelf.file.db.execute(f"SELECT sealed FROM {table}")]


def pieces_left(shelf: Shelf, old: bytes) -> int:
    """How many of the pieces of ``old`` are still in any of the files."""
    disk = shelf.bytes_on_disk()
    return sum(old[start : start + PIECE] in disk for start in range(0, len(old) - PIECE, PIECE))


@pytest.mark.parametrize("others", [0, 5, 3 * PAGE_KEYS])
def test_nothing_of_an_erased_persons_key_or_templates_is_left(shelf: Shelf, others: int) -> None:
    proof = standing_consent()
    shelf.put(*(face() for _ in range(others // 2)), face(proof), face(proof), *(face() for _ in range(others // 2)))
    (holding,) = shelf.file.db.execute("SELECT holding FROM holdings WHERE owner = ?", _owner(proof)).fetchone()
    page = holding // PAGE_KEYS
    (old_page,) = shelf.file.db.execute("SELECT sealed FROM key_pages WHERE page = ?", (page,)).fetchone()
    old = [
        sealed
        for (sealed,) in shelf.file.db.execute("SELECT sealed FROM face_templates WHERE place >> 8 = ?", (holding,))
    ]
    assert len(old) == 1
    assert all(pieces_left(shelf, one) for one in (old_page, *old))
    shelf.erase(subjects=[proof.subject])
    shelf.file.fold_log()
    assert not any(pieces_left(shelf, one) for one in (old_page, *old))
    assert to_bytes(proof.subject) not in shelf.bytes_on_disk()


def test_a_replaced_templates_ciphertext_is_gone_too(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine, face(mine.proof))
    (old,) = stored(shelf, "face_templates")
    shelf.put(face(mine.proof, name=mine.template_id))
    shelf.file.fold_log()
    assert not pieces_left(shelf, old)


@pytest.mark.parametrize("shots", [2, 5, 40])
@pytest.mark.parametrize("others", [0, 50])
def test_the_sheet_an_erased_template_was_in_is_gone_while_the_others_of_that_person_stay(
    shelf: Shelf, shots: int, others: int
) -> None:
    proof = standing_consent()
    mine = [face(proof) for _ in range(shots)]
    crowd = [face() for _ in range(others)]
    shelf.put(*crowd[: others // 2], *mine, *crowd[others // 2 :])
    shelf.file.fold_log()
    old = stored(shelf, "face_templates")[others // 2]
    assert pieces_left(shelf, old)
    shelf.erase(templates=[mine[0].template_id])
    shelf.file.fold_log()
    assert not pieces_left(shelf, old)
    assert to_bytes(mine[0].template_id) not in shelf.bytes_on_disk()
    assert shelf.found() == as_found(*mine[1:], *crowd)


def test_a_sheet_that_held_an_erased_template_does_not_open_with_todays_key(shelf: Shelf) -> None:
    mine, other_model = face(), ModelId("arcface@111111111111")
    stays = face(mine.proof)
    shelf.put(mine, stays, other := face(mine.proof, model=other_model))
    row = shelf.file.db.execute("SELECT * FROM face_templates ORDER BY place").fetchone()
    shelf.erase(templates=[mine.template_id])
    assert (shelf.found(), shelf.found(other_model)) == (as_found(stays), as_found(other))
    shelf.execute("INSERT OR REPLACE INTO face_templates VALUES (?, ?, ?, ?)", *row)
    assert shelf.found() == {}


def test_every_sheet_a_growing_person_had_is_gone(shelf: Shelf) -> None:
    proof = standing_consent()
    crowd = [face() for _ in range(30)]
    shelf.put(*crowd)
    old: list[bytes] = []
    mine: list[Template] = []
    for _ in range(60):
        mine.append(face(proof))
        shelf.put(mine[-1])
        old.append(stored(shelf, "face_templates")[-1])
    shelf.file.fold_log()
    assert not any(pieces_left(shelf, one) for one in old[:-1])
    assert shelf.found() == as_found(*crowd, *mine)


def test_a_spoilt_sheet_goes_with_the_first_template_that_is_erased_from_it(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine, face(mine.proof))
    (old,) = stored(shelf, "face_templates")
    shelf.execute("UPDATE face_templates SET sealed = ?", old[:-1] + bytes([old[-1] ^ 1]))
    shelf.erase(templates=[mine.template_id])
    shelf.file.fold_log()
    assert not pieces_left(shelf, old)


def test_a_whole_copy_of_a_spoilt_sheet_does_not_open_after_a_template_was_erased_from_it(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine, face(mine.proof))
    whole = shelf.file.db.execute("SELECT * FROM face_templates").fetchone()
    spoilt = bytearray(whole[3])
    spoilt[40] ^= 1
    shelf.execute("UPDATE face_templates SET sealed = ?", bytes(spoilt))
    shelf.erase(templates=[mine.template_id])
    shelf.execute("INSERT OR REPLACE INTO face_templates VALUES (?, ?, ?, ?)", *whole)
    assert shelf.found() == {}


def test_killed_between_erasing_and_folding_the_next_start_folds(shelf: Shelf, tmp_path: Path) -> None:
    gone, stays = face(), face()
    shelf.put(gone, stays)
    shelf.file.fold_log()
    old = [*stored(shelf, "key_pages"), stored(shelf, "face_templates")[0]]
    shelf.erase(subjects=[gone.subject])
    folder = tmp_path / "as-it-was-killed"
    folder.mkdir()
    for side in ("", "-wal"):
        shutil.copy(f"{shelf.path}{side}", folder)
    with Shelf.open(folder / "lists.db") as again:
        assert all(pieces_left(again, one) for one in old)
        again.file.fold_log()
        assert not any(pieces_left(again, one) for one in old)
        assert again.found() == as_found(stays)


def test_no_vector_is_ever_on_disk_in_the_clear(shelf: Shelf) -> None:
    faces = [face() for _ in range(50)]
    shelf.put(*faces)
    shelf.put(face(faces[0].proof, name=faces[0].template_id))
    shelf.erase(subjects=[faces[1].subject])
    disk = shelf.bytes_on_disk()
    shelf.file.fold_log()
    for template in faces:
        raw = template.vector.tobytes()
        parts = [raw[start : start + 8] for start in range(0, len(raw), 8)]
        assert not any(part in disk or part in shelf.bytes_on_disk() for part in parts)


def test_a_log_that_a_reader_holds_open_is_not_called_folded(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine)
    shelf.file.db.execute("PRAGMA busy_timeout=50")
    with closing(shelf.file.reader()) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM face_templates").fetchone()
        shelf.erase(subjects=[mine.subject])
        with pytest.raises(LogNotFoldedError, match="try again"):
            shelf.file.fold_log()
    shelf.file.fold_log()
    assert shelf.found() == {}


def test_what_an_older_copy_still_opens_is_what_the_documentation_says(shelf: Shelf, tmp_path: Path) -> None:
    """A copy made before the erasure opens with the site key: tombstones must reach it before anybody searches it."""
    gone, stays = face(), face()
    shelf.put(gone, stays)
    shelf.file.fold_log()
    copy = tmp_path / "backup" / "lists.db"
    copy.parent.mkdir()
    shutil.copy(shelf.path, copy)
    shelf.erase(subjects=[gone.subject])
    shelf.file.fold_log()
    with Shelf.open(copy) as restored:
        assert restored.found() == as_found(gone, stays)
        assert restored.erase(subjects=[gone.subject]) == 1
        assert restored.found() == as_found(stays)


def test_the_ciphertext_of_an_older_copy_does_not_open_with_todays_keys(shelf: Shelf, tmp_path: Path) -> None:
    gone, stays = face(), face()
    shelf.put(gone, stays)
    shelf.file.fold_log()
    copy = tmp_path / "copy.db"
    shutil.copy(shelf.path, copy)
    shelf.erase(subjects=[gone.subject])
    with closing(sqlite3.connect(copy)) as old:
        holdings = old.execute("SELECT * FROM holdings").fetchall()
        rows = old.execute("SELECT * FROM face_templates").fetchall()
        look_ups = old.execute("SELECT * FROM template_places").fetchall()
    with shelf.file.transaction() as db:
        db.executemany("INSERT OR IGNORE INTO holdings VALUES (?, ?, ?)", holdings)
        db.executemany("INSERT OR IGNORE INTO face_templates VALUES (?, ?, ?, ?)", rows)
        db.executemany("INSERT OR IGNORE INTO template_places VALUES (?, ?)", look_ups)
    assert shelf.found() == as_found(stays)
    shelf.put(face())
    assert as_found(gone).items().isdisjoint(shelf.found().items())


def _owner(proof: ActiveConsent) -> tuple[bytes]:
    return (to_bytes(proof.subject) + to_bytes(proof.consent),)
