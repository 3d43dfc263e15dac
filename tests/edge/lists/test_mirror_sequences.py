"""Whatever happens in whatever order, nobody is found without a consent that stands, and nobody who was erased.

Deltas are lost, doubled, replayed and reordered on the way; snapshots come in parts, between other things; the edge is
restarted, older copies of its lists are put back, and the core itself comes back from a backup. After each step the
mirror must be what a simple model of it is (``model``), or refuse to recognise anybody.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
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
HAPPENS = ["list", "remove", "enrol", "erase one", "end", "suspend", "dispute", "nothing"]
HEARS = ["wait", "deliver", "catch up"]
ARRIVES = ["any run", "replay", "roll", "catch up"]
RESTARTS = ["restart", "back up", "restore", "restore and catch up"]
people = st.sampled_from(PEOPLE)
anything = st.integers(0, 1 << 16)
"""Which of some, modulo how many there are."""


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
        """By a receipt of this edge: restoring its lists may never bring them back."""

    def teardown(self) -> None:
        self.mirror.close()
        shutil.rmtree(self.folder)

    @initialize()
    def somebody_lives_here(self) -> None:
        for person in PEOPLE[:2]:
            self.note(resident(person))
            self.enrol(person)
        self.catch_up()
        self.edge_restarts("back up", 0)

    # The core

    @property
    def now(self) -> World:
        return self.worlds[-1]

    def note(self, change: Change) -> None:
        self.changes.append(change)
        self.worlds.append(self.now.after(change, self.faces))

    @rule(
        what=st.sampled_from(HAPPENS),
        person=people,
        on=st.booleans(),
        which=anything,
        then=st.sampled_from(HEARS),
    )
    def core_changes(self, what: str, person: SubjectKey, on: bool, which: int, then: str) -> None:
        """Somebody changes something, and the edge may hear of it at once."""
        kind = LockTemplates if on else UnlockTemplates
        templates = sorted(self.now.templates)
        one = self.now.templates[templates[which % len(templates)]] if templates else None
        if what == "list":
            self.note(resident(person))
        elif what == "remove":
            self.note(RemoveSubject(subject=person))
        elif what == "enrol" and len(self.faces) < MOST_FACES:
            self.enrol(person)
        elif what == "end":
            self.note(EraseTemplates(subject=person, consent=self.consents[person][-1]))
            self.consents[person].append(ConsentId(new_id()))
        elif what == "suspend":
            self.note(kind(subject=person, consent=self.consents[person][-1]))
        elif what == "erase one" and one is not None:
            self.note(EraseTemplate(template_id=one.template_id))
        elif what == "dispute" and one is not None:
            self.note(kind(subject=one.subject, consent=one.consent, template_id=one.template_id))
        else:
            self.note(NoChange())
        if then == "catch up":
            self.catch_up()
        elif then == "deliver":
            self.send_delta(len(self.changes), len(self.changes))

    def enrol(self, person: SubjectKey) -> None:
        template = face(len(self.faces), person, self.consents[person][-1])
        self.faces[template.template_id] = template
        self.note(self.estate.put(template))

    @rule(back=st.integers(1, 6), catches_up=st.booleans())
    def core_restored(self, back: int, catches_up: bool) -> None:
        """The core comes back from a backup, its journal of tombstones lost: it forgets what it said since then."""
        last = max(0, len(self.changes) - back)
        del self.changes[last:]
        del self.worlds[last + 1 :]
        if catches_up:
            self.catch_up()

    # On the way

    @rule(what=st.sampled_from(ARRIVES), first=anything, size=st.integers(1, 8))
    def something_arrives(self, what: str, first: int, size: int) -> None:
        """Any run of numbers: the next ones, old ones again, or some after a gap; what was sent before; a roll."""
        if what == "any run" and self.changes:
            start = 1 + first % len(self.changes)
            self.send_delta(start, min(len(self.changes), start + size))
        elif what == "replay" and self.sent:
            self.hear_delta(*self.sent[first % len(self.sent)])
        elif what == "catch up":
            self.catch_up()
        else:
            self.roll()

    def catch_up(self) -> None:
        """What the core does with a receipt: deltas, a snapshot where they can't help, and a roll at the end."""
        for _ in range(3):
            receipt = self.mirror.receipt()
            if receipt.wants_snapshot or receipt.version > len(self.changes):
                self.hear_part(*self.render_snapshot(1), 0)
            elif receipt.version < len(self.changes):
                self.send_delta(receipt.version + 1, len(self.changes))
            self.roll()
        assert self.edge.version == len(self.changes)
        assert self.mirror.recogniser_may_run(self.estate.clock.now)
        for template in self.faces.values():
            told_so = template.consent not in self.edge.world.ended and template.subject not in self.edge.until
            stands = self.now.may_find(template) and told_so
            assert self.finds(template) == stands, "in step with the core, it finds whom the core says and nobody else"

    def roll(self) -> None:
        self.estate.clock.now += timedelta(seconds=1)
        self.mirror.apply(self.estate.roll(self.now.entries, version=len(self.changes)))
        if self.mirror.recogniser_may_run(self.estate.clock.now):
            # Where core and edge were both put back, nobody is left to know of what ended in between.
            self.erased &= self.now.ended | self.edge.world.ended

    @rule(back=st.integers(0, 6), person=people)
    def somebody_is_hidden(self, back: int, person: SubjectKey) -> None:
        """Ahead of a change the edge has not heard of, or again long after it."""
        until = max(1, len(self.changes) + 1 - back)
        hide = self.estate.hide((person, until))
        self.mirror.hide(hide)
        self.mirror.apply(hide)
        self.edge = self.edge.hide({person: until})

    @rule(parts=st.integers(1, 3), arrives=st.booleans())
    def snapshot(self, parts: int, arrives: bool) -> None:
        """The core renders everything as it is now; it arrives at once, or its parts do in between other things."""
        rendered, world = self.render_snapshot(parts)
        for at in range(parts if arrives else 0):
            self.hear_part(rendered, world, at)

    @precondition(lambda self: self.rendered)
    @rule(which=anything, part=anything)
    def part_arrives(self, which: int, part: int) -> None:
        parts, world = self.rendered[which % len(self.rendered)]
        self.hear_part(parts, world, part % len(parts))

    def render_snapshot(self, parts: int) -> tuple[list[ListSnapshotV1], World]:
        world = self.now
        changes: list[Change] = [resident(one) for one in sorted(world.listed)]
        changes += [self.estate.put(one) for one in world.templates.values()]
        for subject, consent, template_id in sorted(world.locks, key=str):
            changes.append(LockTemplates(subject=subject, consent=consent, template_id=template_id))
        cut = [changes[at::parts] for at in range(parts)]
        self.rendered.append((self.estate.snapshot(len(self.changes), *cut), world))
        return self.rendered[-1]

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

    @rule(what=st.sampled_from(RESTARTS), which=anything)
    def edge_restarts(self, what: str, which: int) -> None:
        """Maybe with a copy of its lists made before; of the lists alone: an anchor put back with them is no anchor."""
        before = self.mirror.receipt()
        self.mirror.close()
        if what == "back up":
            copy = Path(shutil.copy(self.lists, self.folder / f"copy-{len(self.copies)}"))
            self.copies.append((copy, self.edge))
        restores = what.startswith("restore") and bool(self.copies)
        if restores:
            copy, self.edge = self.copies[which % len(self.copies)]
            shutil.copy(copy, self.lists)
        self.mirror = self.estate.open_mirror()
        assert restores or self.mirror.receipt() == before
        if what == "restore and catch up":
            self.catch_up()

    @property
    def lists(self) -> Path:
        return edge_dir(self.folder, EDGE) / LIST_FILE

    def finds(self, template: Template) -> bool:
        likeness = self.mirror.compare(template.subject, template.vector[None])
        return likeness is not None and likeness.score > 0.9999

    # What must hold

    @invariant()
    def nobody_is_found_whose_consent_does_not_stand(self) -> None:
        recognises = self.mirror.recogniser_may_run(self.estate.clock.now)
        edge = self.edge
        for template in self.faces.values():
            match = self.mirror.identify(template.vector[None], GATE, self.estate.clock.now)
            named = match is not None and match.score > 0.9999
            found = self.finds(template)
            assert found <= edge.may_find(template)
            assert named <= (found and template.subject in edge.world.listed)
            assert not (found and template.consent in self.erased)
            if recognises:
                assert found == edge.may_find(template)
                assert named == (found and template.subject in edge.world.listed)

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
TestLists.settings = settings(max_examples=25, stateful_step_count=30)


@pytest.mark.parametrize("seed", range(8))
def test_nor_in_any_of_these_long_lives(seed: int) -> None:
    """Hypothesis likes short and monotonous stories, and shrinks them; most lives of an edge are long and mixed."""
    chance = random.Random(seed)
    lists = Lists()
    try:
        lists.somebody_lives_here()
        for _ in range(80):
            live_on(lists, chance)
            lists.nobody_is_found_whose_consent_does_not_stand()
            lists.it_counts_as_the_core_does_what_it_was_told()
    finally:
        lists.teardown()


def live_on(lists: Lists, chance: random.Random) -> None:
    which, size = chance.randrange(1 << 16), chance.randint(1, 3)
    match chance.choices(["core", "way", "hide", "snapshot", "part", "edge", "core restored"], [10, 4, 2, 1, 3, 2, 1])[
        0
    ]:
        case "core":
            then = chance.choice(HEARS)
            lists.core_changes(chance.choice(HAPPENS), chance.choice(PEOPLE), chance.random() < 0.5, which, then)
        case "way":
            lists.something_arrives(chance.choice(ARRIVES), which, size)
        case "hide":
            lists.somebody_is_hidden(size, chance.choice(PEOPLE))
        case "snapshot":
            lists.snapshot(size, chance.random() < 0.5)
        case "part" if lists.rendered:
            lists.part_arrives(which, chance.randrange(3))
        case "edge":
            lists.edge_restarts(chance.choice(RESTARTS), which)
        case "core restored":
            lists.core_restored(2 * size, chance.random() < 0.5)
