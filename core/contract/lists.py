"""Lists on their way to an edge: numbered changes, sealed to that edge, acknowledged by number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from core.contract.base import Instant, Message
from core.contract.events import PlateText
from core.contract.ids import (
    CheckpointId,
    ConsentId,
    EdgeId,
    ModelId,
    PassId,
    SnapshotId,
    SubjectKey,
    TemplateId,
    VehicleKey,
)
from core.contract.signed import Recipient
from core.contract.vocabulary import SubjectKind, VehicleKind

MAX_SNAPSHOT_PARTS = 10_000
MAX_HIDDEN = 500
"""People named in one message of those to hide."""
Signature = Annotated[str, Field(max_length=88)]
"""Ed25519, base64."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PutSubject(Message):
    """A person who may use some checkpoints from now on, or with other conditions than before."""

    op: Literal["put_subject"] = "put_subject"
    subject: SubjectKey
    kind: SubjectKind
    checkpoints: Annotated[tuple[CheckpointId, ...], Field(max_length=1000)]
    valid_from: Instant
    valid_until: Instant | None = None


class RemoveSubject(Message):
    """A person who may no longer use any: goes with every template of theirs."""

    op: Literal["remove_subject"] = "remove_subject"
    subject: SubjectKey


class PutTemplate(Message):
    """A template, only ever together with the consent it rests on; readable by the one edge it is sealed to."""

    op: Literal["put_template"] = "put_template"
    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    sealed_base64: Annotated[str, Field(max_length=16_384)]


class EraseTemplate(Message):
    """One template is destroyed (a newer one took its place); the consent and its other templates stay."""

    op: Literal["erase_template"] = "erase_template"
    template_id: TemplateId


class LockTemplates(Message):
    """Kept, but found by nobody until unlocked: the consent is suspended or due again, or a template is disputed.

    ``template_id`` None: every template of the consent, also those that come later.
    """

    op: Literal["lock_templates"] = "lock_templates"
    subject: SubjectKey
    consent: ConsentId
    template_id: TemplateId | None = None


class UnlockTemplates(Message):
    """Undoes the ``LockTemplates`` with the same three ids; the other lock, if there is one, stays."""

    op: Literal["unlock_templates"] = "unlock_templates"
    subject: SubjectKey
    consent: ConsentId
    template_id: TemplateId | None = None


class ResealTemplate(Message):
    """Seal your copy of a template for other edges too: they were added later, and only an edge can read one.

    Answered with a ``TemplateSealedV1`` of the same template; nothing if the template is not held (any more).
    """

    op: Literal["reseal_template"] = "reseal_template"
    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=64)]


class EraseTemplates(Message):
    """Consent ended: every template that rests on it is destroyed, at once. Other ways in stay open."""

    op: Literal["erase_templates"] = "erase_templates"
    subject: SubjectKey
    consent: ConsentId


class PutVehicle(Message):
    op: Literal["put_vehicle"] = "put_vehicle"
    vehicle: VehicleKey
    kind: VehicleKind
    plate: PlateText
    checkpoints: Annotated[tuple[CheckpointId, ...], Field(max_length=1000)]
    valid_from: Instant
    valid_until: Instant | None = None


class RemoveVehicle(Message):
    op: Literal["remove_vehicle"] = "remove_vehicle"
    vehicle: VehicleKey


class RevokePass(Message):
    op: Literal["revoke_pass"] = "revoke_pass"
    pass_id: PassId


class NoChange(Message):
    """Stands where a change has been overtaken (a template erased before it was sent): numbers stay contiguous."""

    op: Literal["no_change"] = "no_change"


Change = Annotated[
    PutSubject
    | RemoveSubject
    | PutTemplate
    | EraseTemplate
    | EraseTemplates
    | LockTemplates
    | UnlockTemplates
    | ResealTemplate
    | PutVehicle
    | RemoveVehicle
    | RevokePass
    | NoChange,
    Field(discriminator="op"),
]


class ChangeBatch(Message):
    """Changes ``first`` .. ``first + len(changes) - 1`` of one edge's list, in order."""

    edge: EdgeId
    first: Annotated[int, Field(ge=1)]
    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=500)]

    @property
    def last(self) -> int:
        return self.first + len(self.changes) - 1


class SnapshotPart(Message):
    """One part of everything an edge has to hold at ``version``: the parts together replace what it held.

    Only puts and locks (and revocations) stand in a snapshot; what is in none of its parts is gone, templates included.
    """

    edge: EdgeId
    snapshot_id: SnapshotId
    version: Annotated[int, Field(ge=0)]
    part: Annotated[int, Field(ge=1)]
    parts: Annotated[int, Field(ge=1, le=MAX_SNAPSHOT_PARTS)]
    changes: Annotated[tuple[Change, ...], Field(max_length=500)]


class Hidden(Message):
    """A person to be found by no face, whatever the lists say, until change ``until`` of the list is applied."""

    subject: SubjectKey
    until: Annotated[int, Field(ge=1)]


class HideBatch(Message):
    """People whose consent ended or rests, told ahead of the changes that say so.

    Taking away is harmless out of order: it moves no number, proves nothing, and is over with the change itself.
    """

    edge: EdgeId
    hidden: Annotated[tuple[Hidden, ...], Field(min_length=1, max_length=MAX_HIDDEN)]

    @property
    def last(self) -> int:
        """The highest number that lifts one of them."""
        return max(one.until for one in self.hidden)


class ListDeltaV1(Message):
    """A ``ChangeBatch`` as it travels: sealed (HPKE, see ``core.contract.sealing``) to the edge's key.

    Anybody can seal to a public key, so the core signs what it sealed (``core.contract.signed.list_claim``).
    """

    kind: Literal["delta"] = "delta"
    edge: EdgeId
    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    sealed_base64: Annotated[str, Field(max_length=8_000_000)]
    signature_base64: Signature


class ListSnapshotV1(Message):
    """A ``SnapshotPart`` as it travels, sealed and signed (``part_claim``) like a delta."""

    kind: Literal["snapshot"] = "snapshot"
    edge: EdgeId
    snapshot_id: SnapshotId
    version: Annotated[int, Field(ge=0)]
    part: Annotated[int, Field(ge=1)]
    parts: Annotated[int, Field(ge=1, le=MAX_SNAPSHOT_PARTS)]
    sealed_base64: Annotated[str, Field(max_length=8_000_000)]
    signature_base64: Signature


class ListRollV1(Message):
    """The consent snapshot of one edge: at number ``version`` it holds these templates and no others (``roll_claim``).

    digest: of every template the edge was told (``core.contract.roll``). Only such a statement, signed and in step
    with what the edge holds, keeps face recognition on; without one for 24 h it goes off.
    """

    kind: Literal["roll"] = "roll"
    edge: EdgeId
    version: Annotated[int, Field(ge=0)]
    templates: Annotated[int, Field(ge=0)]
    digest: Digest
    at: Instant
    signature_base64: Signature


class ListHideV1(Message):
    """A ``HideBatch`` as it travels, sealed and signed (``hide_claim``) like a delta. last: as in the batch.

    Said while an edge is being sent its whole list, or many changes: an erasure takes effect before its turn comes.
    """

    kind: Literal["hide"] = "hide"
    edge: EdgeId
    last: Annotated[int, Field(ge=1)]
    sealed_base64: Annotated[str, Field(max_length=200_000)]
    signature_base64: Signature


ListMessage = Annotated[ListDeltaV1 | ListSnapshotV1 | ListRollV1 | ListHideV1, Field(discriminator="kind")]
"""What the core says on an edge's list topic."""


class ListReceiptV1(Message):
    """What the edge holds: every change up to ``version`` is applied and durable; sent on connect and after each.

    Signed by the edge (``receipt_claim``): once its version reaches the number of an erasure, it proves that erasure.
    digest: of the templates held, as in ``ListRollV1``; erased: consents that the core put templates of here although
    this edge has seen them end (a core that came back from a backup learns from it); ``problem`` says why the edge
    can't go on from there, in words without personal data; wants_snapshot: deltas can't help, send everything.
    """

    edge: EdgeId
    version: Annotated[int, Field(ge=0)]
    at: Instant
    templates: Annotated[int, Field(ge=0)]
    digest: Digest | None = None
    erased: Annotated[tuple[ConsentId, ...], Field(max_length=1000)] = ()
    problem: Annotated[str, Field(max_length=300)] | None = None
    wants_snapshot: bool = False
    folded: bool = True
    """False while what was erased may still stand in the log of the edge's database: then nothing is proved yet."""
    signature_base64: Signature | None = None


LIST_MESSAGES: TypeAdapter[ListMessage] = TypeAdapter(ListMessage)
