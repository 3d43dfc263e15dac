"""Who and what may pass where and when, and whom the open cases seek: immutable, so a decision sees one state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.contract.ids import CheckpointId, PassId, SubjectKey, VehicleKey
from core.contract.vocabulary import Reason, SubjectKind, VehicleKind
from edge.lists.plan import Person, Plan, Vehicle
from watchlists.plates.index import ExactPlate, LooksLike


@dataclass(frozen=True, slots=True)
class Roster:
    """People, vehicles and revoked passes. Who is sought in a case may pass nowhere by that."""

    subjects: Mapping[SubjectKey, Person] = field(default_factory=dict)
    vehicles: Mapping[VehicleKey, Vehicle] = field(default_factory=dict)
    revoked: frozenset[PassId] = frozenset()

    def after(self, plan: Plan) -> Roster:
        """The roster once ``plan`` is applied."""
        subjects = {key: person for key, person in self.subjects.items() if key not in plan.removed_subjects}
        vehicles = {key: vehicle for key, vehicle in self.vehicles.items() if key not in plan.removed_vehicles}
        subjects.update(plan.subjects)
        vehicles.update({key: vehicle for key, (_, vehicle) in plan.vehicles.items()})
        return Roster(subjects, vehicles, self.revoked | plan.revoked)

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        """LISTED, UNLISTED (as anybody sought in a case is), OUTSIDE_SCOPE or OUTSIDE_WINDOW."""
        person = self.subjects.get(subject)
        if person is None or person.kind is SubjectKind.MISSING:
            return Reason.UNLISTED
        return person.grant.standing(checkpoint, now)

    def seeks(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> bool:
        """True while an open case looks for this missing person here."""
        person = self.subjects.get(subject)
        if person is None or person.kind is not SubjectKind.MISSING:
            return False
        return person.grant.standing(checkpoint, now) is Reason.LISTED

    def vehicle_standing(
        self, found: ExactPlate | LooksLike | None, checkpoint: CheckpointId, now: datetime
    ) -> tuple[Reason, VehicleKey | None]:
        """What a plate that was looked up means here and now. A controlled vehicle is as good as unknown.

        Only an exact plate can be LISTED. A look-alike is LOOKS_LIKE while one of those it resembles may pass here and
        now (with its key if it is the only one), else it is as good as UNLISTED.
        """
        if found is None:
            return Reason.UNLISTED, None
        standings = [
            (vehicle.grant.standing(checkpoint, now), key)
            for key, vehicle in self._known(found.vehicles)
            if vehicle.kind is not VehicleKind.CONTROLLED
        ]
        listed = [key for reason, key in standings if reason is Reason.LISTED]
        if isinstance(found, LooksLike):
            if not listed:
                return Reason.UNLISTED, None
            return Reason.LOOKS_LIKE, listed[0] if len(listed) == 1 else None
        if listed:
            return Reason.LISTED, listed[0]
        return standings[0] if standings else (Reason.UNLISTED, None)

    def controlled(
        self, found: ExactPlate | LooksLike | None, checkpoint: CheckpointId, now: datetime
    ) -> VehicleKey | None:
        """The controlled vehicle that bears just this plate, while its case is open here."""
        if not isinstance(found, ExactPlate):
            return None
        for key, vehicle in self._known(found.vehicles):
            if vehicle.kind is VehicleKind.CONTROLLED and vehicle.grant.standing(checkpoint, now) is Reason.LISTED:
                return key
        return None

    def _known(self, keys: Iterable[VehicleKey]) -> list[tuple[VehicleKey, Vehicle]]:
        return [(key, self.vehicles[key]) for key in keys if key in self.vehicles]
