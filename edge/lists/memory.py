"""The lists in memory: what decisions ask, rebuilt from disk whenever it could not follow a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from core.contract.ids import CheckpointId, ModelId, SubjectKey, VehicleKey
from core.contract.plate_digest import PlateDigest, PlateHasher
from core.contract.vocabulary import VehicleKind
from edge.lists.plan import Plan
from edge.lists.roster import Roster
from edge.lists.store import ListStore, Written
from edge.lists.tally import Tally
from models.types import Float
from watchlists.errors import IndexClosedError
from watchlists.faces.change import Change, Likeness, Match, Selection
from watchlists.faces.index import FaceIndex
from watchlists.plates.index import ExactPlate, LooksLike, PlateIndex

_Answer = TypeVar("_Answer")


class ListMemory:
    """Readers ask from any thread and never wait; one thread at a time calls ``follow``, ``rebuild`` and ``close``.

    in_step: False while memory may not be what stands on disk; nobody is recognised then.
    """

    def __init__(self, store: ListStore, hasher: PlateHasher, model: ModelId, dimension: int) -> None:
        """Read everything. Raises StoreError, MatchingError."""
        self.model = model
        self.dimension = dimension
        self._store = store
        self._hasher = hasher
        self._exact = store.exact(model, dimension)
        self.in_step = True
        try:
            self._faces = self._load_faces()
            self.roster, self.tally, self._plates, self._controlled = self._read_rest()
        except BaseException:
            self._exact.close()
            raise

    def close(self) -> None:
        self.in_step = False
        self._faces.close()
        self._exact.close()

    @property
    def faces(self) -> FaceIndex:
        return self._faces

    @property
    def damaged(self) -> int:
        """Templates of this model that are kept on disk and don't open."""
        return self.tally.kept[self.model] - len(self._faces)

    def follow(self, plan: Plan, written: Written) -> None:
        """Change memory as the disk was changed. When that fails nothing is found until ``rebuild`` has succeeded."""
        try:
            self.roster = self.roster.after(plan)
            self.tally = self.tally.plus(written.difference)
            self._follow_plates(plan)
            self._faces.update(self._change(plan, written))
        except BaseException:
            self.in_step = False
            raise

    def rebuild(self) -> None:
        """Read everything from disk again. What is found until then is what was found before, if it was in step.

        Raises StoreError, MatchingError.
        """
        try:
            faces = self._load_faces()
            rest = self._read_rest()
        except BaseException:
            self.in_step = False
            raise
        before, self._faces = self._faces, faces
        self.roster, self.tally, self._plates, self._controlled = rest
        self.in_step = True
        before.close()

    # What readers ask

    def search(
        self, probes: Float, *, threshold: float, margin: float, admits: Callable[[SubjectKey], bool]
    ) -> Match | None:
        """See ``FaceIndex.search``."""

        def ask(faces: FaceIndex) -> Match | None:
            (match,) = faces.search(self.model, [probes], threshold=threshold, margin=margin, admits=admits)
            return match

        return self._asked(ask)

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        return self._asked(lambda faces: faces.compare(self.model, subject, probes))

    def has(self, subject: SubjectKey) -> bool:
        """Whether a template of ``subject`` may be found."""
        return self._asked(lambda faces: faces.finds(subject))

    def find_plate(self, plate: str, confidences: Sequence[float]) -> ExactPlate | LooksLike | None:
        """Among vehicles that may pass; who is controlled neither hides nor resembles any of them."""
        return self._plates.find(plate, confidences or None)

    def find_controlled(self, plate: str) -> ExactPlate | LooksLike | None:
        return self._controlled.find(plate)

    def _asked(self, ask: Callable[[FaceIndex], _Answer]) -> _Answer:
        while True:
            faces = self._faces
            try:
                return ask(faces)
            except IndexClosedError:
                if faces is self._faces:
                    raise

    def templates_at(self, checkpoint: CheckpointId, *, sought: bool) -> int:
        """How many templates a search at ``checkpoint`` may meet.

        Never too few, sometimes too many, which makes a threshold higher: those that are locked, of another model, or
        of somebody whose time has not come or is over are counted too.
        """
        return (self.tally.sought_at if sought else self.tally.at)[checkpoint]

    # Changes

    def _read_rest(self) -> tuple[Roster, Tally, PlateIndex, PlateIndex]:
        """Who may pass, what was told, and the plates: of those who may, and of the controlled."""
        roster, digests = self._store.roster(), self._store.plates()
        plates, controlled = PlateIndex(self._hasher), PlateIndex(self._hasher)
        sought = {key for key, one in roster.vehicles.items() if one.kind is VehicleKind.CONTROLLED}
        plates.update(put={key: one for key, one in digests.items() if key not in sought})
        controlled.update(put={key: one for key, one in digests.items() if key in sought})
        return roster, self._store.tally(), plates, controlled

    def _load_faces(self) -> FaceIndex:
        faces = FaceIndex(self.model, self.dimension, exact=self._exact)
        try:
            faces.load(self._store.blocks(self.model, self.dimension))
            locked = self._store.templates_locked_singly()
            if locked:
                faces.update(Change(lock=Selection(templates=locked)))
        except BaseException:
            faces.close()
            raise
        return faces

    def _change(self, plan: Plan, written: Written) -> Change:
        kept = [one for key, one in plan.templates.items() if one.model == self.model and key in written.locked]
        locked = frozenset(key for key, is_locked in written.locked.items() if is_locked)
        return Change(
            erase=Selection(
                frozenset(plan.removed_subjects), frozenset(plan.ended_consents), frozenset(plan.gone_templates)
            ),
            enrol=tuple(kept),
            lock=Selection(templates=locked),
            unlock=Selection(templates=frozenset(written.locked.keys() - locked)),
        )

    def _follow_plates(self, plan: Plan) -> None:
        plain: dict[VehicleKey, PlateDigest] = {}
        controlled: dict[VehicleKey, PlateDigest] = {}
        for key, (digest, vehicle) in plan.vehicles.items():
            (controlled if vehicle.kind is VehicleKind.CONTROLLED else plain)[key] = digest
        gone = plan.removed_vehicles | plan.vehicles.keys()
        self._plates.update(gone, plain)
        self._controlled.update(gone, controlled)
