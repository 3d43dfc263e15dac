"""Whatever order things happen in, the store holds what a dictionary would, and every key it needs and no other."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.contract.consent import ActiveConsent
from tests.support.consents import standing_consent
from tests.watchlists.store.shelf import DIMENSION, MODEL, Shelf, as_found, face
from watchlists.faces.template import Template
from watchlists.store.vault import PAGE_KEYS

SUBJECTS = [standing_consent().subject for _ in range(4)]
PROOFS = [standing_consent(subject) for subject in SUBJECTS for _ in range(2)]
NAMES = [face().template_id for _ in range(12)]
A_FEW = st.lists(st.tuples(st.sampled_from(PROOFS), st.sampled_from(NAMES)), max_size=6)


class Sequences(RuleBasedStateMachine):
    """Puts, erasures, locks, changes taken back, process deaths, crowds that fill pages and go."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.opened = ExitStack()
        self.shelf = self.opened.enter_context(Shelf.open(self.folder / "lists.db"))
        self.kept: dict[str, Template] = {}
        self.locked: set[ActiveConsent] = set()
        self.crowd: list[Template] = []

    def teardown(self) -> None:
        self.opened.close()
        shutil.rmtree(self.folder)

    @rule(wanted=A_FEW)
    def put(self, wanted: list[tuple[ActiveConsent, str]]) -> None:
        templates = [face(proof, name=name) for proof, name in wanted]
        self.shelf.put(*templates)
        for template in templates:
            self._keep(template)

    @rule(subject=st.sampled_from(SUBJECTS))
    def erase_subject(self, subject: str) -> None:
        gone = [name for name, one in self.kept.items() if one.subject == subject]
        assert self.shelf.erase(subjects=[one for one in SUBJECTS if one == subject]) == len(gone)
        self._forget(gone)

    @rule(proof=st.sampled_from(PROOFS))
    def erase_consent(self, proof: ActiveConsent) -> None:
        gone = [name for name, one in self.kept.items() if one.proof == proof]
        assert self.shelf.erase(consents=[(proof.subject, proof.consent)]) == len(gone)
        self._forget(gone)

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def erase_templates(self, names: set[str]) -> None:
        gone = [name for name in self.kept if name in names]
        assert self.shelf.erase(templates=[one for one in NAMES if one in names]) == len(gone)
        self._forget(gone)

    @rule(proof=st.sampled_from(PROOFS), locked=st.booleans())
    def lock(self, proof: ActiveConsent, locked: bool) -> None:
        with self.shelf.file.transaction():
            self.shelf.store.lock([(proof.subject, proof.consent)], locked)
        if locked and any(one.proof == proof for one in self.kept.values()):
            self.locked.add(proof)
        elif not locked:
            self.locked.discard(proof)

    @rule(wanted=A_FEW, subject=st.sampled_from(SUBJECTS))
    def take_a_change_back(self, wanted: list[tuple[ActiveConsent, str]], subject: str) -> None:
        db = self.shelf.file.db
        db.execute("BEGIN IMMEDIATE")
        self.shelf.store.put([face(proof, name=name) for proof, name in wanted])
        self.shelf.store.erase(subjects=[one for one in SUBJECTS if one == subject])
        db.execute("ROLLBACK")

    @rule()
    def die_and_start_again(self) -> None:
        self.opened.close()
        self.opened = ExitStack()
        self.shelf = self.opened.enter_context(Shelf.open(self.folder / "lists.db"))

    @rule(people=st.sampled_from([PAGE_KEYS - 1, PAGE_KEYS + 1]))
    def a_crowd_comes_or_goes(self, people: int) -> None:
        if self.crowd:
            assert self.shelf.erase(subjects=[one.subject for one in self.crowd]) == len(self.crowd)
            self.crowd = []
        else:
            self.crowd = [face() for _ in range(people)]
            self.shelf.put(*self.crowd)

    @invariant()
    def it_holds_what_it_should(self) -> None:
        assert self.shelf.found() == as_found(*self.kept.values(), *self.crowd)
        told = {one.template_id: (one.subject, one.consent, one.locked) for one in self.shelf.store.kept()}
        crowd = {one.template_id for one in self.crowd}
        assert {name: what for name, what in told.items() if name not in crowd} == {
            name: (one.subject, one.consent, one.proof in self.locked) for name, one in self.kept.items()
        }

    @invariant()
    def single_vectors_are_the_same(self) -> None:
        exact = self.shelf.store.exact(MODEL, DIMENSION)
        found = exact.vectors(NAMES)
        exact.close()
        for name, vector in zip(NAMES, found, strict=True):
            template = self.kept.get(name)
            assert np.isnan(vector).all() if template is None else np.array_equal(vector, template.vector)

    @invariant()
    def there_is_a_key_for_each_holding_and_no_other(self) -> None:
        holdings = {(one.subject, one.consent) for one in self.shelf.store.holdings()}
        assert holdings == {(one.subject, one.consent) for one in (*self.kept.values(), *self.crowd)}
        (keys,) = self.shelf.file.db.execute(f"SELECT coalesce(sum({PAGE_KEYS} - free), 0) FROM key_pages").fetchone()
        assert keys == len(holdings)

    @invariant()
    def there_is_a_sheet_for_each_holding_and_a_look_up_for_each_template(self) -> None:
        db = self.shelf.file.db
        assert db.execute("SELECT count(*) FROM face_templates").fetchone()[0] == len(list(self.shelf.store.holdings()))
        assert db.execute("SELECT count(*) FROM template_places").fetchone()[0] == len(self.kept) + len(self.crowd)

    def _keep(self, template: Template) -> None:
        before = self.kept.pop(template.template_id, None)
        self.kept[template.template_id] = template
        if before is not None:
            self._unlock_the_empty()

    def _forget(self, names: list[str]) -> None:
        for name in names:
            del self.kept[name]
        self._unlock_the_empty()

    def _unlock_the_empty(self) -> None:
        """A lock goes with the last template it locks."""
        self.locked &= {one.proof for one in self.kept.values()}


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=25, stateful_step_count=20)
