"""The digest of a set of templates: core and edge each work it out, and must agree (consent snapshot, I2).

The sum modulo 2**256 of one SHA-256 per template, so that either side can keep it up to date change by change. Whoever
could choose templates freely might make two sets collide; only the core chooses them, and it signs the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from core.contract.ids import ConsentId, SubjectKey, TemplateId

_CONTEXT = b"anju/roll-entry/v1\0"
_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class RollEntry:
    """A template an edge was told. locked: by any lock (consent suspended or due again, template disputed)."""

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    locked: bool = False

    def term(self) -> int:
        """What this template adds to the digest."""
        said = f"{self.template_id}|{self.subject}|{self.consent}|{int(self.locked)}"
        return int.from_bytes(hashlib.sha256(_CONTEXT + said.encode()).digest(), "big")


def digest_of(entries: Iterable[RollEntry]) -> str:
    """64 hex digits; the order of ``entries`` does not matter."""
    return f"{sum(entry.term() for entry in entries) % _MODULUS:064x}"
