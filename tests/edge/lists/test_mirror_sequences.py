"""Whatever happens in whatever order, nobody is found without a consent, and nobody who was erased.

A model of the core issues changes; deltas are lost, doubled, replayed and reordered on the way; the edge is killed and
restarted. After each step the mirror must be exactly what the changes up to its version make of an empty list.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.contract.ids import ConsentId, SubjectKey, TemplateId, new_id
from core.contract.lists import Change, EraseTemplates, ListDeltaV1, NoChange, PutSubject, PutTemplate, RemoveSubject
from core.contract.vocabulary import Reason
from tests.edge.lists.estate import GATE, NOON, Estate, face, resident
from watchlists.face_index import Template

PEOPLE = [SubjectKey(new_id()) for _ in range(3)]
CONSENTS = {person: [ConsentId(new_id()) for _ in range(2)] for person in PEOPLE}
people = st.sampled_from(PEOPLE)
which = st.integers(0, 1)


class Lists(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.estate = Estate(self.folder)
        self.mirror = self.estate.open_mirror()
        self.changes: list[Change] = []
        self.templates: dict[TemplateId, Template] = {}
        self.seen: list[ListDeltaV1] = []
        self.seeds = 0

    def teardown(self) -> None:
        self.mirror.close()
        shutil.rmtree(self.folder)

    @rule(person=people)
    def list_person(self, person: SubjectKey) -> None:
        self.changes.append(resident(person))

    @rule(person=people)
    def remove_person(self, person: SubjectKey) -> None:
        self.changes.append(RemoveSubject(subject=person))

    @rule(person=people, at=which)
    def enrol(self, person: SubjectKey, at: int) -> None:
        self.seeds += 1
        template = face(self.seeds, person, CONSENTS[person][at])
        self.templates[template.template_id] = template
        self.changes.append(self.estate.put(template))

    @rule(person=people, at=which)
    def end_consent(self, person: SubjectKey, at: int) -> None:
        self.changes.append(EraseTemplates(subject=person, consent=CONSENTS[person][at]))

    @rule()
    def overtaken(self) -> None:
        self.changes.append(NoChange())

    @precondition(lambda self: self.changes)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any run of numbers, from anywhere: the next ones, old ones again, or some after a gap."""
        first = data.draw(st.integers(1, len(self.changes)))
        last = data.draw(st.integers(first, len(self.changes)))
        delta = self.estate.delta_from(first, self.changes[first - 1 : last])
        self.seen.append(delta)
        self.apply(delta)

    @precondition(lambda self: self.changes)
    @rule()
    def catch_up(self) -> None:
        """What the core does with a receipt: send everything behind it."""
        version = self.mirror.receipt().version
        if version < len(self.changes):
            self.apply(self.estate.delta_from(version + 1, self.changes[version:]))
        assert self.mirror.receipt().version == len(self.changes)

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        self.apply(data.draw(st.sampled_from(self.seen)))

    @rule()
    def restart(self) -> None:
        before = self.mirror.receipt()
        self.mirror.close()
        self.mirror = self.estate.open_mirror()
        assert self.mirror.receipt() == before

    def apply(self, delta: ListDeltaV1) -> None:
        held = self.mirror.receipt().version
        receipt = self.mirror.apply(delta)
        expected = delta.last if delta.first <= held + 1 else held
        assert receipt.version == max(held, expected)
        assert receipt.problem is None

    @invariant()
    def the_mirror_is_what_its_changes_say(self) -> None:
        listed: set[SubjectKey] = set()
        templates: dict[TemplateId, Template] = {}
        for change in self.changes[: self.mirror.receipt().version]:
            match change:
                case PutTemplate():
                    templates[change.template_id] = self.templates[change.template_id]
                case EraseTemplates():
                    gone = (change.subject, change.consent)
                    templates = {key: one for key, one in templates.items() if (one.subject, one.consent) != gone}
                case RemoveSubject():
                    listed.discard(change.subject)
                    templates = {key: one for key, one in templates.items() if one.subject != change.subject}
                case NoChange():
                    pass
                case PutSubject():
                    listed.add(change.subject)
        assert self.mirror.receipt().templates == len(templates)
        for person in PEOPLE:
            standing = self.mirror.subject_standing(person, GATE, NOON)
            assert standing is (Reason.LISTED if person in listed else Reason.UNLISTED)
        for key, template in self.templates.items():
            probe = template.vector[None]
            cosine = self.mirror.compare(template.subject, probe)
            assert (cosine is not None and cosine > 0.9999) == (key in templates)
            match = self.mirror.identify(probe, GATE, NOON)
            found = match is not None and match.score > 0.9999
            assert found == (key in templates and template.subject in listed)


TestLists = Lists.TestCase
TestLists.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
