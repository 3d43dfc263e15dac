"""From a template as the core relays it, sealed to this edge, to one that may be kept: opened, and its ids compared."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.contract.consent import ActiveConsent
from core.contract.ids import ModelId
from core.contract.lists import PutTemplate
from core.contract.sealing import TEMPLATE_INFO, SealError, unseal
from edge.lists.plain_template import TemplateFormatError, unpack
from watchlists.errors import MatchingError
from watchlists.faces.template import Template

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TemplateOpener:
    """private: the edge's key; model, dimension: of the faces that are searched here."""

    private: X25519PrivateKey
    model: ModelId
    dimension: int

    def open(self, change: PutTemplate, proof: ActiveConsent) -> Template | None:
        """The template of ``change``; None, and said why in the log, when it can't be opened or is another's."""
        try:
            plain = unpack(unseal(base64.b64decode(change.sealed_base64, validate=True), self.private, TEMPLATE_INFO))
            template = Template(change.template_id, proof, change.model, plain.vector)
        except (SealError, TemplateFormatError, MatchingError) as error:
            log.warning("lists.template_refused", why=str(error))
            return None
        except ValueError:  # no base64, or not even ASCII
            log.warning("lists.template_refused", why="not base64")
            return None
        said = (change.template_id, change.subject, change.consent, change.model)
        if said != (plain.template_id, plain.subject, plain.consent, plain.model):
            log.warning("lists.template_refused", why="the sealed ids are not those of the change")
            return None
        if template.model == self.model and len(template.vector) != self.dimension:
            log.warning("lists.template_refused", why="wrong dimension")
            return None
        return template
