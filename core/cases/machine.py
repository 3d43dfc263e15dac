"""The states of a case: nobody is sought on one person's word, and nobody for ever."""

from __future__ import annotations

from enum import StrEnum

from core.errors import ConflictError

APPROVALS_NEEDED = 2


class CaseKind(StrEnum):
    MISSING_PERSON = "missing_person"
    CONTROLLED_VEHICLE = "controlled_vehicle"


class CaseState(StrEnum):
    REQUESTED = "requested"  # waits for approvals; no edge knows of it
    OPEN = "open"
    CLOSED = "closed"
    EXPIRED = "expired"


class CaseEvent(StrEnum):
    APPROVE_ENOUGH = "approve_enough"
    CLOSE = "close"
    EXPIRE = "expire"


_TRANSITIONS = {
    (CaseState.REQUESTED, CaseEvent.APPROVE_ENOUGH): CaseState.OPEN,
    (CaseState.REQUESTED, CaseEvent.CLOSE): CaseState.CLOSED,
    (CaseState.REQUESTED, CaseEvent.EXPIRE): CaseState.EXPIRED,
    (CaseState.OPEN, CaseEvent.CLOSE): CaseState.CLOSED,
    (CaseState.OPEN, CaseEvent.EXPIRE): CaseState.EXPIRED,
}


class CaseEndedError(ConflictError):
    """The case is over; a new one has to be requested."""


def after(state: CaseState, event: CaseEvent) -> CaseState:
    """The state ``event`` leads to. Raises CaseEndedError (or ConflictError for a case that is open already)."""
    following = _TRANSITIONS.get((state, event))
    if following is not None:
        return following
    if state is CaseState.OPEN:
        raise ConflictError("the case is open already: two people have approved it")
    raise CaseEndedError(f"the case is {state.value}; request a new one")
