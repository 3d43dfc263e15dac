"""Sealing a template for the edges that need it: when somebody enrols, and again for edges that were added later."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.contract.events import SealedFor, TemplateSealedV1
from core.contract.sealing import TEMPLATE_INFO, fingerprint, parse_public_key, seal
from core.contract.signed import Recipient
from edge.health import Counters
from edge.lists.plain_template import pack
from edge.outbox import OutboxError
from edge.ports import Outbox
from watchlists.faces.template import Template

log = structlog.get_logger()


class RecipientError(ValueError):
    """A recipient's key is none that anything can be sealed to."""


def seal_for(template: Template, recipient: Recipient) -> SealedFor:
    """``template`` as only ``recipient`` can open it. Raises RecipientError."""
    try:
        key = parse_public_key(recipient.key_base64)
        sealed = seal(pack(template), key, TEMPLATE_INFO)
    except ValueError:  # no 32 bytes of base64, or a point of the curve that shares no secret
        raise RecipientError(f"the key of edge {recipient.edge} is none: approve that edge's key again") from None
    return SealedFor(
        edge=recipient.edge, key_fingerprint=fingerprint(key), sealed_base64=base64.b64encode(sealed).decode()
    )


def sealed_message(template: Template, quality: float | None, sealed: Sequence[SealedFor]) -> TemplateSealedV1:
    """What the core is told. quality: in [0, 1], None at an edge that only sealed its copy again."""
    return TemplateSealedV1(
        template_id=template.template_id,
        subject=template.subject,
        consent=template.consent,
        model=template.model,
        quality=quality,
        sealed=tuple(sealed),
    )


@dataclass(frozen=True, slots=True)
class Resealer:
    """`edge.ports.Resealing`: a failure is counted and logged, and the core asks again until it has its answer."""

    outbox: Outbox
    counters: Counters
    clock: Callable[[], datetime]

    def __call__(self, template: Template, recipients: Sequence[Recipient]) -> None:
        sealed = []
        for recipient in recipients:
            try:
                sealed.append(seal_for(template, recipient))
            except RecipientError as error:
                self.counters.add("reseals_refused")
                log.warning("lists.reseal_refused", problem=str(error))
        if not sealed:
            return
        try:
            self.outbox.append(sealed_message(template, None, sealed), self.clock())
        except OutboxError as error:
            self.counters.add("outbox_append_failed")
            log.warning("lists.reseal_not_stored", problem=str(error))
