"""Why the ledger refuses."""

from __future__ import annotations

from datetime import datetime

from core.errors import ConflictError, InvalidError, NotFoundError


class ConsentNotFoundError(NotFoundError):
    """There is no such consent."""


class ConsentEndedError(ConflictError):
    """The consent has ended already."""


class NoConsentError(ConflictError):
    """The person has not consented to face recognition, or no longer."""


class AskedTooSoonError(ConflictError):
    """The person declined, and is not asked again before ``until`` unless they come by themselves."""

    def __init__(self, until: datetime) -> None:
        super().__init__(
            f"the person declined; ask again from {until.date().isoformat()}, not earlier, unless they come by "
            "themselves (then record it so: 'reopened', --reopened)"
        )
        self.until = until


class GuardianNeededError(ConflictError):
    """Only a guardian can consent to this."""


class GuardianDetailsError(InvalidError):
    """Who the guardian is, is missing or contradicts the rest."""
