"""What to send an edge next: decided from how far it is, and from what is on its way already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RESEND_S = 5.0
MAX_UNCONFIRMED = 2000
"""Changes on the way to one edge; above it the relay waits for a receipt."""
ROLL_EVERY_S = 600.0
ROLL_SPACING_S = 5.0
"""While change follows change the edge is told at most this often what they come to."""
PART_SPACING_S = 0.1
MAX_PART_SPACING_S = 2.0
PART_BYTES_PER_S = 2_500_000
"""20 Mbit/s: what an edge's line can't carry waits at the broker, and whoever is to be hidden behind it."""
SNAPSHOT_TIMEOUT_S = 30.0
"""A whole snapshot without the receipt it asks for within this time is sent anew, its parts further apart."""
SNAPSHOT_SPACING_S = 10.0
"""Between one snapshot that arrived and the next: an edge that asks again and again is not flooded."""
SOON = 100
"""So many unconfirmed changes arrive soon enough: behind more of them, ends of consents are told ahead."""
HIDE_SPACING_S = 0.2
"""Between two messages about whom to hide: while consent after consent ends, the list itself goes on."""
LONG_LOG = 2000
"""Changes that an edge which holds nothing would rather get as a snapshot, when that is shorter."""


class Step(StrEnum):
    WAIT = "wait"
    CHANGES = "changes"
    NEW_SNAPSHOT = "new_snapshot"
    NEXT_PART = "next_part"
    ROLL = "roll"


@dataclass(frozen=True, slots=True)
class Position:
    """How far an edge is, as the database knows. Changes up to ``floor`` can't be sent one by one.

    shorter_whole: the edge has nothing, and a snapshot is shorter than the changes.
    """

    head: int
    acked: int
    floor: int
    shorter_whole: bool = False


@dataclass(slots=True)
class Link:
    """What the relay knows of an edge that is there. Times are monotonic seconds.

    sent: highest number on its way, no receipt for it yet; version: of the last receipt; turn: counts fresh starts,
    so that a batch rendered before one is not taken for sent after it; rolled: number the last roll was about;
    parts_left, part_s, part_bytes: of the newest snapshot and its last part; awaited: its number, until a receipt
    reaches it; attempts: snapshots in a row that no receipt followed; hidden: up to this number it was told whom to
    hide, begun at ``hidden_s``, last at ``hide_s``; hide_goal: the head when that was begun.
    """

    sent: int = 0
    sent_s: float = 0.0
    version: int | None = None
    turn: int = 0
    problem_s: float = float("-inf")
    rolled: int = -1
    rolled_s: float = float("-inf")
    parts_left: int = 0
    part_s: float = float("-inf")
    part_bytes: int = 0
    awaited: int | None = None
    attempts: int = 0
    hidden: int = 0
    hidden_s: float = float("-inf")
    hide_s: float = float("-inf")
    hide_goal: int = 0

    def start_after(self, version: int) -> None:
        self.sent = version
        self.turn += 1
        self.hidden_s, self.hide_goal = float("-inf"), 0

    @property
    def part_spacing_s(self) -> float:
        usual_s = max(PART_SPACING_S, self.part_bytes / PART_BYTES_PER_S)
        return min(usual_s * 2.0**self.attempts, MAX_PART_SPACING_S)


def next_step(at: Position, link: Link, now_s: float) -> Step:
    """What to send now to the edge ``at`` this position.

    A snapshot is never overtaken by changes: they would find an edge that can't apply them yet.
    """
    if link.awaited is not None and at.acked < link.awaited:
        if link.parts_left > 0:
            return Step.NEXT_PART if now_s - link.part_s >= link.part_spacing_s else Step.WAIT
        return Step.NEW_SNAPSHOT if now_s - link.part_s >= SNAPSHOT_TIMEOUT_S else Step.WAIT
    if at.acked < at.floor or at.shorter_whole:
        return Step.NEW_SNAPSHOT if now_s - link.part_s >= SNAPSHOT_SPACING_S else Step.WAIT
    after = send_after(at, link, now_s)
    if after < at.head and after - at.acked < MAX_UNCONFIRMED:
        return Step.CHANGES
    if at.acked == at.head and _roll_is_due(at, link, now_s):
        return Step.ROLL
    return Step.WAIT


def hide_after(at: Position, link: Link, now_s: float, *, changes_help: bool = True) -> int | None:
    """The number above which consents that ended or rest are told ahead of their changes; None where there are none, or
    the changes themselves come soon enough.

    Again from the last receipt after ``RESEND_S``, but not before the last of those is told who were to be hidden when
    the first was: among many they would wait for ever.

    changes_help: False where it turned out that the list has to be sent whole.
    """
    told = max(link.hidden, at.acked)
    if told >= link.hide_goal and now_s - link.hidden_s >= RESEND_S:
        told = at.acked
    if told >= at.head or now_s - link.hide_s < HIDE_SPACING_S:
        return None
    comes_soon = at.head - at.acked <= SOON and next_step(at, link, now_s) is Step.CHANGES
    return None if comes_soon and changes_help else told


def patience(at: Position, link: Link) -> tuple[bool, float]:
    """Sort key: who lacks little first, and of those who lack much first who was sent nothing for longest."""
    lacks_much = at.head - at.acked > SOON or link.awaited is not None
    return lacks_much, max(link.sent_s, link.part_s) if lacks_much else 0.0


def send_after(at: Position, link: Link, now_s: float) -> int:
    """The number after which changes are sent: again from the last receipt when none came for too long."""
    return at.acked if now_s - link.sent_s >= RESEND_S else max(link.sent, at.acked)


def _roll_is_due(at: Position, link: Link, now_s: float) -> bool:
    since_s = now_s - link.rolled_s
    return since_s >= (ROLL_EVERY_S if link.rolled == at.head else ROLL_SPACING_S)
