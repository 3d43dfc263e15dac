"""Proofs of consent for tests that don't care how the core came to say so."""

from __future__ import annotations

from core.contract.consent import ActiveConsent, vouch
from core.contract.ids import ConsentId, SubjectKey, new_id


def standing_consent(subject: str | None = None, consent: str | None = None) -> ActiveConsent:
    """A consent that stands, of ``subject`` (a new one if left out)."""
    return vouch(SubjectKey(subject or new_id()), ConsentId(consent or new_id()))
