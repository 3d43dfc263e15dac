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
    SubjectKey,
    TemplateId,
    VehicleKey,
)
from core.contract.vocabulary import SubjectKind, VehicleKind


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
    PutSubject | RemoveSubject | PutTemplate | EraseTemplates | PutVehicle | RemoveVehicle | RevokePass | NoChange,
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


class ListDeltaV1(Message):
    """A ``ChangeBatch`` as it travels: sealed (HPKE, see ``core.contract.sealing``) to the edge's key.

    Anybody can seal to a public key, so the core signs what it sealed (``core.contract.signed.sign_list``).
    """

    edge: EdgeId
    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    sealed_base64: Annotated[str, Field(max_length=8_000_000)]
    signature_base64: Annotated[str, Field(max_length=88)]


class ListReceiptV1(Message):
    """What the edge holds: every change up to ``version`` is applied and durable; sent on connect and after each.

    ``problem`` says why the edge can't go on from there, in words without personal data.
    """

    edge: EdgeId
    version: Annotated[int, Field(ge=0)]
    at: Instant
    templates: Annotated[int, Field(ge=0)]
    problem: Annotated[str, Field(max_length=300)] | None = None


CHANGES: TypeAdapter[Change] = TypeAdapter(Change)
