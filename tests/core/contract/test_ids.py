"""Ids that sort as they were made, whatever became of the clock."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from core.contract.ids import UuidText, id_born_at, new_id, new_id_after

IDS = TypeAdapter(UuidText)


@given(st.integers(0, 2**48 - 1))
def test_an_id_is_a_uuid_7_of_the_millisecond_it_was_told(ms: int) -> None:
    made = uuid.UUID(IDS.validate_python(id_born_at(ms)))
    assert (made.version, made.variant, made.int >> 80) == (7, uuid.RFC_4122, ms)


@given(st.integers(0, 2**48 - 2))
def test_an_id_sorts_after_any_earlier_one(ms: int) -> None:
    earlier = id_born_at(ms)
    assert new_id_after(earlier) > earlier


def test_while_the_clock_goes_on_such_an_id_is_like_any_other() -> None:
    first = new_id()
    assert first < new_id_after(first) < new_id_after(None)
