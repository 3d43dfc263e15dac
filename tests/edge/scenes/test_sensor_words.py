"""Contacts and buttons of the common kinds are understood; anything else is nothing, and breaks nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.scenes.sensor_words import button_is_pressed, door_is_open


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("open", True),
        ("closed", False),
        (" OPEN\n", True),
        ("ON", True),
        ("OFF", False),
        ('{"state": "open"}', True),
        ('{"contact": true, "battery": 91}', False),
        ('{"contact": false}', True),
        ('{"opening": true}', True),
        ('{"battery": 91}', None),
        ("ajar", None),
        ("", None),
        ("[" * 5000, None),
        ("3", None),
    ],
)
def test_contacts(said: str, expected: bool | None) -> None:
    assert door_is_open(said) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("pressed", True),
        ('{"action": "single"}', True),
        ('{"action": "2_double", "battery": 90}', True),
        ('{"action": "button_1_press"}', True),
        ('{"state": "ON"}', True),
        ("ON", True),
        ("1", True),
        ("OFF", False),
        ('{"action": ""}', False),
        ('{"action": null}', False),
        ('{"action": "1_release"}', False),
        ('{"battery": 90}', False),
        ("offline", False),
        ("unavailable", False),
        ("23.5", False),
        ("{}", False),
    ],
)
def test_buttons(said: str, expected: bool) -> None:
    assert button_is_pressed(said) is expected


@given(st.text(max_size=200))
def test_no_text_breaks_them(said: str) -> None:
    assert door_is_open(said) in {True, False, None}
    assert button_is_pressed(said) in {True, False}
