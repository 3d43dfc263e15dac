"""Proof that a consent to face recognition stands. No template can be made without one (PIPL art. 29).

Nobody constructs a proof: it comes out of something the core signed (an enrolment ticket, a list), or out of what this
edge once verified and then kept under its own keys.
"""

from __future__ import annotations

from typing import Any, NoReturn, final

from core.contract.ids import ConsentId, SubjectKey


@final
class ActiveConsent:
    """Whose consent it is, and which. Immutable; two proofs of the same consent are equal.

    ``ActiveConsent(...)`` raises TypeError: ask ``core.contract.signed`` or ``watchlists.store`` for one.
    """

    __slots__ = ("consent", "subject")
    subject: SubjectKey
    consent: ConsentId

    def __new__(cls, *_args: object, **_kwargs: object) -> ActiveConsent:
        raise TypeError("a proof of consent can't be made up: verify a ticket or a list that the core signed")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a proof of consent does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a proof of consent does not change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ActiveConsent):
            return NotImplemented
        return (self.subject, self.consent) == (other.subject, other.consent)

    def __hash__(self) -> int:
        return hash((self.subject, self.consent))

    def __repr__(self) -> str:
        return f"ActiveConsent(subject={self.subject!r}, consent={self.consent!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a proof of consent is not carried from process to process: carry what was signed")


def vouch(subject: SubjectKey, consent: ConsentId) -> ActiveConsent:
    """The proof, for those modules alone that have just verified one (a test names them)."""
    proof = object.__new__(ActiveConsent)
    object.__setattr__(proof, "subject", subject)
    object.__setattr__(proof, "consent", consent)
    return proof
