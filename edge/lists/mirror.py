"""The edge's mirror of its lists: takes numbered deltas, answers decisions, proves what it holds by receipts."""

from __future__ import annotations

import base64
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from core.contract.ids import CheckpointId, EdgeId, ModelId, PassId, SubjectKey, VehicleKey
from core.contract.lists import ChangeBatch, ListDeltaV1, ListReceiptV1, PutTemplate
from core.contract.plate_digest import PlateHasher
from core.contract.sealing import LIST_INFO, TEMPLATE_INFO, SealError, fingerprint, unseal
from core.contract.signed import ClaimError, QrPass, list_claim, verify_list, verify_pass
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from edge.keys import EdgeKeys, edge_dir
from edge.lists.plain_template import TemplateFormatError, unpack
from edge.lists.plan import make_plan
from edge.lists.roster import Roster
from edge.lists.store import ListStore
from edge.lists.vault import WRAPPING_PURPOSE, Vault
from models.types import Float
from watchlists.face_index import FaceIndex, Template
from watchlists.plates.index import PlateIndex
from watchlists.thresholds import Calibration

log = structlog.get_logger()

LIST_FILE = "lists.db"
PLATE_PURPOSE = b"anju/edge/plate/v1"
CONTACT_WRITTEN_EVERY = timedelta(minutes=1)
"""A sign of the core is written down at most this often; after a power cut the lists look at most this much older."""
CLOCK_TOLERANCE = timedelta(minutes=10)
"""A contact further in the future than this means that the clock jumped: how old the lists are, nobody knows then."""


class ListRefusedError(ValueError):
    """A delta can't be applied as a whole; the text goes into the receipt."""


class UnsignedListError(ListRefusedError):
    """The list is not the core's: whoever sent it says nothing about how complete ours is."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class ListMirror:
    """Implements ``edge.ports``' Gallery, ListView and PassReader over what the core sent this edge.

    ``apply`` may be called from one thread while any number of others ask: answers come from immutable states that are
    swapped after the change is on disk. What ``apply`` has acknowledged as erased is found by nobody.
    """

    def __init__(
        self,
        state_dir: Path,
        edge: EdgeId,
        keys: EdgeKeys,
        *,
        core_public_key: Ed25519PublicKey,
        gallery: FaceIndex,
        calibration: Calibration,
        fresh_for: timedelta,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open what is on disk and load it into ``gallery`` (empty, of the embedder's model).

        fresh_for: how long faces may be recognised without a sign of the core.
        Raises ListStoreError, WrongSiteKeyError.
        """
        self._edge = edge
        self._keys = keys
        self._core_public_key = core_public_key
        self._gallery = gallery
        self._calibration = calibration
        self._fresh_for = fresh_for
        self._clock = clock
        self._writer = threading.RLock()
        self._hasher = PlateHasher(keys.derive(PLATE_PURPOSE))
        self._plates = PlateIndex(self._hasher)
        self._store = ListStore(edge_dir(state_dir, edge) / LIST_FILE, Vault(keys.derive(WRAPPING_PURPOSE), edge))
        gallery.update(enrol=self._store.templates(gallery.model))
        self._plates.update(put=self._store.plates())
        self._roster: Roster = self._store.roster()
        self._version = self._store.version
        self._contact = self._contact_on_disk = self._store.contact
        self._kept, self._foreign, self._refused = self._store.count(gallery.model)
        self._unfolded = False
        self._behind = False
        log.info("lists.opened", version=self._version, templates=self._kept, problem=self._problems())

    def close(self) -> None:
        with self._writer:
            self._store.close()

    # ListView

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        return self._roster.subject_standing(subject, checkpoint, now)

    def vehicle_standing(
        self, plate: str, checkpoint: CheckpointId, now: datetime, confidences: Sequence[float] = ()
    ) -> tuple[Reason, VehicleKey | None]:
        return self._roster.vehicle_standing(self._plates.find(plate, confidences), checkpoint, now)

    def pass_revoked(self, pass_id: PassId) -> bool:
        return pass_id in self._roster.revoked

    def recogniser_may_run(self, now: datetime) -> bool:
        contact = self._contact
        return contact is not None and -CLOCK_TOLERANCE <= now - contact <= self._fresh_for

    # Gallery

    @property
    def model(self) -> ModelId:
        return self._gallery.model

    @property
    def verify_threshold(self) -> float:
        return self._calibration.verify

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        match = self._gallery.search(self.model, probes, self._roster.eligible(checkpoint, now))
        if match is None:
            return None
        threshold = self._calibration.identify_at(match.searched)
        return FaceMatch(match.subject, match.score, match.margin, threshold.cosine, match.template_id)

    def compare(self, subject: SubjectKey, probes: Float) -> float | None:
        return self._gallery.compare(self.model, subject, probes)

    def enrolled(self, subject: SubjectKey) -> bool:
        """True when ``subject`` has a template here: without one there is no leave to look at their face."""
        return self._gallery.has(subject)

    # CaseView: which lists somebody is on is not kept here yet, so nobody is sought

    def sought(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:  # noqa: ARG002
        return None

    def controlled(self, plate: str, checkpoint: CheckpointId, now: datetime) -> VehicleKey | None:  # noqa: ARG002
        return None

    # PassReader

    def verify(self, text: str) -> QrPass | None:
        try:
            return verify_pass(text, self._core_public_key)
        except ClaimError:
            return None

    # The core's side

    @property
    def version(self) -> int:
        """Number of the last change applied."""
        return self._version

    def touch(self, now: datetime) -> None:
        """The core gave a sign of life (an acknowledgement): the lists are as fresh as ``now``.

        Not while a change of the core's could not be applied here: it may be somebody's erasure.
        """
        with self._writer:
            if self._unfolded:
                self._fold_log()
            if self._behind:
                return
            self._contact = now
            on_disk = self._contact_on_disk
            if on_disk is not None and abs(now - on_disk) < CONTACT_WRITTEN_EVERY:
                return
            try:
                self._store.record_contact(now)
            except sqlite3.Error as error:
                log.warning("lists.contact_not_written", error=_sqlite_code(error))
                return
            self._contact_on_disk = now

    def counts(self) -> Mapping[str, int]:
        """How the lists are, by the names of ``edge.health.LIST_COUNTS``."""
        return {"lists.thresholds_stale": int(self._calibration.standing(self._kept).state == "stale")}

    def receipt(self, problem: str | None = None) -> ListReceiptV1:
        """What this edge holds now, durably."""
        with self._writer:
            return ListReceiptV1(
                edge=self._edge,
                version=self._version,
                at=self._clock(),
                templates=self._kept + self._foreign,
                problem=(problem or self._problems() or "")[:300] or None,
            )

    def apply(self, delta: ListDeltaV1) -> ListReceiptV1:
        """Apply ``delta`` as a whole or not at all, and say what the edge holds afterwards.

        Numbers already held are ignored; a gap changes nothing, and the receipt's version tells the core what to send.
        A template that can't be opened is left out and reported, so that it can't hold up an erasure behind it.
        """
        with self._writer:
            if delta.edge == self._edge and delta.last <= self._version:
                return self.receipt()
            if delta.edge == self._edge and delta.first > self._version + 1:
                log.info("lists.gap", held=self._version, first=delta.first)
                return self.receipt()
            try:
                self._apply(self._open(delta))
            except ListRefusedError as error:
                self._behind |= not isinstance(error, UnsignedListError)
                log.warning("lists.refused", first=delta.first, last=delta.last, problem=str(error))
                return self.receipt(str(error))
            except sqlite3.Error as error:
                self._behind = True
                code = _sqlite_code(error)
                log.warning("lists.not_stored", first=delta.first, last=delta.last, error=code)
                return self.receipt(f"the list could not be stored ({code}): check this edge's disk space")
            return self.receipt()

    def _open(self, delta: ListDeltaV1) -> ChangeBatch:
        if delta.edge != self._edge:
            raise ListRefusedError(f"a list for edge {delta.edge} arrived here: check the topics it was published to")
        try:
            sealed = _bytes(delta.sealed_base64)
            claim = list_claim(delta.edge, delta.first, delta.last, sealed)
            verify_list(claim, delta.signature_base64, self._core_public_key)
            batch = ChangeBatch.model_validate_json(unseal(sealed, self._keys.private, LIST_INFO))
        except ClaimError as error:
            raise UnsignedListError(f"{error}: compare the .pub file here with the core's") from None
        except SealError:
            key = fingerprint(self._keys.private.public_key())
            raise ListRefusedError(
                f"the list was sealed for another key or damaged: approve this edge's key {key} in the core"
            ) from None
        except ValidationError:
            raise ListRefusedError("the list has a form this edge does not know: upgrade the edge") from None
        if (batch.edge, batch.first, batch.last) != (delta.edge, delta.first, delta.last):
            raise ListRefusedError("what is sealed inside the list is not what its outside says")
        return batch

    def _apply(self, batch: ChangeBatch) -> None:
        plan = make_plan(batch.changes[self._version + 1 - batch.first :], self._open_template, self._hasher.digest)
        now = self._clock()
        self._store.write(plan, batch.last, now)
        self._version = batch.last
        self._contact = self._contact_on_disk = now
        self._behind = False
        own = [template for template in plan.templates.values() if template.model == self.model]
        self._gallery.update(plan.erasure, own)
        self._plates.update(plan.removed_vehicles, {key: digest for key, (digest, _) in plan.vehicles.items()})
        self._roster = self._roster.after(plan)
        self._kept, self._foreign, self._refused = self._store.count(self.model)
        if plan.erases or self._unfolded:
            self._fold_log()
        log.info("lists.applied", version=self._version, changes=len(batch.changes), templates=self._kept)

    def _fold_log(self) -> None:
        self._unfolded = True
        try:
            self._store.fold_log()
        except sqlite3.Error as error:
            log.warning("lists.log_not_folded", error=_sqlite_code(error))
            return
        self._unfolded = False

    def _open_template(self, change: PutTemplate) -> Template | None:
        try:
            template = unpack(unseal(_bytes(change.sealed_base64), self._keys.private, TEMPLATE_INFO))
        except (SealError, TemplateFormatError) as error:
            log.warning("lists.template_refused", why=str(error))
            return None
        said = (change.template_id, change.subject, change.consent, change.model)
        if said != (template.template_id, template.subject, template.consent, template.model):
            log.warning("lists.template_refused", why="the sealed ids are not those of the change")
            return None
        if template.model == self.model and len(template.vector) != self._gallery.dimension:
            log.warning("lists.template_refused", why="wrong dimension")
            return None
        return template

    def _problems(self) -> str | None:
        parts = [
            (self._foreign, f"of another model than {self.model}: enrol these people again"),
            (self._refused, "could not be opened with this edge's key: enrol these people again"),
            (self._kept - len(self._gallery), "damaged on this edge's disk: enrol these people again"),
        ]
        problems = [f"{count} template(s) not loaded, {why}" for count, why in parts if count]
        if self._unfolded:
            problems.append("what was erased may still stand in the database's log: check this edge's disk space")
        return "; ".join(problems) or None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # no base64, or not even ASCII
        raise SealError("not base64") from None


def _sqlite_code(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
