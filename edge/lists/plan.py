"""What a batch of changes comes to in the end: worked out once, then applied to disk and to memory alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from core.contract.ids import CheckpointId, ConsentId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.lists import (
    Change,
    EraseTemplates,
    NoChange,
    PutSubject,
    PutTemplate,
    PutVehicle,
    RemoveSubject,
    RemoveVehicle,
    RevokePass,
)
from core.contract.plate_digest import PlateDigest
from core.contract.vocabulary import Reason
from watchlists.face_index import Erasure, Template


@dataclass(frozen=True, slots=True)
class Grant:
    """Where and when somebody or something may pass: ``valid_from`` <= now < ``valid_until``."""

    checkpoints: frozenset[CheckpointId]
    valid_from: datetime
    valid_until: datetime | None

    def standing(self, checkpoint: CheckpointId, now: datetime) -> Reason:
        """LISTED, OUTSIDE_SCOPE or OUTSIDE_WINDOW."""
        if checkpoint not in self.checkpoints:
            return Reason.OUTSIDE_SCOPE
        if now < self.valid_from or (self.valid_until is not None and now >= self.valid_until):
            return Reason.OUTSIDE_WINDOW
        return Reason.LISTED


@dataclass(frozen=True, slots=True)
class RefusedTemplate:
    """A template that was sent and could not be opened: remembered, so that receipts keep saying so."""

    subject: SubjectKey
    consent: ConsentId


@dataclass(slots=True)
class Plan:
    """First everything ``removed`` and erased goes, then everything put comes: the same end as one change by one."""

    subjects: dict[SubjectKey, Grant] = field(default_factory=dict)
    removed_subjects: set[SubjectKey] = field(default_factory=set)
    templates: dict[TemplateId, Template] = field(default_factory=dict)
    refused: dict[TemplateId, RefusedTemplate] = field(default_factory=dict)
    replaced_templates: set[TemplateId] = field(default_factory=set)
    ended_consents: set[tuple[SubjectKey, ConsentId]] = field(default_factory=set)
    vehicles: dict[VehicleKey, tuple[PlateDigest, Grant]] = field(default_factory=dict)
    removed_vehicles: set[VehicleKey] = field(default_factory=set)
    revoked: set[PassId] = field(default_factory=set)

    @property
    def erasure(self) -> Erasure:
        """The templates that go."""
        return Erasure(
            frozenset(self.removed_subjects), frozenset(self.ended_consents), frozenset(self.replaced_templates)
        )

    @property
    def erases(self) -> bool:
        return bool(self.removed_subjects or self.ended_consents or self.replaced_templates)


def make_plan(
    changes: Iterable[Change],
    open_template: Callable[[PutTemplate], Template | None],
    digest: Callable[[str], PlateDigest],
) -> Plan:
    """Net effect of ``changes`` in their order. ``open_template`` gives None for one that can't be opened."""
    plan = Plan()
    for change in changes:
        match change:
            case PutSubject():
                plan.subjects[change.subject] = _grant(change)
            case RemoveSubject():
                plan.subjects.pop(change.subject, None)
                plan.removed_subjects.add(change.subject)
                _forget(plan, change.subject, None)
            case PutTemplate():
                _put_template(plan, change, open_template(change))
            case EraseTemplates():
                plan.ended_consents.add((change.subject, change.consent))
                _forget(plan, change.subject, change.consent)
            case PutVehicle():
                plan.vehicles[change.vehicle] = (digest(change.plate), _grant(change))
            case RemoveVehicle():
                plan.vehicles.pop(change.vehicle, None)
                plan.removed_vehicles.add(change.vehicle)
            case RevokePass():
                plan.revoked.add(change.pass_id)
            case NoChange():
                pass
    return plan


def _grant(change: PutSubject | PutVehicle) -> Grant:
    return Grant(frozenset(change.checkpoints), change.valid_from, change.valid_until)


def _put_template(plan: Plan, change: PutTemplate, template: Template | None) -> None:
    plan.replaced_templates.add(change.template_id)
    plan.templates.pop(change.template_id, None)
    plan.refused.pop(change.template_id, None)
    if template is None:
        plan.refused[change.template_id] = RefusedTemplate(change.subject, change.consent)
    else:
        plan.templates[change.template_id] = template


def _forget(plan: Plan, subject: SubjectKey, consent: ConsentId | None) -> None:
    """Take out of the plan what earlier changes of the same batch put there for ``subject`` (and ``consent``)."""
    for pending in (plan.templates, plan.refused):
        gone = [key for key, one in pending.items() if one.subject == subject and consent in {None, one.consent}]
        for key in gone:
            del pending[key]
