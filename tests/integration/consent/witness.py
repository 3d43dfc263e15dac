"""Looks at core and edges after every step, from outside, and says what must never be."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from sqlalchemy import select

from core.contract.lists import ListReceiptV1
from core.lists.rolls import roll_of
from core.people.edges import is_trusted
from core.storage.schema import ConsentRow, ErasureRow, SealedTemplateRow
from tests.integration.consent.core_side import FACE_CHECKPOINTS, SOUGHT_AT
from tests.integration.consent.edge_side import FRESH_FOR, Edge
from tests.integration.consent.house import House
from tests.integration.consent.model import LEDGER_STATES, STANDING, Enrolled, State

LEDGER_STANDING = frozenset({"active", "suspended", "reconsent_due"})


class Witness:
    """Remembers what was proved once, and since when nobody may be found by a template any more."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._proved: set[tuple[str, str]] = set()
        """(consent, edge): the core accepted that edge's signed receipt for the erasure."""
        self._receipts: set[tuple[str, str, str]] = set()
        """(consent, edge, receipt) that have been looked at."""
        self._hidden_since: dict[str, datetime] = {}
        self._hidden_at: dict[tuple[str, str], int] = {}
        """(template, edge) to the list number from which on that edge can't find it."""

    # -- what happens to files that nothing can tell apart from what they were

    def edge_went_back_unnoticed(self, edge: str) -> None:
        """Lists and anchor were put back together: as an edge that was switched off since, it may find for a day."""
        self._proved = {one for one in self._proved if one[1] != edge}

    def core_went_back(self) -> None:
        """Numbers it gives now may mean something else than before."""
        self._hidden_at.clear()

    # -- after every step

    def look(self) -> None:
        self._templates_rest_on_consents_that_stand()
        self._ledger_says_what_happened()
        self._confirmations_are_true()
        self._note_who_is_hidden()
        for edge in self._house.edges.values():
            self._stale_lists_answer_nobody(edge)
            for template in self._house.model.templates.values():
                self._found_only_by_consent(edge, template)

    def _templates_rest_on_consents_that_stand(self) -> None:
        model = self._house.model
        rests_on = select(SealedTemplateRow.consent_id, SealedTemplateRow.subject, ConsentRow.subject, ConsentRow.state)
        with self._house.core.database.reading() as db:
            rows = db.execute(rests_on.join(ConsentRow, ConsentRow.id == SealedTemplateRow.consent_id)).all()
        for consent, person, of, state in rows:
            assert state in LEDGER_STANDING, f"a sealed template rests on a consent that is {state}"
            assert person == of, "a sealed template rests on somebody else's consent"
            told = model.consents[consent].state
            assert told in STANDING, f"a sealed template rests on a consent that is {told} in truth"

    def _ledger_says_what_happened(self) -> None:
        model = self._house.model
        with self._house.core.database.reading() as db:
            states = {row.id: row.state for row in db.execute(select(ConsentRow.id, ConsentRow.state))}
        for one in model.consents.values():
            said = LEDGER_STATES[states[one.id]] if one.id in states else State.OVER
            if one.revived and said is State.OVER:
                model.ended(one.id)  # an edge remembered what the core had forgotten
            assert said is one.state, f"the ledger says {said} of a consent that is {one.state}"

    def _confirmations_are_true(self) -> None:
        for row in self._house.core.confirmed():
            if row.written_off_by is not None:
                assert row.receipt is None, "somebody's word passes for a proof"
                continue
            assert row.receipt is not None
            if (row.consent_id, row.edge_id, row.receipt) in self._receipts:
                continue
            self._receipts.add((row.consent_id, row.edge_id, row.receipt))
            signature = ListReceiptV1.model_validate_json(row.receipt).signature_base64
            held = self._house.edges[row.edge_id].held_when_signed[str(signature)]
            assert row.consent_id not in held, f"{row.edge_id} confirmed an erasure and held a template of it"
            self._proved.add((row.consent_id, row.edge_id))

    def _note_who_is_hidden(self) -> None:
        heads = self._house.core.heads()
        for template in self._house.model.templates.values():
            if self._house.model.searchable(template):
                self._hidden_since.pop(template.id, None)
                for name in heads:
                    self._hidden_at.pop((template.id, name), None)
            elif template.id not in self._hidden_since:
                self._hidden_since[template.id] = self._house.clock()
                for name, edge in self._house.edges.items():
                    if edge.mirror.version <= heads[name]:
                        self._hidden_at[template.id, name] = heads[name]

    def _stale_lists_answer_nobody(self, edge: Edge) -> None:
        now = self._house.clock()
        fresh = edge.newest_roll is not None and now - edge.newest_roll <= FRESH_FOR
        assert fresh or not edge.mirror.recogniser_may_run(now), f"{edge.id} recognises faces with lists of yesterday"

    def _found_only_by_consent(self, edge: Edge, template: Enrolled) -> None:
        found = edge.finds(template.person, template.vector)
        if found is None:
            return
        how, whom = found
        model, here = self._house.model, f"by {edge.id} ({how})"
        assert whom == template.person, f"somebody is taken for another {here}"
        assert (template.consent, edge.id) not in self._proved, f"found {here} after it proved that it erased them"
        sought = model.people[template.person].case is not None
        assert sought is (how == "sought") or how == "compared", f"found in the wrong way {here}"
        if model.searchable(template):
            end = model.end_of(template)
            late = end is not None and self._house.clock() - end > FRESH_FOR
            assert not late, f"found {here} more than a day after the consent's own end"
            return
        hidden = self._house.clock() - self._hidden_since[template.id]
        assert hidden <= FRESH_FOR, f"found {here} more than a day after it must not be"
        until = edge.told_to_hide.get(template.person, 0)
        assert until <= edge.mirror.version, f"found {here} although it was told to hide them until number {until}"
        number = self._hidden_at.get((template.id, edge.id))
        assert number is None or edge.mirror.version < number, f"found {here} although it was told at number {number}"

    # -- at rest

    def complaints(self) -> list[str]:
        """What keeps core and edges from agreeing; nothing once everything has been said and heard."""
        found = []
        for name, edge in self._house.edges.items():
            if is_trusted(self._house.core.edge_row(name)):
                found += self._differences(edge)
        found += self._unfinished_erasures()
        held = self._house.core.templates_held()
        for template in self._house.model.templates.values():
            found += self._misplaced(template, held.get(template.id, frozenset()))
        return found

    def _differences(self, edge: Edge) -> list[str]:
        head, receipt = self._house.core.edge_row(edge.id).list_head, edge.mirror.receipt()
        with self._house.core.database.reading() as db:
            roll = roll_of(db, edge.id)
        found = []
        if receipt.version != head:
            found.append(f"{edge.id} is at {receipt.version} of {head}")
        if receipt.digest != roll.digest:
            found.append(f"{edge.id} holds other templates than the core says ({receipt.templates}, {roll.templates})")
        if not edge.mirror.recogniser_may_run(self._house.clock()):
            found.append(f"{edge.id} recognises nobody ({receipt.problem})")
        return found

    def _unfinished_erasures(self) -> list[str]:
        with self._house.core.database.reading() as db:
            owed = db.scalars(select(ErasureRow.edge_id).where(ErasureRow.confirmed_at.is_(None))).all()
            waiting = db.scalars(
                select(ConsentRow.id).where(ConsentRow.state.in_(["withdrawn", "expired", "superseded"]))
            ).all()
        return [f"{one} has not confirmed" for one in owed] + [f"{one} is not purged" for one in waiting]

    def _misplaced(self, template: Enrolled, held: frozenset[str]) -> list[str]:
        """Where the template is not found and should be, or is, and should not be."""
        house, person = self._house, self._house.model.people[template.person]
        searchable = house.model.searchable(template)
        found = []
        for name, edge in house.edges.items():
            here = [one for one in FACE_CHECKPOINTS[name] if one in person.checkpoints]
            if person.case is not None:
                here = [one for one in here if one in SOUGHT_AT]
            wanted = searchable and bool(held) and bool(here) and is_trusted(house.core.edge_row(name))
            finds = edge.finds(template.person, template.vector) is not None
            if wanted is not finds:
                found.append(f"{name} {'finds' if finds else 'does not find'} a template that is {template}")
            over = house.model.consents[template.consent].state is State.OVER
            if over and template.consent in edge.consents_on_disk() and is_trusted(house.core.edge_row(name)):
                found.append(f"{name} keeps a template of an ended consent on its disk")
        return found

    def vectors_in_files(self) -> list[str]:
        """Files of core and edges in which a face's vector stands as it is, in bytes or in base64."""
        raw = [one.vector.astype("<f4").tobytes() for one in self._house.model.templates.values()]
        wanted = raw + [base64.b64encode(one) for one in raw]
        files = [one for one in self._house.folder.rglob("*") if one.is_file()]
        wires = [one.payload for one in self._house.bus.ever_sent]
        found = [str(one) for one in files if _stands_in(one.read_bytes(), wanted)]
        return found + ["a message" for one in wires if _stands_in(one, wanted)]


def _stands_in(content: bytes, wanted: list[bytes]) -> bool:
    return any(one in content for one in wanted)


def settle_fully(house: House, witness: Witness, most_rounds: int = 60) -> list[str]:
    """Everybody is there and trusted, nothing is lost, time goes by: what core and edges still disagree about."""
    steps_s = (1, 1, 2, 5, 11, 31, 61, 301)
    for name, edge in house.edges.items():
        edge.connect()
        if house.core.edge_row(name).approved_key_base64 is not None:
            house.approve(name)
            house.write_off_earlier_box(name)
    complaints = ["nothing was looked at"]
    for at in range(most_rounds):
        house.clock.pass_by(timedelta(seconds=steps_s[at % len(steps_s)]))
        house.keep_house()
        for edge in house.edges.values():
            edge.tell_state()
            edge.send_events()
        while house.core.send():
            house.deliver_all()
        house.deliver_all()
        witness.look()
        complaints = witness.complaints()
        if not complaints:
            return []
    return complaints
