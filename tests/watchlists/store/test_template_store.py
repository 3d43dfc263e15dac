"""Templates go in and come out, change, are locked, are replaced, and are gone with their keys when erased."""

from __future__ import annotations

import numpy as np
import pytest

from core.contract.ids import ModelId
from tests.support.consents import standing_consent
from tests.watchlists.store.shelf import DIMENSION, MODEL, Shelf, as_found, drawn, face
from watchlists.faces.ids import to_bytes, to_text
from watchlists.store import sheets, template_store
from watchlists.store.errors import TooManyTemplatesError, UnknownTemplateError
from watchlists.store.rows import MAX_PER_CONSENT
from watchlists.store.template_store import Holding, Kept
from watchlists.store.vault import PAGE_KEYS


def test_what_was_put_in_comes_out_bit_for_bit(shelf: Shelf) -> None:
    faces = [face() for _ in range(3 * PAGE_KEYS + 7)]
    shelf.put(*faces)
    assert shelf.found() == as_found(*faces)


def test_a_block_says_whose_each_row_is(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine)
    (block,) = shelf.store.blocks(MODEL, DIMENSION)
    assert to_text(block.template_ids[0].tobytes()) == mine.template_id
    assert to_text(block.subjects[0].tobytes()) == mine.subject
    assert to_text(block.consents[0].tobytes()) == mine.consent
    assert block.locked.tolist() == [False]
    assert block.vectors.dtype == np.float32


def test_blocks_are_no_larger_than_asked_for_and_hold_everything_once(shelf: Shelf) -> None:
    faces = [face() for _ in range(2_500)]
    shelf.put(*faces)
    sizes = [len(block) for block in shelf.store.blocks(MODEL, DIMENSION, rows=1024)]
    assert sizes == [1024, 1024, 452]
    assert shelf.found() == as_found(*faces)


@pytest.mark.parametrize("rows", [1, 7, 100, 500])
def test_templates_of_one_person_may_be_in_two_blocks_and_no_block_is_too_large(shelf: Shelf, rows: int) -> None:
    proofs = [standing_consent() for _ in range(30)]
    faces = [face(proof) for number, proof in enumerate(proofs) for _ in range(1 + number % 5)]
    shelf.put(*faces)
    blocks = list(shelf.store.blocks(MODEL, DIMENSION, rows=rows))
    assert [len(block) for block in blocks[:-1]] == [rows] * (len(blocks) - 1)
    assert 0 < len(blocks[-1]) <= rows
    whose = {
        to_text(template.tobytes()): (to_text(subject.tobytes()), to_text(consent.tobytes()), vector.tobytes())
        for block in blocks
        for template, subject, consent, vector in zip(
            block.template_ids, block.subjects, block.consents, block.vectors, strict=True
        )
    }
    assert whose == {one.template_id: (one.subject, one.consent, one.vector.tobytes()) for one in faces}


def test_an_empty_store_has_no_blocks(shelf: Shelf) -> None:
    assert list(shelf.store.blocks(MODEL, DIMENSION)) == []
    assert shelf.store.counts() == {}


def test_models_are_kept_apart(shelf: Shelf) -> None:
    other = ModelId("arcface@111111111111")
    small, large = face(), face(model=other, dimension=512)
    shelf.put(small, large)
    assert shelf.found() == as_found(small)
    assert shelf.found(other, 512) == as_found(large)
    assert shelf.store.counts() == {MODEL: 1, other: 1}


def test_a_template_of_the_same_id_replaces_and_never_doubles(shelf: Shelf) -> None:
    old = face()
    shelf.put(old)
    new = face(old.proof, name=old.template_id)
    shelf.put(new)
    assert shelf.found() == as_found(new)
    assert not np.array_equal(old.vector, new.vector)


def test_a_replacement_under_another_consent_takes_the_old_key_with_it(shelf: Shelf) -> None:
    old = face()
    shelf.put(old)
    new = face(name=old.template_id)
    shelf.put(new)
    assert shelf.found() == as_found(new)
    assert list(shelf.store.holdings()) == [Holding(new.subject, new.consent, locked=False)]


def test_several_templates_of_one_consent_share_a_key_and_a_second_consent_has_its_own(shelf: Shelf) -> None:
    first = standing_consent()
    second = standing_consent(first.subject)
    shelf.put(face(first), face(first), face(second))
    assert [(one.subject, one.consent) for one in shelf.store.holdings()] == sorted(
        (one.subject, one.consent) for one in (first, second)
    )


def test_templates_of_one_consent_and_model_are_sealed_as_one(shelf: Shelf) -> None:
    proof = standing_consent()
    shelf.put(face(proof), face(), face(proof))
    shelf.put(face(proof), face(proof, model=ModelId("arcface@111111111111"), dimension=512))
    assert shelf.file.db.execute("SELECT length(template_ids) FROM face_templates ORDER BY place").fetchall() == [
        (48,),
        (16,),
        (16,),
    ]


def test_all_templates_of_a_consent_can_be_moved_to_another_one_by_one_in_one_change(shelf: Shelf) -> None:
    old = [face(standing_consent()) for _ in range(1)]
    old += [face(old[0].proof) for _ in range(3)]
    shelf.put(*old)
    proof = standing_consent()
    new = [face(proof, name=one.template_id) for one in old]
    shelf.put(*new)
    assert shelf.found() == as_found(*new)
    assert list(shelf.store.holdings()) == [Holding(proof.subject, proof.consent, locked=False)]
    assert all(np.array_equal(shelf.store.reopen(one.template_id).vector, one.vector) for one in new)


def test_a_change_to_more_people_than_lie_open_at_once_is_one_change(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "HELD_AT_ONCE", 3)
    proofs = [standing_consent() for _ in range(10)]
    faces = [face(proof) for _ in range(3) for proof in proofs]
    shelf.put(*faces)
    assert shelf.found() == as_found(*faces)
    assert shelf.file.db.execute("SELECT count(*) FROM face_templates").fetchone() == (10,)


def test_erasing_one_template_of_each_of_many_people_holds_few_open(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs = [standing_consent() for _ in range(10)]
    gone, stay = [face(proof) for proof in proofs], [face(proof) for proof in proofs]
    shelf.put(*gone, *stay)
    monkeypatch.setattr(sheets, "HELD_AT_ONCE", 3)
    open_at_once: list[int] = []

    class Watched(sheets.Sheets):
        def remove(self, template_id: bytes, place: int) -> bool:
            left = super().remove(template_id, place)
            open_at_once.append(len(self._held))
            return left

    monkeypatch.setattr(template_store, "Sheets", Watched)
    assert shelf.erase(templates=[one.template_id for one in gone]) == 10
    assert max(open_at_once) == 3
    assert shelf.found() == as_found(*stay)


def test_erasing_a_consent_leaves_the_persons_other_consent(shelf: Shelf) -> None:
    first = standing_consent()
    stays = face(standing_consent(first.subject))
    shelf.put(face(first), face(first), stays)
    assert shelf.erase(consents=[(first.subject, first.consent)]) == 2
    assert shelf.found() == as_found(stays)


def test_erasing_a_subject_leaves_nothing_of_them_and_everything_of_others(shelf: Shelf) -> None:
    first = standing_consent()
    stays = face()
    shelf.put(face(first), face(standing_consent(first.subject)), stays)
    assert shelf.erase(subjects=[first.subject]) == 2
    assert shelf.found() == as_found(stays)
    assert [one.subject for one in shelf.store.holdings()] == [stays.subject]


def test_a_key_goes_with_the_last_template_it_opens(shelf: Shelf) -> None:
    proof = standing_consent()
    one, two = face(proof), face(proof)
    shelf.put(one, two)
    assert shelf.erase(templates=[one.template_id]) == 1
    assert len(list(shelf.store.holdings())) == 1
    assert shelf.erase(templates=[two.template_id]) == 1
    assert list(shelf.store.holdings()) == []
    assert shelf.file.db.execute("SELECT count(*) FROM key_pages").fetchone() == (0,)


def test_erasing_what_is_not_there_is_no_error(shelf: Shelf) -> None:
    stays, gone = face(), face()
    shelf.put(stays)
    assert (
        shelf.erase(subjects=[gone.subject], consents=[(gone.subject, gone.consent)], templates=[gone.template_id]) == 0
    )
    assert shelf.found() == as_found(stays)


def test_the_place_of_an_erased_key_is_used_again_with_a_fresh_key(shelf: Shelf) -> None:
    shelf.put(*(face() for _ in range(PAGE_KEYS)))
    gone = face()
    for _ in range(5):
        shelf.put(gone)
        shelf.erase(subjects=[gone.subject])
    shelf.put(gone)
    assert shelf.file.db.execute("SELECT count(*) FROM key_pages").fetchone() == (2,)
    assert len(shelf.found()) == PAGE_KEYS + 1


def test_locked_is_kept_told_and_undone(shelf: Shelf) -> None:
    mine, other = face(), face()
    shelf.put(mine, other)
    with shelf.file.transaction():
        assert shelf.store.lock([(mine.subject, mine.consent)], locked=True) == 1
    (block,) = shelf.store.blocks(MODEL, DIMENSION)
    assert block.locked.tolist() == [True, False]
    assert set(shelf.store.kept()) == {
        Kept(mine.template_id, mine.subject, mine.consent, MODEL, locked=True),
        Kept(other.template_id, other.subject, other.consent, MODEL, locked=False),
    }
    with shelf.file.transaction():
        shelf.store.lock([(mine.subject, mine.consent)], locked=False)
    (block,) = shelf.store.blocks(MODEL, DIMENSION)
    assert not block.locked.any()


def test_another_template_under_a_locked_consent_is_locked_too(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine)
    with shelf.file.transaction():
        shelf.store.lock([(mine.subject, mine.consent)], locked=True)
    shelf.put(face(mine.proof), face(mine.proof, name=mine.template_id))
    assert [one.locked for one in shelf.store.kept()] == [True, True]


def test_reopened_a_template_carries_its_consent(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine)
    again = shelf.store.reopen(mine.template_id)
    assert (again.template_id, again.proof, again.model) == (mine.template_id, mine.proof, MODEL)
    assert np.array_equal(again.vector, mine.vector)
    shelf.erase(templates=[mine.template_id])
    with pytest.raises(UnknownTemplateError, match="not kept here"):
        shelf.store.reopen(mine.template_id)


def test_a_consent_has_room_for_so_many_templates_and_the_one_too_many_changes_nothing(shelf: Shelf) -> None:
    proof = standing_consent()
    full = [face(proof) for _ in range(MAX_PER_CONSENT)]
    shelf.put(*full)
    with pytest.raises(TooManyTemplatesError, match="erase old ones"):
        shelf.put(face(), face(proof))
    assert shelf.found() == as_found(*full)


def test_without_a_transaction_nothing_is_changed(shelf: Shelf) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"):
        shelf.store.put([face()])
    with pytest.raises(RuntimeError, match="inside a transaction"):
        shelf.store.erase(subjects=[face().subject])
    with pytest.raises(RuntimeError, match="inside a transaction"):
        shelf.store.lock([], locked=True)


def test_a_change_that_is_rolled_back_leaves_everything_as_it_was(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine)

    def change_and_fail() -> None:
        with shelf.file.transaction():
            shelf.store.erase(subjects=[mine.subject])
            shelf.store.put([face() for _ in range(5)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_and_fail()
    assert shelf.found() == as_found(mine)
    shelf.put(face())
    assert len(shelf.found()) == 2


def test_exact_vectors_come_in_the_order_asked_and_nothing_matches_one_that_is_gone(shelf: Shelf) -> None:
    one, two, gone = face(), face(), face()
    foreign = face(model=ModelId("arcface@111111111111"))
    shelf.put(one, two, gone, foreign)
    shelf.erase(templates=[gone.template_id])
    exact = shelf.store.exact(MODEL, DIMENSION)
    found = exact.vectors([two.template_id, gone.template_id, one.template_id, foreign.template_id])
    exact.close()
    assert np.array_equal(found[[0, 2]], np.stack([two.vector, one.vector]))
    assert np.isnan(found[[1, 3]]).all()
    assert not (found @ drawn() > -2.0)[[1, 3]].any()


def test_readers_neither_wait_for_a_writer_nor_see_what_is_not_committed(shelf: Shelf) -> None:
    old, new = face(), face()
    shelf.put(old)
    exact = shelf.store.exact(MODEL, DIMENSION)
    with shelf.file.transaction():
        shelf.store.put([new])
        shelf.store.erase(templates=[old.template_id])
        during = exact.vectors([old.template_id, new.template_id])
        assert shelf.found() == as_found(old)
    after = exact.vectors([old.template_id, new.template_id])
    exact.close()
    assert np.array_equal(during[0], old.vector)
    assert np.isnan(during[1]).all()
    assert np.isnan(after[0]).all()
    assert np.array_equal(after[1], new.vector)


def test_a_scan_under_way_does_not_keep_an_erased_key_in_the_log(shelf: Shelf) -> None:
    shelf.put(*(face() for _ in range(2_100)))
    last = face()
    shelf.put(last)
    scan = iter(shelf.store.blocks(MODEL, DIMENSION, rows=1024))
    first = next(scan)
    shelf.erase(subjects=[last.subject])
    shelf.file.fold_log()
    ids = [row.tobytes() for block in (first, *scan) for row in block.template_ids]
    assert len(ids) == 2_100
    assert to_bytes(last.template_id) not in ids


def test_nothing_secret_is_printed(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine)
    (block,) = shelf.store.blocks(MODEL, DIMENSION)
    printed: list[object] = [mine, block, shelf.store, shelf.store.blocks(MODEL, DIMENSION)]
    number = str(float(mine.vector[0]))[:6]
    assert all(number not in repr(one) for one in printed)
