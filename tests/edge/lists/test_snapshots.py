"""Snapshots: everything an edge holds is replaced at once, whatever happens between their parts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.contract.ids import ConsentId, PassId, SnapshotId, SubjectKey, VehicleKey, new_id
from core.contract.lists import (
    Change,
    EraseTemplates,
    ListSnapshotV1,
    LockTemplates,
    NoChange,
    PutVehicle,
    RevokePass,
)
from core.contract.roll import digest_of
from core.contract.vocabulary import Reason, VehicleKind
from edge.lists.mirror import ListMirror
from tests.edge.lists.deaths import dies_at
from tests.edge.lists.estate import GATE, NOON, Estate, answered, face, resident, told, vector_of
from watchlists.faces.template import Template

OLD, NEW = SubjectKey(new_id()), SubjectKey(new_id())
OLD_CONSENT, NEW_CONSENT = ConsentId(new_id()), ConsentId(new_id())
CAR, NEW_CAR = VehicleKey(new_id()), VehicleKey(new_id())
REVOKED = PassId(new_id())


def car(key: VehicleKey, plate: str) -> PutVehicle:
    kind, since = VehicleKind.RESIDENT, NOON - timedelta(days=1)
    return PutVehicle(vehicle=key, kind=kind, plate=plate, checkpoints=(GATE,), valid_from=since)


def fill(estate: Estate, mirror: ListMirror) -> Template:
    """Somebody, their face and their car; at number 4."""
    template = face(1, OLD, OLD_CONSENT)
    changes: list[Change] = [resident(OLD), estate.put(template), car(CAR, "京A12345"), RevokePass(pass_id=REVOKED)]
    mirror.apply(estate.delta(*changes))
    estate.agree(mirror)
    return template


def others(estate: Estate, version: int) -> tuple[list[ListSnapshotV1], Template]:
    """Somebody else altogether, in three parts."""
    template = face(2, NEW, NEW_CONSENT)
    return estate.snapshot(version, [resident(NEW)], [estate.put(template)], [car(NEW_CAR, "京A54321")]), template


def state(mirror: ListMirror) -> tuple[int, str | None, Reason, Reason, bool, bool, Reason, bool]:
    receipt = mirror.receipt()
    return (
        receipt.version,
        receipt.digest,
        mirror.subject_standing(OLD, GATE, NOON),
        mirror.subject_standing(NEW, GATE, NOON),
        mirror.compare(OLD, vector_of(1)[None]) is not None,
        mirror.compare(NEW, vector_of(2)[None]) is not None,
        mirror.vehicle_standing("京A12345", GATE, NOON)[0],
        mirror.pass_revoked(REVOKED),
    )


def old_state(template: Template) -> tuple[object, ...]:
    return (4, digest_of(told(template)), Reason.LISTED, Reason.UNLISTED, True, False, Reason.LISTED, True)


def new_state(version: int, template: Template) -> tuple[object, ...]:
    return (version, digest_of(told(template)), Reason.UNLISTED, Reason.LISTED, False, True, Reason.UNLISTED, False)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 2, 1, 0)])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_snapshot_replaces_everything_once_its_last_part_is_there(
    estate: Estate, order: tuple[int, ...], restarts: bool
) -> None:
    mirror = estate.open_mirror()
    template = fill(estate, mirror)
    parts, put = others(estate, 9)
    for at in order[:-1]:
        assert mirror.apply(parts[at]) is None
        assert state(mirror) == old_state(template)
        if restarts:
            mirror.close()
            mirror = estate.open_mirror()
    receipt = answered(mirror, parts[order[-1]])

    assert (receipt.version, receipt.templates, receipt.problem) == (9, 1, None)
    assert state(mirror) == new_state(9, put)
    assert mirror.recogniser_may_run(NOON), "the last roll still holds"
    assert mirror.counts()["lists.snapshots_applied"] == 1
    mirror.close()
    again = estate.open_mirror()
    assert state(again) == new_state(9, put)
    again.close()


def test_what_a_snapshot_replaced_is_gone_from_the_disk(estate: Estate, mirror: ListMirror) -> None:
    fill(estate, mirror)
    database = mirror._store._file.db
    secrets = [
        blob for table in ("key_pages", "face_templates") for (blob,) in database.execute(f"SELECT sealed FROM {table}")
    ]
    parts, _ = others(estate, 9)
    sealed = [part.sealed_base64 for part in parts]
    for part in parts:
        mirror.apply(part)
    folder = mirror._store._file.path.parent
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert len(secrets) == 2
    assert not any(secret in content for secret in secrets)
    assert not any(text.encode() in content for text in sealed)


def test_parts_sent_again_after_the_end_change_nothing(estate: Estate, mirror: ListMirror) -> None:
    fill(estate, mirror)
    parts, _ = others(estate, 4)
    for part in parts:
        mirror.apply(part)
    mirror.apply(estate.delta(resident(OLD)))
    before = state(mirror)
    for part in parts:
        assert answered(mirror, part).version == 5
    assert state(mirror) == before


def test_a_newer_snapshot_takes_the_place_of_an_unfinished_one_and_an_older_one_is_ignored(
    estate: Estate, mirror: ListMirror
) -> None:
    fill(estate, mirror)
    unfinished, _ = others(estate, 7)
    newer, put = others(estate, 9)
    mirror.apply(unfinished[0])
    mirror.apply(newer[0])
    for part in unfinished:
        assert mirror.apply(part) is None
    mirror.apply(newer[1])
    assert answered(mirror, newer[2]).version == 9
    for part in unfinished:
        assert answered(mirror, part).version == 9
    assert state(mirror) == new_state(9, put)


def test_a_snapshot_below_our_number_is_taken_but_nobody_is_recognised_until_the_next_roll(
    estate: Estate, mirror: ListMirror
) -> None:
    """A core that came back from a backup: what it took back since then may be in it again."""
    fill(estate, mirror)
    parts, put = others(estate, 2)
    for part in parts:
        mirror.apply(part)
    receipt = mirror.receipt()
    assert (receipt.version, receipt.wants_snapshot) == (2, False)
    assert "until the core's next roll" in str(receipt.problem)
    assert not mirror.recogniser_may_run(NOON)
    assert mirror.identify(vector_of(2)[None], GATE, NOON) is None

    assert answered(mirror, estate.roll(told(put), version=2)).problem is None
    assert mirror.recogniser_may_run(NOON)
    assert state(mirror) == new_state(2, put)


def test_a_snapshot_settles_a_difference(estate: Estate, mirror: ListMirror) -> None:
    fill(estate, mirror)
    parts, put = others(estate, 4)
    assert answered(mirror, estate.roll(told(put))).wants_snapshot
    for part in parts:
        mirror.apply(part)
    assert not mirror.receipt().wants_snapshot
    mirror.apply(estate.roll(told(put)))
    assert mirror.recogniser_may_run(NOON)
    assert state(mirror) == new_state(4, put)


def test_who_was_erased_here_stays_erased_through_a_snapshot(estate: Estate, mirror: ListMirror) -> None:
    template = fill(estate, mirror)
    put = estate.put(template)
    mirror.apply(estate.delta(EraseTemplates(subject=OLD, consent=OLD_CONSENT)))
    for part in estate.snapshot(4, [resident(OLD)], [put, LockTemplates(subject=OLD, consent=OLD_CONSENT)]):
        mirror.apply(part)
    receipt = mirror.receipt()
    assert receipt.erased == (OLD_CONSENT,)
    assert receipt.templates == 0
    estate.agree(mirror)
    assert mirror.compare(OLD, vector_of(1)[None]) is None


def test_locks_stand_in_a_snapshot_and_old_ones_go(estate: Estate, mirror: ListMirror) -> None:
    template = fill(estate, mirror)
    mirror.apply(estate.delta(LockTemplates(subject=OLD, consent=OLD_CONSENT)))
    again, locked = face(3, OLD, OLD_CONSENT), face(2, NEW, NEW_CONSENT)
    lock = LockTemplates(subject=NEW, consent=NEW_CONSENT, template_id=locked.template_id)
    changes: list[Change] = [
        lock,
        resident(OLD),
        resident(NEW),
        estate.put(template),
        estate.put(again),
        estate.put(locked),
    ]
    (part,) = estate.snapshot(6, changes)
    receipt = answered(mirror, part)
    assert receipt.digest == digest_of([*told(template, again), *told(locked, locked=True)])
    assert mirror.compare(OLD, vector_of(1)[None]) is not None
    assert mirror.compare(NEW, vector_of(2)[None]) is None


def test_a_snapshot_heals_what_was_damaged_on_disk(estate: Estate) -> None:
    mirror = estate.open_mirror()
    template = fill(estate, mirror)
    mirror._store._file.db.execute("UPDATE key_pages SET sealed = zeroblob(length(sealed))")
    mirror.close()
    again = estate.open_mirror()
    assert again.receipt().wants_snapshot
    (part,) = estate.snapshot(4, [resident(OLD), estate.put(template)])
    receipt = answered(again, part)
    assert (receipt.problem, receipt.wants_snapshot) == (None, False)
    assert again.compare(OLD, vector_of(1)[None]) is not None
    again.close()


def test_an_empty_snapshot_leaves_nothing(estate: Estate, mirror: ListMirror) -> None:
    fill(estate, mirror)
    (part,) = estate.snapshot(5, [])
    receipt = answered(mirror, part)
    assert (receipt.version, receipt.templates, receipt.digest) == (5, 0, digest_of([]))


@pytest.mark.parametrize(
    "changed", [{"signature_base64": "AAAA"}, {"part": 2}, {"version": 12}, {"edge": "gate-2"}, {"sealed_base64": "!"}]
)
def test_a_part_that_is_not_the_cores_is_refused(
    estate: Estate, mirror: ListMirror, changed: dict[str, object]
) -> None:
    template = fill(estate, mirror)
    (part,) = estate.snapshot(9, [NoChange()])
    parts_of_two = part.model_copy(update={"parts": 2, **changed})
    assert answered(mirror, parts_of_two).problem is not None
    assert state(mirror) == old_state(template)


def test_a_part_beyond_the_last_is_refused(estate: Estate, mirror: ListMirror) -> None:
    template = fill(estate, mirror)
    beyond = estate.part(SnapshotId(new_id()), 9, 3, 2, [NoChange()])
    assert "part 3 of a snapshot of 2" in str(answered(mirror, beyond).problem)
    assert state(mirror) == old_state(template)


def test_killed_before_any_statement_a_snapshot_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """Two parts arrive; the process dies before each statement in turn. Sending them once more is all it takes."""
    ends = set()
    statement, died = 0, True
    while died:
        statement += 3
        estate = Estate(tmp_path / str(statement))
        mirror = estate.open_mirror()
        template = fill(estate, mirror)
        mirror.close()
        put = face(2, NEW, NEW_CONSENT)
        parts = estate.snapshot(9, [resident(NEW)], [estate.put(put)])

        def take(mirror: ListMirror, parts: list[ListSnapshotV1] = parts) -> None:
            for part in parts:
                mirror.apply(part)

        died = dies_at(estate, take, statement)

        again = estate.open_mirror()
        assert state(again) in {old_state(template), new_state(9, put)}
        ends.add(again.receipt().version)
        take(again)
        assert state(again) == new_state(9, put)
        again.close()
    assert ends == {4, 9}
    assert statement > 60, "the kill never came between the statements"
