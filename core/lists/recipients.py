"""Which edges may hold a person's templates: they compare faces where the person may pass, and may keep them at all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.contract.ids import EdgeId
from core.contract.signed import Recipient
from core.lists.places import FACE_KINDS
from core.people.consent.machine import ConsentState
from core.people.consent.words import Scope
from core.storage.schema import ConsentRow, EdgeRow, PlaceRow, SealedTemplateRow, SettingRow, SubjectRow

MAX_RECIPIENTS = 64
_PAGE = 500
_SITE_SERVERS = "lists.site_servers"


@dataclass(frozen=True, slots=True)
class Recipients:
    """The estate's edges as possible holders of templates, read once for many people.

    edge_of: by checkpoint, only those that compare faces; keys: approved key of every trusted edge.
    """

    edge_of: dict[str, str]
    site_servers: frozenset[str]
    keys: dict[str, str]

    @classmethod
    def read(cls, db: Session) -> Recipients:
        places = db.execute(select(PlaceRow.checkpoint, PlaceRow.edge_id).where(PlaceRow.kind.in_(FACE_KINDS)))
        trusted = select(EdgeRow.id, EdgeRow.approved_key_base64).where(
            EdgeRow.approved_key_base64.is_not(None), EdgeRow.approved_key_base64 == EdgeRow.key_base64
        )
        return cls(
            edge_of={row.checkpoint: row.edge_id for row in places},
            site_servers=site_servers(db),
            keys={row.id: row.approved_key_base64 or "" for row in db.execute(trusted)},
        )

    def allowed(self, checkpoints: Iterable[str], *, at_site_server: bool) -> frozenset[str]:
        """Edges that may hold templates of somebody with these checkpoints, whether trusted or not.

        The site's server, wherever its checkpoints are: always with a consent of its own, never without.
        """
        edges = frozenset(self.edge_of[one] for one in checkpoints if one in self.edge_of)
        return edges | self.site_servers if at_site_server else edges - self.site_servers

    def trusted(self, edges: Iterable[str]) -> list[Recipient]:
        """Those of ``edges`` that something can be sealed to, by id."""
        known = sorted(one for one in edges if one in self.keys)
        return [Recipient(edge=EdgeId(one), key_base64=self.keys[one]) for one in known]


def consents_to_site_server(db: Session, subjects: Collection[str]) -> frozenset[str]:
    """Those of ``subjects`` who want the site's server to hold their templates."""
    if not subjects:
        return frozenset()
    agreed = select(ConsentRow.subject).where(
        ConsentRow.scope == Scope.FACE_SITE_SERVER.value,
        ConsentRow.state == ConsentState.ACTIVE.value,
        ConsentRow.subject.in_(subjects),
    )
    return frozenset(db.scalars(agreed))


def allowed_edges(db: Session, subject: SubjectRow) -> frozenset[str]:
    """Edges that may hold templates of ``subject`` now, trusted or not."""
    wants = subject.key in consents_to_site_server(db, [subject.key])
    return Recipients.read(db).allowed(subject.checkpoints, at_site_server=wants)


def lacking(db: Session, template_id: str) -> list[Recipient]:
    """Trusted edges that may hold this template and have none, by id, at most ``MAX_RECIPIENTS``."""
    held = select(SealedTemplateRow.edge_id, SealedTemplateRow.subject)
    rows = db.execute(held.where(SealedTemplateRow.template_id == template_id)).all()
    subject = db.get(SubjectRow, rows[0].subject) if rows else None
    if subject is None:
        return []
    missing = allowed_edges(db, subject) - {row.edge_id for row in rows}
    return Recipients.read(db).trusted(missing)[:MAX_RECIPIENTS]


def site_servers(db: Session) -> frozenset[str]:
    """Edges that are the site's server, not a gate's box."""
    row = db.get(SettingRow, _SITE_SERVERS)
    return frozenset(json.loads(row.value)) if row is not None else frozenset()


def do_sync_site_servers(db: Session, config: EstateConfig) -> set[str]:
    """Remember which edges of ``config`` are the site's server; those that became it, or no longer are."""
    before, after = site_servers(db), frozenset(one.id for one in config.edges if one.holds == "site_server")
    if before != after:
        db.merge(SettingRow(name=_SITE_SERVERS, value=json.dumps(sorted(after))))
        db.flush()
    return set(before ^ after)


def forget_at(db: Session, edge: str, subject: str) -> None:
    """Delete the templates kept for one edge: the subject no longer passes there."""
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.edge_id == edge, SealedTemplateRow.subject == subject))


def forget_who_may_not_be_held(db: Session, edge: str) -> int:
    """Delete the templates kept for ``edge`` of people it may not hold (any more); how many people."""
    recipients, after, forgotten = Recipients.read(db), "", 0
    held = select(SealedTemplateRow.subject).where(SealedTemplateRow.edge_id == edge).distinct()
    while page := db.scalars(held.where(SealedTemplateRow.subject > after).order_by("subject").limit(_PAGE)).all():
        after = page[-1]
        wanting = consents_to_site_server(db, page)
        for row in db.scalars(select(SubjectRow).where(SubjectRow.key.in_(page))):
            if edge not in recipients.allowed(row.checkpoints, at_site_server=row.key in wanting):
                forget_at(db, edge, row.key)
                forgotten += 1
    return forgotten
