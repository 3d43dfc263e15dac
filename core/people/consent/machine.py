"""The states of a consent, what leads from one to the next, and what each means for templates. Nothing but a table.

PIPL art. 14-16, 29, 31, 47; face measures art. 6-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from core.errors import ConflictError


class ConsentState(StrEnum):
    NONE = "none"  # never asked, or asked and never answered
    NOTICED = "noticed"  # the notice was shown; nothing is agreed
    DECLINED = "declined"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RECONSENT_DUE = "reconsent_due"  # a guardian's word no longer counts: the person is 14 and has to be asked
    SUPERSEDED = "superseded"  # what was agreed to is no longer what is done
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    PURGED = "purged"  # every edge has proved that it holds nothing any more


class ConsentEvent(StrEnum):
    NOTICE_SHOWN = "notice_shown"
    GRANT = "grant"
    DECLINE = "decline"
    EXPIRE_OFFER = "expire_offer"
    SUBJECT_REOPENS = "subject_reopens"
    WITHDRAW = "withdraw"
    SUBJECT_LEFT = "subject_left"
    EXPIRE = "expire"
    PURPOSE_CHANGE = "purpose_change"
    TURN14 = "turn14"
    SUSPEND = "suspend"
    RESUME = "resume"
    DEADLINE = "deadline"
    PURGE = "purge"


class Templates(StrEnum):
    """What a state means for the templates that rest on the consent (invariant I1)."""

    SEARCHABLE = "searchable"
    LOCKED = "locked"  # kept, and found by nobody
    ERASED = "erased"


_S, _E = ConsentState, ConsentEvent
TRANSITIONS: Mapping[tuple[ConsentState, ConsentEvent], ConsentState] = MappingProxyType(
    {
        (_S.NONE, _E.NOTICE_SHOWN): _S.NOTICED,
        (_S.NOTICED, _E.GRANT): _S.ACTIVE,
        (_S.NOTICED, _E.DECLINE): _S.DECLINED,
        (_S.NOTICED, _E.EXPIRE_OFFER): _S.NONE,
        (_S.DECLINED, _E.SUBJECT_REOPENS): _S.NOTICED,
        (_S.ACTIVE, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.ACTIVE, _E.SUBJECT_LEFT): _S.WITHDRAWN,
        (_S.ACTIVE, _E.EXPIRE): _S.EXPIRED,
        (_S.ACTIVE, _E.PURPOSE_CHANGE): _S.SUPERSEDED,
        (_S.ACTIVE, _E.TURN14): _S.RECONSENT_DUE,
        (_S.ACTIVE, _E.SUSPEND): _S.SUSPENDED,
        (_S.RECONSENT_DUE, _E.GRANT): _S.ACTIVE,
        (_S.RECONSENT_DUE, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.RECONSENT_DUE, _E.DEADLINE): _S.EXPIRED,
        (_S.SUSPENDED, _E.RESUME): _S.ACTIVE,
        (_S.SUSPENDED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.SUSPENDED, _E.DEADLINE): _S.EXPIRED,
        (_S.SUPERSEDED, _E.PURGE): _S.PURGED,
        (_S.WITHDRAWN, _E.PURGE): _S.PURGED,
        (_S.EXPIRED, _E.PURGE): _S.PURGED,
        (_S.PURGED, _E.NOTICE_SHOWN): _S.NOTICED,
    }
)
MEANING: Mapping[ConsentState, Templates] = MappingProxyType(
    dict.fromkeys(ConsentState, Templates.ERASED)
    | {
        _S.ACTIVE: Templates.SEARCHABLE,
        _S.SUSPENDED: Templates.LOCKED,
        _S.RECONSENT_DUE: Templates.LOCKED,
    }
)
STANDING = frozenset({_S.ACTIVE, _S.SUSPENDED, _S.RECONSENT_DUE})
"""States in which templates may be kept: searchable in the first, locked in the others."""
LOCKED = STANDING - {_S.ACTIVE}
ENDED = frozenset({_S.SUPERSEDED, _S.WITHDRAWN, _S.EXPIRED})
"""States in which every edge is asked to prove that it has erased; `PURGED` follows when all have."""
OVER = ENDED | {_S.PURGED}


BY_ITSELF = frozenset(
    {_E.EXPIRE_OFFER, _E.SUBJECT_LEFT, _E.EXPIRE, _E.PURPOSE_CHANGE, _E.TURN14, _E.DEADLINE, _E.PURGE}
)
"""Events that follow from something else; nobody at the desk causes them by asking for them."""


class IllegalTransitionError(ConflictError):
    """The consent is in a state in which this can't happen."""

    def __init__(self, state: ConsentState, event: ConsentEvent) -> None:
        can = ", ".join(one.value for one in possible(state) if one not in BY_ITSELF) or "nothing"
        super().__init__(f"the consent is '{state.value}': '{event.value}' can't happen; possible now: {can}")
        self.state, self.event = state, event


def possible(state: ConsentState) -> tuple[ConsentEvent, ...]:
    """What can happen to a consent in ``state``, in the order of the table."""
    return tuple(event for before, event in TRANSITIONS if before is state)


def next_state(state: ConsentState, event: ConsentEvent) -> ConsentState:
    """The state ``event`` leads to. Raises IllegalTransitionError."""
    after = TRANSITIONS.get((state, event))
    if after is None:
        raise IllegalTransitionError(state, event)
    return after
