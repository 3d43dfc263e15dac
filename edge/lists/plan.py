"""What a batch of changes comes to in the end: worked out once, then applied to disk and to memory alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.contract.ids import CheckpointId, ConsentId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.lists import (
    Change,
    EraseTemplate,
    EraseTemplates,
    LockTemplates,
    NoChange,
    PutSubject,
    PutTemplate,
    PutVehicle,
    RemoveSubject,
    RemoveVehicle,
    ResealTemplate,
    RevokePass,
    UnlockTemplates,
)
from core.contract.plate_digest import PlateDigest
from core.contract.signed import Recipient
from core.contract.vocabulary import Reason, SubjectKind, VehicleKind
from watchlists.faces.template import Template


@dataclass(frozen=True, slots=True)
class Grant:
    """Where and when somebody or something may pass, or is sought: ``valid_from`` <= now < ``valid_until``."""

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
class Person:
    kind: SubjectKind
    grant: Grant


@dataclass(frozen=True, slots=True)
class Vehicle:
    kind: VehicleKind
    grant: Grant


class Refusal(StrEnum):
    """Why a template that was sent is not kept."""

    UNREADABLE = "unreadable"  # sealed for another key, damaged, or under other ids than it says
    ENDED = "ended"  # this edge has seen the consent it rests on end
    TOO_MANY = "too_many"  # more under one consent than are kept


@dataclass(frozen=True, slots=True)
class RefusedTemplate:
    """A template that was sent and is not kept: remembered, because the core counts it among those it told."""

    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    why: Refusal


@dataclass(frozen=True, slots=True)
class Lock:
    """template_id None: every template of the consent, also those that come later."""

    subject: SubjectKey
    consent: ConsentId
    template_id: TemplateId | None


@dataclass(slots=True)
class Plan:
    """First everything removed, erased and ended goes, then everything put comes, then locks fall into place, and at
    the very end templates are sealed anew: the same end as one change by one.

    erased_templates: single ones; replaced_templates: those that are sent (again), whose locks stay; ended_consents:
    their templates go, and by their tombstones none of them is ever taken again; locks: True where one is set, False
    where it is taken off.
    """

    subjects: dict[SubjectKey, Person] = field(default_factory=dict)
    removed_subjects: set[SubjectKey] = field(default_factory=set)
    templates: dict[TemplateId, Template] = field(default_factory=dict)
    refused: dict[TemplateId, RefusedTemplate] = field(default_factory=dict)
    erased_templates: set[TemplateId] = field(default_factory=set)
    replaced_templates: set[TemplateId] = field(default_factory=set)
    ended_consents: set[tuple[SubjectKey, ConsentId]] = field(default_factory=set)
    tombstones: set[ConsentId] = field(default_factory=set)
    locks: dict[Lock, bool] = field(default_factory=dict)
    reseals: dict[TemplateId, tuple[Recipient, ...]] = field(default_factory=dict)
    vehicles: dict[VehicleKey, tuple[PlateDigest, Vehicle]] = field(default_factory=dict)
    removed_vehicles: set[VehicleKey] = field(default_factory=set)
    revoked: set[PassId] = field(default_factory=set)

    @property
    def erases(self) -> bool:
        return bool(self.removed_subjects or self.ended_consents or self.gone_templates)

    @property
    def gone_templates(self) -> set[TemplateId]:
        """Single templates whose rows go before any come."""
        return self.erased_templates | self.replaced_templates

    @property
    def subjects_touched(self) -> set[SubjectKey]:
        """Whose templates, or whose places, this changes; those of ``gone_templates`` only the store knows."""
        touched = self.removed_subjects | self.subjects.keys()
        touched |= {subject for subject, _ in self.ended_consents}
        touched |= {lock.subject for lock in self.locks}
        touched |= {one.subject for one in self.templates.values()}
        return touched | {one.subject for one in self.refused.values()}

    @property
    def consents_locked_anew(self) -> set[tuple[SubjectKey, ConsentId]]:
        """Those of whose templates it has to be worked out again whether they are locked."""
        templates = {(one.subject, one.consent) for one in self.templates.values()}
        return templates | {(lock.subject, lock.consent) for lock in self.locks}


OpenTemplate = Callable[[PutTemplate], Template | None]
"""The template in a change, with the proof of its consent; None for one that can't be opened."""


def make_plan(
    changes: Iterable[Change],
    open_template: OpenTemplate,
    digest: Callable[[str], PlateDigest],
    ended: Callable[[ConsentId], bool],
) -> Plan:
    """Net effect of ``changes`` in their order. ended: whether this edge has seen a consent end before."""
    plan = Plan()
    for change in changes:
        match change:
            case PutTemplate():
                over = change.consent in plan.tombstones or ended(change.consent)
                _put_template(plan, change, Refusal.ENDED if over else open_template(change) or Refusal.UNREADABLE)
            case LockTemplates() | UnlockTemplates():
                # Also of a consent that has ended here: the core counts its templates, locks included, until it knows.
                lock = Lock(change.subject, change.consent, change.template_id)
                plan.locks[lock] = isinstance(change, LockTemplates)
            case EraseTemplates():
                _end_consent(plan, change.subject, change.consent)
            case EraseTemplate():
                _erase_template(plan, change.template_id)
            case ResealTemplate():
                plan.reseals[change.template_id] = change.recipients
            case PutSubject() | RemoveSubject():
                _subject(plan, change)
            case PutVehicle() | RemoveVehicle():
                _vehicle(plan, change, digest)
            case RevokePass():
                plan.revoked.add(change.pass_id)
            case NoChange():
                pass
    return plan


def _subject(plan: Plan, change: PutSubject | RemoveSubject) -> None:
    if isinstance(change, PutSubject):
        plan.subjects[change.subject] = Person(change.kind, _grant(change))
        return
    plan.subjects.pop(change.subject, None)
    plan.removed_subjects.add(change.subject)
    _forget(plan, change.subject, None)


def _vehicle(plan: Plan, change: PutVehicle | RemoveVehicle, digest: Callable[[str], PlateDigest]) -> None:
    if isinstance(change, PutVehicle):
        plan.vehicles[change.vehicle] = (digest(change.plate), Vehicle(change.kind, _grant(change)))
        return
    plan.vehicles.pop(change.vehicle, None)
    plan.removed_vehicles.add(change.vehicle)


def _grant(change: PutSubject | PutVehicle) -> Grant:
    return Grant(frozenset(change.checkpoints), change.valid_from, change.valid_until)


def _put_template(plan: Plan, change: PutTemplate, opened: Template | Refusal) -> None:
    plan.replaced_templates.add(change.template_id)
    plan.templates.pop(change.template_id, None)
    plan.refused.pop(change.template_id, None)
    if isinstance(opened, Refusal):
        plan.refused[change.template_id] = RefusedTemplate(change.subject, change.consent, change.model, opened)
    else:
        plan.templates[change.template_id] = opened


def _erase_template(plan: Plan, template_id: TemplateId) -> None:
    plan.erased_templates.add(template_id)
    for pending in (plan.templates, plan.refused, plan.reseals):
        pending.pop(template_id, None)
    for lock in [one for one in plan.locks if one.template_id == template_id]:
        del plan.locks[lock]


def _end_consent(plan: Plan, subject: SubjectKey, consent: ConsentId) -> None:
    plan.ended_consents.add((subject, consent))
    plan.tombstones.add(consent)
    _forget(plan, subject, consent)
    for lock in [one for one in plan.locks if (one.subject, one.consent) == (subject, consent)]:
        del plan.locks[lock]


def _forget(plan: Plan, subject: SubjectKey, consent: ConsentId | None) -> None:
    """Take out of the plan what earlier changes of the same batch put there for ``subject`` (and ``consent``)."""
    for pending in (plan.templates, plan.refused):
        gone = [key for key, one in pending.items() if one.subject == subject and consent in {None, one.consent}]
        for key in gone:
            del pending[key]
