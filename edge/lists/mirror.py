"""The edge's mirror of its lists: takes what the core says, answers decisions, proves what it holds by receipts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.contract.ids import CheckpointId, EdgeId, ModelId, PassId, SubjectKey, VehicleKey
from core.contract.list_opening import ListOpener, ListRefusedError, Said, UnsignedListError
from core.contract.lists import ListDeltaV1, ListHideV1, ListMessage, ListReceiptV1, ListRollV1, ListSnapshotV1
from core.contract.plate_digest import PlateHasher
from core.contract.signed import ClaimError, QrPass, verify_pass
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from edge.keys import EdgeKeys, edge_dir
from edge.lists import staging
from edge.lists.anchor import SUFFIX, Anchor, AnchorMark, is_older
from edge.lists.freshness import Doubt, RollSays, doubt_after_snapshot, is_fresh, judge, latest
from edge.lists.hiding import HiddenPeople
from edge.lists.memory import ListMemory
from edge.lists.plan import Plan, make_plan
from edge.lists.receipts import problems, signed_receipt
from edge.lists.store import ListStore
from edge.lists.template_opening import TemplateOpener
from edge.ports import Resealing
from models.types import Float
from watchlists.faces.change import Likeness
from watchlists.store.errors import StoreError
from watchlists.store.vault import Vault
from watchlists.thresholds import Calibration

log = structlog.get_logger()

LIST_FILE = "lists.db"
PLATE_PURPOSE = b"anju/edge/plate/v1"
WRAPPING_PURPOSE = b"anju/edge/templates/v2"
CONTACT_WRITTEN_EVERY = timedelta(minutes=1)
"""A roll is written down at most this often; after a power cut the lists look at most this much older."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class ListMirror:
    """Implements ``edge.ports``' Gallery, ListView, CaseView, PassReader and ListKeeper over what the core said.

    ``apply`` may be called from one thread while any number of others ask: answers come from immutable states that are
    swapped after the change is on disk. What a receipt has told as erased is found by nobody.
    """

    def __init__(
        self,
        state_dir: Path,
        edge: EdgeId,
        keys: EdgeKeys,
        *,
        core_public_key: Ed25519PublicKey,
        model: ModelId,
        dimension: int,
        calibration: Calibration,
        margin: float,
        fresh_for: timedelta,
        reseal: Resealing,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open what is on disk and load the faces of the embedder's ``model`` (``dimension`` numbers).

        margin: cosine by which the best subject has to beat the next; fresh_for: how long faces may be recognised after
        the core's last roll; reseal: first called by ``apply`` or ``receipt``, with templates to seal for other edges.
        Raises StoreError, WrongSiteKeyError.
        """
        self._edge = edge
        self._keys = keys
        self._core_public_key = core_public_key
        self._opener = ListOpener(edge, core_public_key, keys.private)
        self._templates = TemplateOpener(keys.private, model, dimension)
        self._calibration = calibration
        self._margin = margin
        self._fresh_for = fresh_for
        self._reseal = reseal
        self._clock = clock
        self._writer = threading.RLock()
        self._hasher = PlateHasher(keys.derive(PLATE_PURPOSE))
        self._counts: Counter[str] = Counter()
        self._unfolded = self._anchor_due = self._anchor_failed = False
        path = edge_dir(state_dir, edge) / LIST_FILE
        self._anchor = Anchor(path.with_suffix(SUFFIX))
        self._store = ListStore(path, Vault(keys.derive(WRAPPING_PURPOSE), edge))
        try:
            self._version = self._store.version
            self._hidden = HiddenPeople(self._store.hidden, self._version)
            self._contact, self._doubt = self._compare_with_anchor()
            self._contact_on_disk = self._contact
            self._rolls_from = self._store.rolls_from
            self._write_anchor()
            self._memory = ListMemory(self._store, self._hasher, model, dimension)
        except BaseException:
            self._store.close()
            raise
        log.info("lists.opened", version=self._version, templates=self._kept, problem=self._problems())

    def close(self) -> None:
        with self._writer:
            self._memory.close()
            self._store.close()

    # ListView

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        return self._memory.roster.subject_standing(subject, checkpoint, now)

    def vehicle_standing(
        self, plate: str, checkpoint: CheckpointId, now: datetime, confidences: Sequence[float] = ()
    ) -> tuple[Reason, VehicleKey | None]:
        found = self._memory.find_plate(plate, confidences)
        return self._memory.roster.vehicle_standing(found, checkpoint, now)

    def pass_revoked(self, pass_id: PassId) -> bool:
        return pass_id in self._memory.roster.revoked

    def recogniser_may_run(self, now: datetime) -> bool:
        return self._searchable and is_fresh(self._contact, now, self._fresh_for)

    # Gallery

    @property
    def model(self) -> ModelId:
        return self._memory.model

    @property
    def verify_threshold(self) -> float:
        return self._calibration.verify

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        """The best subject who may pass here now and reaches the threshold; None for unknown, or while in doubt."""
        roster = self._memory.roster
        return self._search(
            probes,
            self._memory.templates_at(checkpoint, sought=False),
            lambda subject: (
                subject not in self._hidden and roster.subject_standing(subject, checkpoint, now) is Reason.LISTED
            ),
        )

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        return self._memory.compare(subject, probes) if self._may_look_for(subject) else None

    def enrolled(self, subject: SubjectKey) -> bool:
        """True when ``subject`` has a template to compare with: without one there is no leave to look at their face."""
        return self._may_look_for(subject) and self._memory.has(subject)

    # CaseView

    def sought(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        """The missing person sought here now whose face this is: compared with nobody else, and nobody with them."""
        roster = self._memory.roster
        searched = self._memory.templates_at(checkpoint, sought=True)
        if not searched or not self.recogniser_may_run(now):
            return None
        return self._search(
            probes,
            searched,
            lambda subject: subject not in self._hidden and roster.seeks(subject, checkpoint, now),
        )

    def controlled(self, plate: str, checkpoint: CheckpointId, now: datetime) -> VehicleKey | None:
        return self._memory.roster.controlled(self._memory.find_controlled(plate), checkpoint, now)

    # PassReader

    def verify(self, text: str) -> QrPass | None:
        try:
            return verify_pass(text, self._core_public_key)
        except ClaimError:
            return None

    # ListKeeper

    @property
    def version(self) -> int:
        """Number of the last change applied."""
        return self._version

    def counts(self) -> Mapping[str, int]:
        """See ``edge.health.LIST_COUNTS``."""
        fast = self._memory.faces.state.phase == "fast"
        stale = self._calibration.standing(len(self._memory.faces)).state == "stale"
        now = {"index_fast": fast, "thresholds_stale": stale, "templates_locked": self._memory.tally.locked}
        names = ("rolls_behind", "rolls_missed", "rolls_refused", "snapshots_applied")
        return {f"lists.{name}": int(number) for name, number in now.items()} | {
            f"lists.{name}": self._counts[name] for name in names
        }

    def receipt(self) -> ListReceiptV1:
        """What this edge holds now, durably; what could not be finished before is tried again first."""
        with self._writer:
            self._finish()
            return self._receipt()

    def hide(self, message: ListHideV1) -> None:
        """Find nobody any more as those whom ``message`` names: at once, also while a snapshot is being applied.

        Kept in memory; ``apply`` brings it to disk, and answers where it is not the core's.
        """
        try:
            hidden = self._opener.hidden(message)
        except ListRefusedError:
            return
        self._hidden.hide(hidden)

    def apply(self, message: ListMessage) -> ListReceiptV1 | None:
        """Apply what the core said as a whole or not at all, and say what the edge holds afterwards.

        None where there is nothing to say: a roll that agrees, a part of a snapshot that is waiting for others.
        Numbers already held are ignored; a gap changes nothing, and the receipt's version tells the core what to send.
        A template that can't be opened is left out and reported, so that it can't hold up an erasure behind it.
        """
        with self._writer:
            self._finish()
            try:
                to_tell = self._take(message)
            except ListRefusedError as error:
                if isinstance(message, ListRollV1):
                    self._counts["rolls_refused"] += 1
                log.warning("lists.refused", kind=message.kind, problem=str(error))
                return self._receipt(str(error))
            except StoreError as error:
                log.warning("lists.not_stored", kind=message.kind, problem=str(error))
                return self._receipt(f"the list could not be stored: {error}")
            self._finish()
            return self._receipt() if to_tell else None

    def _take(self, message: ListMessage) -> bool:
        """True when the core should hear what is held now. Raises ListRefusedError, StoreError."""
        match message:
            case ListDeltaV1():
                self._take_delta(message)
                return True
            case ListSnapshotV1():
                return self._take_part(message)
            case ListRollV1():
                return self._take_roll(message)
            case ListHideV1():
                self._hidden.hide(self._opener.hidden(message))
                return False

    def _take_delta(self, delta: ListDeltaV1) -> None:
        if delta.edge == self._edge and delta.last <= self._version:
            return
        if delta.edge == self._edge and delta.first > self._version + 1:
            log.info("lists.gap", held=self._version, first=delta.first)
            return
        said = self._opener.delta(delta).after(self._version)
        plan = self._plan(said)
        written = self._store.write(plan, delta.last)
        self._version = delta.last
        self._anchor_due = True
        self._unfolded |= plan.erases
        self._memory.follow(plan, written)
        log.info("lists.applied", version=self._version, changes=len(said.changes), templates=self._kept)

    def _take_part(self, message: ListSnapshotV1) -> bool:
        self._opener.part(message)
        if message.part > message.parts:
            raise ListRefusedError(f"part {message.part} of a snapshot of {message.parts}")
        last, waiting = self._store.snapshot, self._store.staged()
        if last is not None and message.snapshot_id <= last:
            if message.snapshot_id < last:
                log.warning("lists.old_snapshot", advice="if this goes on, move lists.db away and start again")
            return True
        if waiting is not None and message.snapshot_id < waiting.snapshot_id:
            return False
        if not self._store.stage(message):
            return False
        self._take_snapshot(staging.of(message))
        return True

    def _take_snapshot(self, snapshot: staging.Snapshot) -> None:
        doubt = doubt_after_snapshot(self._doubt, self._version, snapshot.version)
        try:
            self._store.replace(self._plans(snapshot), snapshot, doubt)
        except ListRefusedError:
            self._store.drop_staged()
            raise
        self._version, self._doubt = snapshot.version, doubt
        self._anchor_due = self._unfolded = True
        self._counts["snapshots_applied"] += 1
        self._memory.rebuild()
        log.info("lists.replaced", version=self._version, templates=self._kept)

    def _plans(self, snapshot: staging.Snapshot) -> Iterator[Plan]:
        for message in self._store.staged_messages(self._edge, snapshot):
            yield self._plan(self._opener.part(message))

    def _plan(self, said: Said) -> Plan:
        return make_plan(
            said.changes,
            lambda change: self._templates.open(change, said.proof_of(change)),
            self._hasher.digest,
            self._store.has_ended,
        )

    def _take_roll(self, roll: ListRollV1) -> bool:
        self._opener.check_roll(roll)
        last = latest(self._contact, self._rolls_from)
        says = judge(roll, version=self._version, digest=self._memory.tally.text, last=last, now=self._clock())
        match says:
            case RollSays.SAME:
                return self._agreed(roll.at)
            case RollSays.DIFFERS:
                self._counts["rolls_behind"] += 1
                log.warning("lists.differ", version=self._version, advice="faces stay off until a snapshot has come")
                self._doubt, self._rolls_from = Doubt.DIFFERS, roll.at
                self._store.mark_differing(roll.at)
                return True
            case RollSays.OTHER_NUMBER:
                self._counts["rolls_missed"] += 1
                return True
            case RollSays.OLD:
                self._counts["rolls_refused"] += 1
                return self._doubt is not None  # so that the core says it anew
            case RollSays.CLOCK_WRONG:
                raise UnsignedListError("the core's roll is from the future: set the clocks of core and edge")

    def _agreed(self, at: datetime) -> bool:
        """These lists were the core's at ``at``. True when that was in doubt."""
        doubted = self._doubt is not None
        self._contact, self._doubt = at, None
        on_disk = self._contact_on_disk
        if doubted or on_disk is None or abs(at - on_disk) >= CONTACT_WRITTEN_EVERY:
            self._store.record(at, None)
            self._contact_on_disk = at
            self._anchor_due = True
        return doubted

    # What may have to wait: each is tried again with every receipt and every message

    def _finish(self) -> None:
        """Memory as the disk is, those hidden who have to be, the log folded, the anchor written, templates sealed for
        others."""
        if not self._memory.in_step:
            self._memory.rebuild()
        self._keep_hidden()
        self._fold_log()
        self._write_anchor()
        self._do_reseals()

    def _keep_hidden(self) -> None:
        """Only now that memory follows the changes may those they were about be looked for again."""
        self._hidden.reached(self._version)
        if not self._hidden.unsaved:
            return
        try:
            self._store.keep_hidden(self._hidden.to_save())
        except StoreError as error:
            log.warning("lists.hidden_not_stored", problem=str(error))
            self._hidden.not_saved()

    def _fold_log(self) -> None:
        if not self._unfolded:
            return
        try:
            self._store.fold_log()
        except StoreError as error:
            log.warning("lists.log_not_folded", problem=str(error))
        else:
            self._unfolded = False

    def _write_anchor(self) -> None:
        """Not while these lists are older than their anchor: it has to go on saying so, after a restart too."""
        if not self._anchor_due or self._doubt is Doubt.RESTORED:
            return
        try:
            mark = AnchorMark(database=self._store.database, changes=self._store.changes, contact=self._contact)
            self._anchor.write(mark)
        except (OSError, StoreError) as error:
            log.warning("lists.anchor_not_written", problem=str(error))
            self._anchor_failed = True
        else:
            self._anchor_due = self._anchor_failed = False

    def _do_reseals(self) -> None:
        try:
            for template_id, recipients in self._store.reseals():
                template = self._store.reopen(template_id)
                if template is not None:
                    self._reseal(template, recipients)
                self._store.reseal_done(template_id)
        except StoreError as error:
            log.warning("lists.not_resealed", problem=str(error))

    def _compare_with_anchor(self) -> tuple[datetime | None, Doubt | None]:
        """When the last roll came, and whether these lists are in doubt."""
        if self._store.is_new:
            self._anchor_due = True
            self._store.mark_new(self._clock())
            return None, None
        mark = self._anchor.read()
        contact, doubt = latest(mark.contact if mark is not None else None, self._store.contact), self._store.doubt
        if is_older(mark, self._store.database, self._store.changes):
            log.warning("lists.older_than_anchor", advice="faces stay off until the core has confirmed the lists")
            doubt = Doubt.RESTORED
            self._store.mark_restored(contact, self._clock())
        return contact, doubt

    # How it is

    @property
    def _searchable(self) -> bool:
        return self._doubt is None and self._memory.in_step

    def _may_look_for(self, subject: SubjectKey) -> bool:
        return self._searchable and subject not in self._hidden

    @property
    def _kept(self) -> int:
        return self._memory.tally.kept.total()

    def _search(self, probes: Float, searched: int, admits: Callable[[SubjectKey], bool]) -> FaceMatch | None:
        if not self._searchable:
            return None
        threshold = self._calibration.identify_at(searched).cosine
        match = self._memory.search(probes, threshold=threshold, margin=self._margin, admits=admits)
        if match is None:
            return None
        return FaceMatch(match.subject, match.score, match.margin, threshold, match.template_id)

    def _problems(self) -> str | None:
        return problems(
            self._memory.tally,
            self.model,
            damaged=self._memory.damaged,
            doubt=self._doubt,
            unfolded=self._unfolded,
            unanchored=self._anchor_failed,
        )

    def _receipt(self, problem: str | None = None) -> ListReceiptV1:
        receipt = ListReceiptV1(
            edge=self._edge,
            version=self._version,
            at=self._clock(),
            templates=self._kept,
            digest=self._memory.tally.text,
            erased=self._store.put_after_end(),
            folded=not self._unfolded,
            problem=(problem or self._problems() or "")[:300] or None,
            wants_snapshot=self._doubt is Doubt.DIFFERS or self._memory.damaged > 0,
        )
        return signed_receipt(receipt, self._keys.signing)
