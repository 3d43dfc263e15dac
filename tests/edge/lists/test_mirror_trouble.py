"""Kills, full disks, damage and wrong keys: the last good state stays, and what is wrong is said."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from core.contract.ids import ConsentId, SubjectKey, new_id
from core.contract.lists import EraseTemplates, NoChange
from core.contract.vocabulary import Reason
from edge.keys import EdgeKeys, edge_dir
from edge.lists.mirror import LIST_FILE, ListMirror
from tests.edge.lists.deaths import applying, dies_at
from tests.edge.lists.estate import EDGE, GATE, NOON, Estate, answered, face, resident, vector_of
from watchlists.faces.ids import to_bytes
from watchlists.store.errors import LogNotFoldedError, StoreError, WrongSiteKeyError
from watchlists.store.ids import owner_bytes

PERSON, OTHER = SubjectKey(new_id()), SubjectKey(new_id())
CONSENT, OTHER_CONSENT = ConsentId(new_id()), ConsentId(new_id())


def list_file(estate: Estate) -> Path:
    return edge_dir(estate.folder, EDGE) / LIST_FILE


def database(mirror: ListMirror) -> sqlite3.Connection:
    """The mirror's own connection: the one that writes."""
    return mirror._store._file.db


def spoil(mirror: ListMirror, subject: SubjectKey) -> None:
    """Let the disk forget what a person's templates were."""
    database(mirror).execute(
        "UPDATE face_templates SET sealed = zeroblob(length(sealed)) WHERE place >> 8 IN "
        "(SELECT holding FROM holdings WHERE substr(owner, 1, 16) = ?)",
        (to_bytes(subject),),
    )


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

        died = dies_at(estate, applying(delta), statement)

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

    receipt = answered(mirror, delta)

    assert receipt.problem is not None
    assert "the disk is full; nothing was changed, make room" in receipt.problem
    assert state(mirror) == before
    database(mirror).execute("PRAGMA max_page_count = 1000000")
    assert answered(mirror, delta).problem is None
    assert mirror.subject_standing(many[-1], GATE, NOON) is Reason.LISTED


def test_another_site_key_is_noticed_and_the_lists_stay_as_they_are(estate: Estate) -> None:
    mirror = estate.open_mirror()
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
    mirror.close()
    right_keys = estate.keys
    estate.keys = EdgeKeys(right_keys.private, secrets.token_bytes(32), right_keys.signing)

    with pytest.raises(
        WrongSiteKeyError, match=r"lists\.db: the templates were encrypted under another site key: put the old one back"
    ):
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

    with pytest.raises(StoreError, match=r"lists\.db: damaged .* move it away and start again"):
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
    spoil(mirror, PERSON)
    mirror.close()

    again = estate.open_mirror()
    assert again.compare(PERSON, vector_of(1)[None]) is None
    assert again.compare(OTHER, vector_of(2)[None]) is not None
    problem = again.receipt().problem
    assert problem is not None
    assert "1 template(s) not loaded, damaged on this edge's disk" in problem
    assert again.receipt().wants_snapshot, "the core still has it, sealed"
    cleared = answered(again, estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    assert (cleared.problem, cleared.wants_snapshot) == (None, False)
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
    (first, second) = (owner_bytes(*one) for one in ((PERSON, CONSENT), (OTHER, OTHER_CONSENT)))
    database(mirror).execute("UPDATE holdings SET owner = zeroblob(32) WHERE owner = ?", (first,))
    database(mirror).execute("UPDATE holdings SET owner = ? WHERE owner = ?", (first, second))
    database(mirror).execute("UPDATE holdings SET owner = ? WHERE owner = zeroblob(32)", (second,))
    mirror.close()

    again = estate.open_mirror()
    assert again.compare(OTHER, vector_of(1)[None]) is None
    assert again.compare(PERSON, vector_of(2)[None]) is None
    assert "2 template(s) not loaded, damaged" in str(again.receipt().problem)
    again.close()


def test_lists_of_a_newer_anju_are_not_touched(estate: Estate) -> None:
    mirror = estate.open_mirror()
    database(mirror).execute("PRAGMA user_version = 99")
    mirror.close()
    with pytest.raises(StoreError, match="newer Anju"):
        estate.open_mirror()


OLD_FORMAT = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE data_keys (
  subject TEXT NOT NULL, consent TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (subject, consent)) WITHOUT ROWID;
CREATE TABLE templates (
  template_id TEXT PRIMARY KEY, subject TEXT NOT NULL, consent TEXT NOT NULL, model TEXT NOT NULL, locked BLOB NOT NULL,
  FOREIGN KEY (subject, consent) REFERENCES data_keys (subject, consent) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE vehicles (vehicle TEXT PRIMARY KEY, exact BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('version', 17);
INSERT INTO data_keys VALUES ('a-subject', 'a-consent', 'an old wrapped key');
INSERT INTO templates VALUES ('a-template', 'a-subject', 'a-consent', 'a-model', 'an old sealed template');
PRAGMA user_version = 1;
"""


def test_lists_of_an_older_anju_are_destroyed_and_sent_again(estate: Estate) -> None:
    path = list_file(estate)
    with closing(sqlite3.connect(path)) as old:
        old.executescript(OLD_FORMAT)

    mirror = estate.open_mirror()
    assert (mirror.receipt().version, mirror.receipt().problem) == (0, None)
    content = b"".join(one.read_bytes() for one in path.parent.iterdir() if one.name.startswith("lists"))
    assert b"an old" not in content
    answered(mirror, estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
    assert mirror.compare(PERSON, vector_of(1)[None]) is not None
    mirror.close()


def test_a_second_edge_process_on_the_same_lists_is_refused(estate: Estate, mirror: ListMirror) -> None:
    with pytest.raises(StoreError, match="already running"):
        estate.open_mirror()
    assert mirror.receipt().problem is None


def test_a_log_that_can_not_be_folded_is_told_and_folded_later(
    estate: Estate, mirror: ListMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))

    def busy() -> None:
        raise LogNotFoldedError("lists.db: the log could not be folded")

    with monkeypatch.context() as patch:
        patch.setattr(mirror._store, "fold_log", busy)
        receipt = answered(mirror, estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    assert (receipt.version, receipt.templates) == (3, 0)
    assert receipt.problem is not None
    assert "database's log" in receipt.problem
    assert mirror.compare(PERSON, vector_of(1)[None]) is None

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
            if erased_all_along and match is not None and match.subject == PERSON:
                wrong.append(match)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        erasures.append(False)
        given_anew = ConsentId(new_id())
        mirror.apply(estate.delta(estate.put(face(1, PERSON, given_anew))))
        assert mirror.compare(PERSON, probe) is not None
        mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=given_anew)))
        erasures.append(True)
        mirror.apply(estate.delta(NoChange()))
    stop.set()
    for reader in readers:
        reader.join(10)

    assert not wrong
    assert PERSON in {match.subject for match in answers if match is not None}
