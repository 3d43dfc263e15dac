"""One enrolment: ticket checked, portrait read, template sealed for every edge that needs it, and put in the outbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.contract.consent import ActiveConsent
from core.contract.events import TemplateSealedV1
from core.contract.ids import EdgeId, ModelId, TemplateId, new_id
from core.contract.signed import ClaimError, EnrolmentTicket, consent_of_ticket, verify_ticket
from edge.enrol.portrait import PortraitReader
from edge.enrol.refusals import EnrolmentRefusedError, RefusalReason
from edge.enrol.sealing import RecipientError, seal_for, sealed_message
from edge.enrol.tickets import TicketBook, TicketBookError
from edge.outbox import OutboxError
from edge.ports import Outbox
from watchlists.faces.template import Template

log = structlog.get_logger()

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How long after its expiry a ticket is still taken: the edge's clock may be ahead of the core's."""
QUALITY_DIGITS = 3


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """quality: in [0, 1]."""

    template_id: TemplateId
    quality: float


@dataclass(frozen=True, slots=True)
class Enroller:
    """Turns a ticket and a portrait into a sealed template, once. Thread-safe as far as its parts are."""

    edge: EdgeId
    core_public_key: Ed25519PublicKey
    reader: PortraitReader
    tickets: TicketBook
    outbox: Outbox
    clock: Callable[[], datetime] = utc_now

    def enrol(self, ticket_text: str, portrait: bytes) -> Enrolled:
        """Enrol the one face in ``portrait`` for the subject and consent of the ticket. Raises EnrolmentRefusedError.

        A refused picture leaves the ticket unused, so that the person can try another one. A ticket is marked used
        before the template is handed on: a power cut in between costs a new ticket, never a second template.
        """
        ticket, proof = self._check_ticket(ticket_text)
        read = self.reader.read(portrait)
        template = Template(TemplateId(new_id()), proof, ModelId(self.reader.embedder.model), read.vector)
        quality = round(read.quality, QUALITY_DIGITS)
        try:
            sealed = [seal_for(template, recipient) for recipient in ticket.recipients]
        except RecipientError as error:
            log.warning("enrolment.recipient_refused", problem=str(error))
            raise EnrolmentRefusedError(RefusalReason.TICKET_INVALID) from None
        self._hand_on(ticket, sealed_message(template, quality, sealed))
        log.info("enrolment.done", template=template.template_id, quality=quality, recipients=len(sealed))
        return Enrolled(template.template_id, quality)

    def _check_ticket(self, text: str) -> tuple[EnrolmentTicket, ActiveConsent]:
        """The ticket, and the consent that stood when the core signed it. Raises EnrolmentRefusedError."""
        try:
            ticket = verify_ticket(text, self.core_public_key)
            proof = consent_of_ticket(text, self.core_public_key)
        except ClaimError:
            raise EnrolmentRefusedError(RefusalReason.TICKET_INVALID) from None
        if ticket.edge != self.edge:
            raise EnrolmentRefusedError(RefusalReason.TICKET_OTHER_EDGE)
        if self.clock() > ticket.expires_at + CLOCK_TOLERANCE:
            raise EnrolmentRefusedError(RefusalReason.TICKET_EXPIRED)
        try:
            used = self.tickets.is_used(ticket.ticket_id)
        except TicketBookError as error:
            raise _not_stored(error) from None
        if used:
            raise EnrolmentRefusedError(RefusalReason.TICKET_USED)
        return ticket, proof

    def _hand_on(self, ticket: EnrolmentTicket, message: TemplateSealedV1) -> None:
        now = self.clock()
        try:
            if not self.tickets.use(ticket.ticket_id, ticket.expires_at, now):
                raise EnrolmentRefusedError(RefusalReason.TICKET_USED)
            try:
                self.outbox.append(message, now)
            except OutboxError:
                self.tickets.release(ticket.ticket_id)
                raise
        except (OutboxError, TicketBookError) as error:
            raise _not_stored(error) from None


def _not_stored(error: OutboxError | TicketBookError) -> EnrolmentRefusedError:
    log.warning("enrolment.not_stored", why=str(error))
    return EnrolmentRefusedError(RefusalReason.NOT_STORED)
