"""A model of the lists, one change after the other: what the core keeps, and what an edge makes of what it hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.contract.ids import ConsentId, SnapshotId, SubjectKey, TemplateId
from core.contract.lists import (
    Change,
    EraseTemplate,
    EraseTemplates,
    LockTemplates,
    PutSubject,
    PutTemplate,
    RemoveSubject,
    UnlockTemplates,
)
from core.contract.roll import RollEntry
from watchlists.faces.template import Template

Locks = frozenset[tuple[SubjectKey, ConsentId, TemplateId | None]]


@dataclass(frozen=True)
class World:
    """Lists at one moment. ended: consents that were seen to end, for ever."""

    listed: frozenset[SubjectKey] = frozenset()
    templates: dict[TemplateId, Template] = field(default_factory=dict)
    locks: Locks = frozenset()
    ended: frozenset[ConsentId] = frozenset()

    def is_locked(self, one: Template) -> bool:
        return bool(self.locks & {(one.subject, one.consent, which) for which in (None, one.template_id)})

    def may_find(self, one: Template) -> bool:
        """Whether a face may be compared with this template."""
        return one.template_id in self.templates and not self.is_locked(one) and one.consent not in self.ended

    @property
    def entries(self) -> list[RollEntry]:
        """What was told and stands."""
        return [RollEntry(key, one.subject, one.consent, self.is_locked(one)) for key, one in self.templates.items()]

    @property
    def put_after_end(self) -> set[ConsentId]:
        return {one.consent for one in self.templates.values()} & self.ended

    def after(self, change: Change, faces: dict[TemplateId, Template]) -> World:
        """The world one change later."""
        match change:
            case PutSubject():
                return replace(self, listed=self.listed | {change.subject})
            case RemoveSubject():
                kept = {key: one for key, one in self.templates.items() if one.subject != change.subject}
                return replace(self, listed=self.listed - {change.subject}, templates=kept)
            case PutTemplate():
                return replace(self, templates=self.templates | {change.template_id: faces[change.template_id]})
            case EraseTemplate():
                kept = {key: one for key, one in self.templates.items() if key != change.template_id}
                locks = frozenset(lock for lock in self.locks if lock[2] != change.template_id)
                return replace(self, templates=kept, locks=locks)
            case EraseTemplates():
                kept = {key: one for key, one in self.templates.items() if one.consent != change.consent}
                locks = frozenset(lock for lock in self.locks if lock[1] != change.consent)
                return World(self.listed, kept, locks, self.ended | {change.consent})
            case LockTemplates() | UnlockTemplates():
                lock = (change.subject, change.consent, change.template_id)
                return replace(
                    self, locks=self.locks | {lock} if isinstance(change, LockTemplates) else self.locks - {lock}
                )
        return self


@dataclass(frozen=True)
class Edge:
    """What an edge holds at its number. snapshot: the newest applied; waiting: one whose parts are not all there;
    until: who is hidden, and the number that ends it."""

    version: int = 0
    world: World = World()
    snapshot: SnapshotId | None = None
    waiting: SnapshotId | None = None
    parts: frozenset[int] = frozenset()
    until: dict[SubjectKey, int] = field(default_factory=dict)

    def may_find(self, one: Template) -> bool:
        """Whether a face may be compared with this template here and now."""
        return self.world.may_find(one) and one.subject not in self.until

    def hide(self, people: dict[SubjectKey, int]) -> Edge:
        """After it was told whom to hide."""
        later = {one: max(number, self.until.get(one, 0)) for one, number in people.items()}
        return replace(self, until=self.until | later)._at(self.version)

    def _at(self, version: int) -> Edge:
        kept = {one: number for one, number in self.until.items() if number > version}
        return replace(self, version=version, until=kept)

    def take(self, first: int, changes: Sequence[Change], faces: dict[TemplateId, Template]) -> Edge:
        """After a delta: numbers held are passed over, a gap changes nothing."""
        world, last = self.world, first + len(changes) - 1
        if first > self.version + 1 or last <= self.version:
            return self
        for change in changes[self.version + 1 - first :]:
            world = world.after(change, faces)
        return replace(self, world=world)._at(last)

    def stage(self, snapshot: SnapshotId, part: int) -> Edge:
        """After a part that is not yet the last one to come."""
        if self.knows(snapshot):
            return self
        parts = self.parts if self.waiting == snapshot else frozenset()
        return replace(self, waiting=snapshot, parts=parts | {part})

    def knows(self, snapshot: SnapshotId) -> bool:
        """Applied before, or older than what is applied or waiting."""
        applied = self.snapshot is not None and snapshot <= self.snapshot
        return applied or (self.waiting is not None and snapshot < self.waiting)

    def replaced(self, snapshot: SnapshotId, version: int, world: World) -> Edge:
        """After the last part: tombstones are all that stays."""
        here = Edge(self.version, replace(world, ended=self.world.ended), snapshot, until=self.until)
        return here._at(version)
