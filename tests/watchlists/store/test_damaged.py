"""Damage to a row or a page of keys costs those templates alone: they are counted, the others load."""

from __future__ import annotations

import numpy as np
import pytest

from core.contract.ids import ModelId
from tests.watchlists.store.shelf import DIMENSION, MODEL, Shelf, as_found, face
from watchlists.faces.ids import to_bytes
from watchlists.faces.template import Template
from watchlists.store.errors import UnknownTemplateError
from watchlists.store.vault import PAGE_KEYS


def spoil(shelf: Shelf, table: str, row: int) -> None:
    """Change one byte of what is sealed in ``table``'s ``row``-th row."""
    key = {"face_templates": "place", "key_pages": "page"}[table]
    number, sealed = shelf.file.db.execute(
        f"SELECT {key}, sealed FROM {table} ORDER BY {key} LIMIT 1 OFFSET ?",
        (row,),
    ).fetchone()
    changed = bytearray(sealed)
    changed[40] ^= 1
    shelf.execute(f"UPDATE {table} SET sealed = ? WHERE {key} = ?", bytes(changed), number)


def damaged(shelf: Shelf) -> int:
    scan = shelf.store.blocks(MODEL, DIMENSION)
    assert sum(len(block) for block in scan) + scan.damaged == shelf.store.counts().get(MODEL, 0)
    return scan.damaged


@pytest.fixture
def people(shelf: Shelf) -> list[Template]:
    faces = [face() for _ in range(2 * PAGE_KEYS)]
    shelf.put(*faces)
    return faces


def test_one_spoilt_row_is_counted_and_the_others_load(shelf: Shelf, people: list[Template]) -> None:
    spoil(shelf, "face_templates", 3)
    assert damaged(shelf) == 1
    assert shelf.found() == as_found(*(one for one in people if one is not people[3]))
    with pytest.raises(UnknownTemplateError, match="damaged here: enrol"):
        shelf.store.reopen(people[3].template_id)


def test_a_spoilt_page_of_keys_costs_those_whose_keys_it_held(shelf: Shelf, people: list[Template]) -> None:
    spoil(shelf, "key_pages", 0)
    assert damaged(shelf) == PAGE_KEYS
    assert shelf.found() == as_found(*people[PAGE_KEYS:])


def test_a_lost_page_of_keys_is_counted_too(shelf: Shelf, people: list[Template]) -> None:
    shelf.execute("DELETE FROM key_pages WHERE page = 1")
    assert damaged(shelf) == PAGE_KEYS
    assert shelf.found() == as_found(*people[PAGE_KEYS:])


def test_a_row_moved_under_another_id_does_not_open(shelf: Shelf, people: list[Template]) -> None:
    shelf.execute(
        "UPDATE face_templates SET template_ids = ? WHERE template_ids = ?",
        to_bytes(face().template_id),
        to_bytes(people[0].template_id),
    )
    assert damaged(shelf) == 1
    assert shelf.found() == as_found(*people[1:])


def test_two_persons_who_were_swapped_do_not_open(shelf: Shelf, people: list[Template]) -> None:
    rows = shelf.file.db.execute("SELECT holding, owner FROM holdings ORDER BY holding LIMIT 2").fetchall()
    (one, owner), (other, its_owner) = rows
    shelf.execute("UPDATE holdings SET owner = ? WHERE holding = ?", bytes(32), one)
    shelf.execute("UPDATE holdings SET owner = ? WHERE holding = ?", owner, other)
    shelf.execute("UPDATE holdings SET owner = ? WHERE holding = ?", its_owner, one)
    assert damaged(shelf) == 2
    assert shelf.found() == as_found(*people[2:])


def test_after_a_page_of_keys_was_spoilt_people_can_be_enrolled_again(shelf: Shelf, people: list[Template]) -> None:
    spoil(shelf, "key_pages", 0)
    again = face(people[0].proof, name=people[0].template_id)
    shelf.put(again)
    assert shelf.found() == as_found(again, *people[PAGE_KEYS:])
    assert damaged(shelf) == PAGE_KEYS - 1


def test_nobodys_key_goes_into_a_spoilt_page(shelf: Shelf, people: list[Template]) -> None:
    shelf.erase(templates=[people[0].template_id])
    spoil(shelf, "key_pages", 0)
    new = [face() for _ in range(3)]
    shelf.put(*new)
    shelf.put(*(fresh := [face(), face()]))
    assert shelf.found() == as_found(*people[PAGE_KEYS:], *new, *fresh)


def test_erasing_out_of_a_spoilt_page_leaves_no_page_that_could_be_mended(shelf: Shelf, people: list[Template]) -> None:
    spoil(shelf, "key_pages", 0)
    assert shelf.erase(subjects=[people[0].subject]) == 1
    assert shelf.file.db.execute("SELECT page FROM key_pages").fetchall() == [(2,)]
    assert damaged(shelf) == PAGE_KEYS - 1
    shelf.put(face())
    assert damaged(shelf) == PAGE_KEYS - 1
    assert len(shelf.found()) == PAGE_KEYS + 1


def test_a_spoilt_sheet_costs_one_person_under_one_consent_and_each_template_counts(shelf: Shelf) -> None:
    mine, other = face(), face()
    shelf.put(mine, other, face(mine.proof), face(mine.proof))
    spoil(shelf, "face_templates", 0)
    assert damaged(shelf) == 3
    assert shelf.found() == as_found(other)


def test_who_has_a_spoilt_sheet_can_be_enrolled_again_beside_it(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine, face(mine.proof))
    spoil(shelf, "face_templates", 0)
    new, again = face(mine.proof), face(mine.proof, name=mine.template_id)
    shelf.put(new)
    assert shelf.found() == as_found(new)
    assert damaged(shelf) == 2
    shelf.put(again)
    assert shelf.found() == as_found(new, again)
    assert damaged(shelf) == 1
    assert len(list(shelf.store.holdings())) == 1


def test_erasing_the_templates_of_a_spoilt_sheet_one_by_one_leaves_nothing(shelf: Shelf) -> None:
    mine, other = face(), face()
    shelf.put(mine, second := face(mine.proof), other)
    spoil(shelf, "face_templates", 0)
    assert shelf.erase(templates=[mine.template_id]) == 1
    assert damaged(shelf) == 1
    assert shelf.erase(templates=[second.template_id]) == 1
    assert damaged(shelf) == 0
    assert [one.subject for one in shelf.store.holdings()] == [other.subject]


def test_the_sheets_of_a_persons_two_models_are_not_taken_for_each_other(shelf: Shelf) -> None:
    mine = face()
    shelf.put(mine, face(mine.proof, model=ModelId("arcface@111111111111")))
    shelf.execute("UPDATE face_templates SET model = 3 - model")
    assert shelf.found() == shelf.found(ModelId("arcface@111111111111")) == {}


def test_the_vectors_of_a_sheet_are_not_taken_for_each_other(shelf: Shelf) -> None:
    mine, second = face(), face()
    shelf.put(mine, Template(second.template_id, mine.proof, MODEL, second.vector))
    ids = [to_bytes(one.template_id) for one in (mine, second)]
    shelf.execute("UPDATE face_templates SET template_ids = ? WHERE template_ids = ?", ids[1] + ids[0], ids[0] + ids[1])
    assert damaged(shelf) == 2


def test_a_look_up_that_leads_to_somebody_else_finds_nobody(shelf: Shelf, people: list[Template]) -> None:
    first, second = (to_bytes(one.template_id) for one in people[:2])
    (place,) = shelf.file.db.execute("SELECT place FROM template_places WHERE template_id = ?", (second,)).fetchone()
    shelf.execute("UPDATE template_places SET place = ? WHERE template_id = ?", place, first)
    exact = shelf.store.exact(MODEL, DIMENSION)
    found = exact.vectors([people[0].template_id, people[1].template_id])
    exact.close()
    assert np.isnan(found[0]).all()
    assert np.array_equal(found[1], people[1].vector)
    with pytest.raises(UnknownTemplateError, match="damaged here"):
        shelf.store.reopen(people[0].template_id)
    shelf.erase(templates=[people[0].template_id])
    assert shelf.found() == as_found(*people)


def test_a_template_of_another_dimension_than_its_model_now_has_is_counted(shelf: Shelf) -> None:
    right = face()
    shelf.put(right, face(dimension=64))
    assert damaged(shelf) == 1
    assert shelf.found() == as_found(right)


def test_templates_of_two_dimensions_under_one_consent_are_kept_apart(shelf: Shelf) -> None:
    right = face()
    small = face(right.proof, dimension=64)
    shelf.put(right, small, more := face(right.proof))
    assert damaged(shelf) == 1
    assert shelf.found() == as_found(right, more)
    assert np.array_equal(shelf.store.reopen(small.template_id).vector, small.vector)
