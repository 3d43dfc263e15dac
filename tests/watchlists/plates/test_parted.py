"""A mapping that is followed by others, and never changes itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchlists.plates.parted import PARTS, PartedMap

changes = st.lists(st.tuples(st.integers(0, 3 * PARTS), st.none() | st.integers(0, 9)), max_size=30)


@given(st.lists(changes, max_size=6))
def test_every_version_stays_what_it_was_as_a_copied_dictionary_would(
    batches: list[list[tuple[int, int | None]]],
) -> None:
    versions: list[tuple[PartedMap[int, int], dict[int, int]]] = [(PartedMap(), {})]
    for batch in batches:
        draft, expected = versions[-1][0].draft(), dict(versions[-1][1])
        for key, value in batch:
            if value is None:
                draft.remove(key)
                expected.pop(key, None)
            else:
                draft.put(key, value)
                expected[key] = value
            assert draft.get(key) == value
        versions.append((draft.done(), expected))
    for version, expected in versions:
        assert len(version) == len(expected)
        assert all(version.get(key) == expected.get(key) for key in range(3 * PARTS + 1))


def test_a_draft_that_goes_on_leaves_what_it_has_made_alone() -> None:
    draft = PartedMap[str, int]().draft()
    draft.put("a", 1)
    first = draft.done()
    draft.put("a", 2)
    draft.remove("a")
    assert (first.get("a"), len(first)) == (1, 1)
    assert (draft.done().get("a"), len(draft.done())) == (None, 0)


def test_a_small_change_copies_a_small_part() -> None:
    draft = PartedMap[int, int]().draft()
    for key in range(4 * PARTS):
        draft.put(key, key)
    before = draft.done()
    following = before.draft()
    following.put(0, -1)
    after = following.done()
    shared = sum(one is other for one, other in zip(before._parts, after._parts, strict=True))
    assert shared == PARTS - 1
