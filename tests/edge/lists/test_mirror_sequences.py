"""Whatever happens in whatever order, nobody is found without a consent that stands, and nobody who was erased.

Deltas are lost, doubled, replayed and reordered on the way; snapshots come in parts, between other things; the edge is
restarted, older copies of its lists are put back, and the core itself comes back from a backup. After each step the
mirror must be what a simple model of it is (``model``), or refuse to recognise anybody.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.contract.ids import ConsentId, SubjectKey, TemplateId, new_id
from core.contract.lists import (
    Change,
    EraseTemplate,
    EraseTemplates,
    ListDeltaV1,
    ListSnapshotV1,
    LockTemplates,
    NoChange,
    RemoveSubject,
    UnlockTemplates,
)
from core.contract.roll import digest_of
from core.contract.vocabulary import Reason
from edge.keys import edge_dir
from edge.lists.mirror import LIST_FILE
from tests.edge.lists.estate import EDGE, GATE, Estate, face, resident
from tests.edge.lists.model import Edge, World
from watchlists.faces.template import Template

PEOPLE = [SubjectKey(new_id()) for _ in range(3)]
MOST_FACES = 30
people = st.sampled_from(PEOPLE)


class Lists(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.estate = Estate(self.folder)
        self.mirror = self.estate.open_mirror()
        self.faces: dict[TemplateId, Template] = {}
        self.consents = {person: [ConsentId(new_id())] for person in PEOPLE}
        self.changes: list[Change] = []
        self.worlds = [World()]
        self.edge = Edge()
        self.sent: list[tuple[ListDeltaV1, tuple[Change, ...]]] = []
        self.rendered: list[tuple[list[ListSnapshotV1], World]] = []
        self.copies: list[tuple[Path, Edge]] = []
        self.erased: set[ConsentId] = set()
        """By a receipt of this edge: no restore may ever bring them back."""

    def teardown(self) -> None:
        self.mirror.close()
        shutil.rmtree(self.folder)

    @initialize()
    def somebody_lives_here(self) -> None:
        for person in PEOPLE[:2]:
            self.list_person(person)
            self.enrol(person)
        self.catch_up()
        self.back_up()

    # The core

    @property
    def now(self) -> World:
        return self.worlds[-1]

    def note(self, change: Change) -> None:
        self.changes.append(change)
        self.worlds.append(self.now.after(change, self.faces))

    @rule(person=people)
    def list_person(self, person: SubjectKey) -> None:
        self.note(resident(person))

    @rule(person=people)
    def remove_person(self, person: SubjectKey) -> None:
        self.note(RemoveSubject(subject=person))

    @precondition(lambda self: len(self.faces) < MOST_FACES)
    @rule(person=people)
    def enrol(self, person: SubjectKey) -> None:
        template = face(len(self.faces), person, self.consents[person][-1])
        self.faces[template.template_id] = template
        self.note(self.estate.put(template))

    @precondition(lambda self: self.now.templates)
    @rule(data=st.data())
    def erase_one(self, data: st.DataObject) -> None:
        self.note(EraseTemplate(template_id=data.draw(st.sampled_from(sorted(self.now.templates)))))

    @rule(person=people)
    def end_consent(self, person: SubjectKey) -> None:
        self.note(EraseTemplates(subject=person, consent=self.consents[person][-1]))
        self.consents[person].append(ConsentId(new_id()))

    @rule(person=people, locked=st.booleans())
    def suspend(self, person: SubjectKey, locked: bool) -> None:
        kind = LockTemplates if locked else UnlockTemplates
        self.note(kind(subject=person, consent=self.consents[person][-1]))

    @precondition(lambda self: self.now.templates)
    @rule(data=st.data(), locked=st.booleans())
    def dispute(self, data: st.DataObject, locked: bool) -> None:
        one = self.now.templates[data.draw(st.sampled_from(sorted(self.now.templates)))]
        kind = LockTemplates if locked else UnlockTemplates
        self.note(kind(subject=one.subject, consent=one.consent, template_id=one.template_id))

    @rule()
    def overtaken(self) -> None:
        self.note(NoChange())

    @rule(data=st.data())
    def core_restored(self, data: st.DataObject) -> None:
        """The core comes back from a backup without its journal of tombstones: it forgets what it said since then."""
        last = data.draw(st.integers(max(0, len(self.changes) - 6), len(self.changes)))
        del self.changes[last:]
        del self.worlds[last + 1 :]

    # On the way

    @precondition(lambda self: self.changes)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any run of numbers, from anywhere: the next ones, old ones again, or some after a gap."""
        first = data.draw(st.integers(1, len(self.changes)))
        self.send_delta(first, data.draw(st.integers(first, len(self.changes))))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        self.hear_delta(*data.draw(st.sampled_from(self.sent)))

    @rule()
    def catch_up(self) -> None:
        """What the core does with a receipt: deltas, a snapshot where they can't help, and a roll at the end."""
        for _ in range(3):
            receipt = self.mirror.receipt()
            if receipt.wants_snapshot or receipt.version > len(self.changes):
                self.render_snapshot(1)
                self.hear_part(*self.rendered[-1], 0)
            elif receipt.version < len(self.changes):
                self.send_delta(receipt.version + 1, len(self.changes))
            self.roll()
        assert self.edge.version == len(self.changes)
        assert self.mirror.recogniser_may_run(self.estate.clock.now)
        for template in self.faces.values():
            stands = self.now.may_find(template) and template.consent not in self.edge.world.ended
            assert self.finds(template) == stands, "in step with the core, it finds whom the core says and nobody else"

    @rule()
    def roll(self) -> None:
        self.estate.clock.now += timedelta(seconds=1)
        self.mirror.apply(self.estate.roll(self.now.entries, version=len(self.changes)))

    @rule(parts=st.integers(1, 3))
    def render_snapshot(self, parts: int) -> None:
        world = self.now
        changes: list[Change] = [resident(one) for one in sorted(world.listed)]
        changes += [self.estate.put(one) for one in world.templates.values()]
        for subject, consent, template_id in sorted(world.locks, key=str):
            changes.append(LockTemplates(subject=subject, consent=consent, template_id=template_id))
        cut = [changes[at::parts] for at in range(parts)]
        self.rendered.append((self.estate.snapshot(len(self.changes), *cut), world))

    @precondition(lambda self: self.rendered)
    @rule(data=st.data())
    def deliver_part(self, data: st.DataObject) -> None:
        parts, world = data.draw(st.sampled_from(self.rendered))
        self.hear_part(parts, world, data.draw(st.integers(0, len(parts) - 1)))

    @precondition(lambda self: self.rendered)
    @rule()
    def deliver_all_parts(self) -> None:
        parts, world = self.rendered[-1]
        for at in range(len(parts)):
            self.hear_part(parts, world, at)

    def send_delta(self, first: int, last: int) -> None:
        changes = tuple(self.changes[first - 1 : last])
        self.sent.append((self.estate.delta_from(first, changes), changes))
        self.hear_delta(*self.sent[-1])

    def hear_delta(self, delta: ListDeltaV1, changes: tuple[Change, ...]) -> None:
        self.edge = self.edge.take(delta.first, changes, self.faces)
        receipt = self.mirror.apply(delta)
        assert receipt is not None
        self.estate.check_receipt(receipt)
        assert receipt.version == self.edge.version
        self.erased |= self.edge.world.ended

    def hear_part(self, parts: list[ListSnapshotV1], world: World, at: int) -> None:
        part = parts[at]
        staged = self.edge.stage(part.snapshot_id, part.part)
        complete = staged != self.edge and len(staged.parts) == len(parts)
        self.edge = self.edge.replaced(part.snapshot_id, part.version, world) if complete else staged
        self.mirror.apply(part)

    # The edge

    @rule()
    def restart(self) -> None:
        before = self.mirror.receipt()
        self.mirror.close()
        self.mirror = self.estate.open_mirror()
        assert self.mirror.receipt() == before

    @rule()
    def back_up(self) -> None:
        """The lists alone: an anchor that is put back with them is no anchor."""
        self.mirror.close()
        copy = Path(shutil.copy(self.lists, self.folder / f"copy-{len(self.copies)}"))
        self.copies.append((copy, self.edge))
        self.mirror = self.estate.open_mirror()

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        copy, self.edge = data.draw(st.sampled_from(self.copies))
        self.mirror.close()
        shutil.copy(copy, self.lists)
        self.mirror = self.estate.open_mirror()

    @property
    def lists(self) -> Path:
        return edge_dir(self.folder, EDGE) / LIST_FILE

    def finds(self, template: Template) -> bool:
        cosine = self.mirror.compare(template.subject, template.vector[None])
        return cosine is not None and cosine > 0.9999

    # What must hold

    @invariant()
    def nobody_is_found_whose_consent_does_not_stand(self) -> None:
        recognises = self.mirror.recogniser_may_run(self.estate.clock.now)
        world = self.edge.world
        for template in self.faces.values():
            match = self.mirror.identify(template.vector[None], GATE, self.estate.clock.now)
            named = match is not None and match.score > 0.9999
            found = self.finds(template)
            assert found <= world.may_find(template)
            assert named <= (found and template.subject in world.listed)
            assert not (found and template.consent in self.erased and not self.core_took_back(template))
            if recognises:
                assert found == world.may_find(template)
                assert named == (found and template.subject in world.listed)

    def core_took_back(self, template: Template) -> bool:
        """An edge whose lists were restored has forgotten an erasure; so has a core, and then its roll confirms it."""
        return template.consent not in self.now.ended

    @invariant()
    def it_counts_as_the_core_does_what_it_was_told(self) -> None:
        receipt = self.mirror.receipt()
        world = self.edge.world
        assert receipt.version == self.edge.version
        assert receipt.digest == digest_of(world.entries)
        assert set(receipt.erased) == world.put_after_end
        for person in PEOPLE:
            standing = self.mirror.subject_standing(person, GATE, self.estate.clock.now)
            assert standing is (Reason.LISTED if person in world.listed else Reason.UNLISTED)


TestLists = Lists.TestCase
TestLists.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
