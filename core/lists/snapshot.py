"""Everything an edge has to hold, in parts: for an edge that changes one by one can't bring up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.contract.ids import PassId, SnapshotId
from core.contract.lists import MAX_SNAPSHOT_PARTS, Change, ListSnapshotV1, RevokePass, SnapshotPart
from core.errors import CoreError
from core.lists import forms
from core.lists.forms import ReadPlate
from core.lists.places import checkpoints_of
from core.lists.render import MAX_BATCH_BYTES, MAX_CHANGES
from core.lists.sealer import ListSealer
from core.lists.told import consent_is_locked, one_view, open_cases, template_is_locked, told_templates
from core.storage.database import Database
from core.storage.schema import EdgeRow, PassRow, SealedTemplateRow, SubjectRow, VehicleRow

_PAGE = 500


class SnapshotTooLargeError(CoreError):
    """The edge would have to hold more than a snapshot can carry."""


class Snapshot:
    """One snapshot on its way: its parts, made one after the other from one view of the database.

    Memory: one part. The view stays open until ``close``, so that what changes meanwhile is left to later changes.
    One thread at a time.
    """

    def __init__(
        self,
        database: Database,
        sealer: ListSealer,
        read_plate: ReadPlate,
        now: datetime,
        new_id: Callable[[datetime], SnapshotId],
    ) -> None:
        """Raises SnapshotTooLargeError, and what ``new_id`` raises."""
        self._sealer = sealer
        self._open = ExitStack()
        try:
            db = self._open.enter_context(one_view(database))
            head = select(EdgeRow.list_head).where(EdgeRow.id == sealer.edge)
            self.version = db.scalars(head).one()
            self.id = new_id(now)
            self.part = 0
            self.parts = _checked(sum(1 for _ in in_parts(everything(db, sealer.edge, read_plate, now))), sealer.edge)
            self._remaining = in_parts(everything(db, sealer.edge, read_plate, now))
        except BaseException:
            self._open.close()
            raise

    def next_part(self) -> ListSnapshotV1:
        """The part after the last one; only while ``part`` is below ``parts``."""
        changes = next(self._remaining)
        self.part += 1
        return self._sealer.part(
            SnapshotPart(
                edge=self._sealer.edge,
                snapshot_id=self.id,
                version=self.version,
                part=self.part,
                parts=self.parts,
                changes=tuple(changes),
            )
        )

    def close(self) -> None:
        self._open.close()


def _checked(parts: int, edge: str) -> int:
    if parts > MAX_SNAPSHOT_PARTS:
        raise SnapshotTooLargeError(
            f"the list of edge '{edge}' has {parts} parts and at most {MAX_SNAPSHOT_PARTS} can be sent; "
            "spread its checkpoints over several edges"
        )
    return parts


def in_parts(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """``changes`` cut as batches are; one empty part when there are none."""
    part: list[Change] = []
    size_bytes = 0
    for change in changes:
        change_bytes = len(change.model_dump_json())
        if part and (len(part) >= MAX_CHANGES or size_bytes + change_bytes > MAX_BATCH_BYTES):
            yield part
            part, size_bytes = [], 0
        part.append(change)
        size_bytes += change_bytes
    yield part


def everything(db: Session, edge: str, read_plate: ReadPlate, now: datetime) -> Iterator[Change]:
    """Whatever ``edge`` has to hold: puts, locks, and the passes that were taken back and have not ended at ``now``."""
    here = checkpoints_of(db, edge)
    for people in _pages(db, select(SubjectRow).where(SubjectRow.removed_at.is_(None)), SubjectRow.key):
        cases = open_cases(db, {row.key for (row,) in people})
        yield from filter(None, (forms.put_subject(row, here, cases.get(row.key)) for (row,) in people))
    consents = told_templates(edge, SealedTemplateRow.subject, SealedTemplateRow.consent_id)
    for row in db.execute(consents.where(consent_is_locked()).distinct()):
        yield forms.lock(row.subject, row.consent_id)
    templates = told_templates(edge, SealedTemplateRow, template_is_locked())
    for page in _pages(db, templates, SealedTemplateRow.template_id):
        for template, locked in page:
            yield forms.put_template(template)
            if locked:
                yield forms.lock(template.subject, template.consent_id, template.template_id)
    for vehicles in _pages(db, select(VehicleRow), VehicleRow.key):
        cases = open_cases(db, {row.key for (row,) in vehicles})
        put = (forms.put_vehicle(row, here, cases.get(row.key), read_plate) for (row,) in vehicles)
        yield from filter(None, put)
    revoked = select(PassRow).where(PassRow.revoked_at.is_not(None), PassRow.valid_until > now)
    for passes in _pages(db, revoked, PassRow.id):
        yield from (RevokePass(pass_id=PassId(row.id)) for (row,) in passes)


def _pages(db: Session, query: Select[Any], key: InstrumentedAttribute[str]) -> Iterator[Sequence[Any]]:
    """The rows of ``query`` by ``key``, which is unique among them, a page at a time; first column: the keyed row."""
    last = ""
    while page := db.execute(query.where(key > last).order_by(key).limit(_PAGE)).all():
        yield page
        last = getattr(page[-1][0], key.key)
