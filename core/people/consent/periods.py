"""How long things last: every period of the ledger, with where it comes from."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from core.people.consent.words import Scope

OFFER = timedelta(days=30)
"""A notice that nobody answered: after this the offer lapses. Our choice."""
NO_PROMPT_AFTER_DECLINE = timedelta(days=90)
"""Nobody who declined is asked again before. Network data regulation art. 22(5): no frequent re-asking."""
SUSPENDED_AT_MOST = timedelta(days=30)
"""Templates nobody may use have no purpose for longer. Our choice; PIPL art. 19."""
RECONSENT_GRACE = timedelta(days=30)
"""From the 14th birthday, templates locked all the while. Our choice; PIPL art. 31, face measures art. 7."""
ADULT = timedelta(days=365)
"""Then it has to be given anew, or earlier when the person's own validity ends. Face measures art. 8: shortest time."""
MINOR = timedelta(days=183)
"""The same for a child under 14: faces of children change, and their rules are stricter (PIPL art. 31)."""
MISSING_PERSON = timedelta(days=90)
"""A search that has to go on longer is consented to anew. Our choice, as long as a case lasts."""
CHINA_TIME = timezone(timedelta(hours=8))
"""The day somebody turns 14 begins here, whatever the server's clock shows."""


def turns_14(born: date) -> date:
    """The 14th birthday; of somebody born on 29 February, 1 March."""
    try:
        return born.replace(year=born.year + 14)
    except ValueError:
        return date(born.year + 14, 3, 1)


def is_under_14(turns_14_on: date | None, now: datetime) -> bool:
    """Whether a guardian has to consent. ``turns_14_on`` is known of children only."""
    return turns_14_on is not None and now.astimezone(CHINA_TIME).date() < turns_14_on


def longest(scope: Scope, *, minor: bool) -> timedelta:
    """How long a consent to that purpose stands at most."""
    if scope is Scope.FACE_MISSING_PERSON:
        return MISSING_PERSON
    return MINOR if minor else ADULT
