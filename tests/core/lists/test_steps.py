"""What is sent next, for every position an edge can be in."""

from __future__ import annotations

import pytest

from core.lists.steps import (
    MAX_UNCONFIRMED,
    PART_BYTES_PER_S,
    PART_SPACING_S,
    RESEND_S,
    ROLL_EVERY_S,
    SNAPSHOT_TIMEOUT_S,
    SOON,
    Link,
    Position,
    Step,
    hide_after,
    next_step,
    patience,
    send_after,
)

NOW_S = 1000.0


def link(**facts: float | int | None) -> Link:
    made = Link()
    for name, value in facts.items():
        setattr(made, name, value)
    return made


TABLE = [
    ("a change nobody sent", Position(5, 3, 0), link(), Step.CHANGES),
    ("on its way", Position(5, 3, 0), link(sent=5, sent_s=NOW_S - 1), Step.WAIT),
    ("on its way for too long", Position(5, 3, 0), link(sent=5, sent_s=NOW_S - RESEND_S), Step.CHANGES),
    (
        "too much on its way",
        Position(9000, 1, 0),
        link(sent=1 + MAX_UNCONFIRMED, sent_s=NOW_S - 1),
        Step.WAIT,
    ),
    ("in step and never told so", Position(5, 5, 0), link(), Step.ROLL),
    ("told so just now", Position(5, 5, 0), link(rolled=5, rolled_s=NOW_S - 60), Step.WAIT),
    ("told so long ago", Position(5, 5, 0), link(rolled=5, rolled_s=NOW_S - ROLL_EVERY_S), Step.ROLL),
    ("change after change", Position(6, 6, 0), link(rolled=5, rolled_s=NOW_S - 0.5), Step.WAIT),
    ("a moment after the last change", Position(6, 6, 0), link(rolled=5, rolled_s=NOW_S - 6), Step.ROLL),
    ("below the floor", Position(9, 3, 7), link(), Step.NEW_SNAPSHOT),
    ("just at the floor", Position(9, 7, 7), link(), Step.CHANGES),
    ("nothing yet, and a long history", Position(9000, 0, 0, shorter_whole=True), link(), Step.NEW_SNAPSHOT),
    ("more parts to come", Position(9, 3, 9), link(awaited=9, parts_left=2, part_s=NOW_S - 1), Step.NEXT_PART),
    (
        "parts not too fast",
        Position(9, 3, 9),
        link(awaited=9, parts_left=2, part_s=NOW_S - PART_SPACING_S / 2),
        Step.WAIT,
    ),
    (
        "slower at the second attempt",
        Position(9, 3, 9),
        link(awaited=9, parts_left=2, attempts=2, part_s=NOW_S - 2 * PART_SPACING_S),
        Step.WAIT,
    ),
    (
        "large parts not faster than a line carries them",
        Position(9, 3, 9),
        link(awaited=9, parts_left=2, part_bytes=PART_BYTES_PER_S, part_s=NOW_S - 0.9),
        Step.WAIT,
    ),
    (
        "a large part once the one before is through",
        Position(9, 3, 9),
        link(awaited=9, parts_left=2, part_bytes=PART_BYTES_PER_S, part_s=NOW_S - 1.0),
        Step.NEXT_PART,
    ),
    ("all parts sent", Position(9, 3, 9), link(awaited=9, part_s=NOW_S - 1), Step.WAIT),
    (
        "all parts sent and no receipt",
        Position(9, 3, 9),
        link(awaited=9, part_s=NOW_S - SNAPSHOT_TIMEOUT_S),
        Step.NEW_SNAPSHOT,
    ),
    ("changes wait behind a snapshot", Position(12, 3, 9), link(awaited=9, part_s=NOW_S - 1), Step.WAIT),
    ("and follow it", Position(12, 9, 9), link(awaited=9, part_s=NOW_S - 1), Step.CHANGES),
    ("asks again and again", Position(13, 12, 13), link(part_s=NOW_S - 1), Step.WAIT),
]


@pytest.mark.parametrize(("at", "before", "step"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_sent_next(at: Position, before: Link, step: Step) -> None:
    assert next_step(at, before, NOW_S) is step


def test_after_a_silence_sending_starts_at_the_last_receipt() -> None:
    assert send_after(Position(9, 3, 0), link(sent=7, sent_s=NOW_S - 1), NOW_S) == 7
    assert send_after(Position(9, 3, 0), link(sent=7, sent_s=NOW_S - RESEND_S), NOW_S) == 3


WHOLE = {"awaited": 9, "part_s": NOW_S - 1, "parts_left": 2}
MANY = WHOLE | {"hidden_s": NOW_S - RESEND_S, "hide_goal": 11}
AHEAD = [
    ("the change comes at once", Position(5, 4, 0), link(), None),
    ("in step", Position(5, 5, 0), link(), None),
    ("on its way", Position(5, 4, 0), link(sent=5, sent_s=NOW_S - 1, hidden=5, hidden_s=NOW_S - 1), None),
    ("behind parts", Position(12, 3, 9), link(**WHOLE), 3),
    ("behind parts, said", Position(12, 3, 9), link(**WHOLE, hidden=12, hidden_s=NOW_S - 1), None),
    ("behind parts, a newer one", Position(13, 3, 9), link(**WHOLE, hidden=12, hidden_s=NOW_S - 1), 12),
    ("behind parts, said long ago", Position(12, 3, 9), link(**WHOLE, hidden=12, hidden_s=NOW_S - RESEND_S), 3),
    ("behind parts, the first said long ago, others to come", Position(12, 3, 9), link(**MANY, hidden=7), 7),
    ("behind parts, the first said long ago, and all since", Position(12, 3, 9), link(**MANY, hidden=11), 3),
    ("behind parts, one was said just now", Position(13, 3, 9), link(**WHOLE, hidden=12, hide_s=NOW_S - 0.1), None),
    ("before the whole list", Position(12, 3, 9), link(part_s=NOW_S - 1), 3),
    ("behind many changes", Position(5 + SOON, 4, 0), link(), 4),
]


@pytest.mark.parametrize(("at", "before", "after"), [row[1:] for row in AHEAD], ids=[row[0] for row in AHEAD])
def test_whom_to_hide_is_said_ahead_where_the_change_would_come_late(
    at: Position, before: Link, after: int | None
) -> None:
    assert hide_after(at, before, NOW_S) == after


def test_where_changes_turn_out_to_be_no_help_it_is_said_ahead() -> None:
    assert hide_after(Position(5, 4, 0), link(), NOW_S, changes_help=False) == 4


def test_who_lacks_little_goes_before_who_lacks_much_and_then_who_waited_longest() -> None:
    edges = {
        "short": (Position(5, 4, 0), link(sent_s=NOW_S)),
        "long, a while ago": (Position(5 + SOON, 4, 0), link(sent_s=NOW_S - 2)),
        "long, in parts, just now": (Position(12, 3, 9), link(awaited=9, part_s=NOW_S - 1)),
    }
    assert sorted(edges, key=lambda name: patience(*edges[name])) == list(edges)
