"""A share says how sure it is."""

from __future__ import annotations

import pytest

from benchmarks.shares import per_cent, wilson, within


def test_an_interval_holds_its_share_and_narrows_with_what_was_counted() -> None:
    few, many = wilson(7, 10), wilson(700, 1000)
    assert few[0] < many[0] < 0.7 < many[1] < few[1]


def test_none_of_many_is_not_never_and_all_of_many_not_always() -> None:
    assert wilson(0, 700) == pytest.approx((0.0, 0.00546), abs=1e-5)
    assert wilson(700, 700) == pytest.approx((1 - 0.00546, 1.0), abs=1e-5)


def test_seven_strangers_of_700_are_one_per_cent_as_the_book_has_it() -> None:
    assert per_cent(7, 700) == "1.0 (0.5 to 2.0)"
    assert within(7, 700, 2) == "0.49 to 2.05"


@pytest.mark.parametrize(("part", "whole"), [(0, 0), (2, 1), (-1, 4)])
def test_what_is_no_share_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(part, whole)
