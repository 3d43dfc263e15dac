"""Who and what may pass where and when, as of one moment: immutable, so a decision sees one state of the lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.contract.ids import CheckpointId, PassId, SubjectKey, VehicleKey
from core.contract.vocabulary import Reason
from edge.lists.plan import Grant, Plan
from watchlists.plates.index import ExactPlate, LooksLike

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Eligible:
    """People who may pass a checkpoint; holds while ``since`` <= now < ``until``."""

    subjects: frozenset[SubjectKey]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Roster:
    """People, vehicles and revoked passes."""

    subjects: Mapping[SubjectKey, Grant] = field(default_factory=dict)
    vehicles: Mapping[VehicleKey, Grant] = field(default_factory=dict)
    revoked: frozenset[PassId] = frozenset()
    _eligible: dict[CheckpointId, _Eligible] = field(default_factory=dict, init=False, repr=False, compare=False)

    def after(self, plan: Plan) -> Roster:
        """The roster once ``plan`` is applied."""
        subjects = {key: grant for key, grant in self.subjects.items() if key not in plan.removed_subjects}
        vehicles = {key: grant for key, grant in self.vehicles.items() if key not in plan.removed_vehicles}
        subjects.update(plan.subjects)
        vehicles.update({key: grant for key, (_, grant) in plan.vehicles.items()})
        return Roster(subjects, vehicles, self.revoked | plan.revoked)

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        """LISTED, UNLISTED, OUTSIDE_SCOPE or OUTSIDE_WINDOW."""
        grant = self.subjects.get(subject)
        return Reason.UNLISTED if grant is None else grant.standing(checkpoint, now)

    def vehicle_standing(
        self, found: ExactPlate | LooksLike | None, checkpoint: CheckpointId, now: datetime
    ) -> tuple[Reason, VehicleKey | None]:
        """What a plate that was looked up means here and now.

        Only an exact plate can be LISTED. A look-alike is LOOKS_LIKE while one of those it resembles may pass here and
        now (with its key if it is the only one), else it is as good as UNLISTED.
        """
        if found is None:
            return Reason.UNLISTED, None
        standings = [
            (self.vehicles[vehicle].standing(checkpoint, now), vehicle)
            for vehicle in found.vehicles
            if vehicle in self.vehicles
        ]
        listed = [vehicle for reason, vehicle in standings if reason is Reason.LISTED]
        if isinstance(found, LooksLike):
            if not listed:
                return Reason.UNLISTED, None
            return Reason.LOOKS_LIKE, listed[0] if len(listed) == 1 else None
        if listed:
            return Reason.LISTED, listed[0]
        return standings[0] if standings else (Reason.UNLISTED, None)

    def eligible(self, checkpoint: CheckpointId, now: datetime) -> frozenset[SubjectKey]:
        """Everybody who may pass ``checkpoint`` now: the same object until somebody's time begins or ends."""
        known = self._eligible.get(checkpoint)
        if known is None or not known.since <= now < known.until:
            known = self._find_eligible(checkpoint, now)
            self._eligible[checkpoint] = known
        return known.subjects

    def _find_eligible(self, checkpoint: CheckpointId, now: datetime) -> _Eligible:
        here = {key: grant for key, grant in self.subjects.items() if checkpoint in grant.checkpoints}
        limits = [limit for grant in here.values() for limit in (grant.valid_from, grant.valid_until) if limit]
        return _Eligible(
            frozenset(key for key, grant in here.items() if grant.standing(checkpoint, now) is Reason.LISTED),
            max((limit for limit in limits if limit <= now), default=_BEGINNING),
            min((limit for limit in limits if limit > now), default=_END),
        )
