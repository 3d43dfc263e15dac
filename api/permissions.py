"""Who may do what: one small table that can be read aloud, and explains every "no"."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"


class Permission(StrEnum):
    """A thing somebody may do. The value stands in error answers and in the documentation."""

    WATCH = "watch"  # see alerts, passages, pictures, checkpoints, the live stream
    ACKNOWLEDGE = "acknowledge"  # answer an alert
    PEOPLE_READ = "people_read"  # see who may pass, and their consents
    PEOPLE_WRITE = "people_write"  # enter and remove people, vehicles and passes; record consent and its withdrawal
    CASES = "cases"  # ask for a missing person or a vehicle to be looked for, approve and close such cases
    DISPUTE = "dispute"  # say that somebody at a gate was not the person recognised
    VIDEO = "video"  # see live pictures and clips, saying why
    VIDEO_AUDIT = "video_audit"  # see who was let watch what, when and why
    EDGES_APPROVE = "edges_approve"  # trust an edge's key after comparing its fingerprint
    CLOCK_CONFIRM = "clock_confirm"  # say that the core's clock is right where the core doubts it


TABLE: Final[dict[Role, frozenset[Permission]]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.OPERATOR: frozenset(
        {Permission.WATCH, Permission.ACKNOWLEDGE, Permission.DISPUTE, Permission.VIDEO},
    ),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether accounts of ``role`` have ``permission``."""
    return permission in TABLE[role]


def explain(role: Role, permission: Permission) -> str:
    """Why ``role`` may or may not: one sentence for the answer and for the person asking."""
    holders = ", ".join(one.value for one in Role if may(one, permission)) or "nobody"
    verb = "may" if may(role, permission) else "may not"
    return f"role '{role.value}' {verb} '{permission.value}'; it belongs to: {holders}"
