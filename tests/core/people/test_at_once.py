"""Two things happen to the same person at the same moment: whoever is second sees what the first did."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import select

from core.contract.config import EstateConfig
from core.contract.ids import new_id
from core.ingest.arrivals import read
from core.ingest.batch import Rulebook, commit_batch
from core.lists.changes import lock_edges
from core.lists.sync_places import do_sync_places
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.passes import do_issue_pass, do_revoke_pass
from core.people.subjects import do_put_subject, do_remove_subject
from core.people.vehicles import do_put_vehicle
from core.storage.database import Database
from core.storage.schema import PassRow, SealedTemplateRow
from tests.core.estates import NOW, PLATES, EdgeKey, consenting_person, enrol, event, give_ticket, sealed_template
from tests.core.people.test_people import LATER, SIGNING_KEY

_HEAD_START_S = 0.5
"""Time for the second to come as far as it can. Too short a time makes these tests prove less, never fail."""


class Meanwhile:
    """``work`` in a thread, as far as it comes while the test holds its locks."""

    def __init__(self, work: Callable[[], object]) -> None:
        pool = ThreadPoolExecutor(1)
        self._end = pool.submit(work)
        pool.shutdown(wait=False)
        wait([self._end], _HEAD_START_S)

    def is_done(self) -> None:
        """Once the locks are free it must end, and well."""
        self._end.result(30)


def edges_with_templates(database: Database) -> list[tuple[str, str]]:
    with database.reading() as db:
        return sorted((row.subject, row.edge_id) for row in db.scalars(select(SealedTemplateRow)))


def test_a_template_is_not_kept_for_an_edge_the_person_leaves_at_that_moment(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate", "back")
    arriving = sealed_template(who, consent, edge_keys)

    def store() -> None:
        with trusting_database.writing() as db:
            enrol(db, arriving)

    with trusting_database.writing() as moving:
        do_put_subject(
            moving,
            who,
            name="王小明",
            kind="resident",
            checkpoints=["back"],
            valid_from=NOW,
            valid_until=None,
            now=NOW,
        )
        second = Meanwhile(store)
    second.is_done()
    assert edges_with_templates(trusting_database) == [(who, "edge-2")]


def test_a_withdrawal_and_a_batch_of_templates_never_block_each_other_for_good(
    trusting_database: Database, config: EstateConfig, edge_keys: dict[str, EdgeKey]
) -> None:
    stays, withdraws = (consenting_person(trusting_database, "gate") for _ in range(2))
    key = {"edge-1": edge_keys["edge-1"]}
    reads = [
        read(event(sealed_template(who, consent, key), number), "test-estate")
        for number, (who, consent) in enumerate((stays, withdraws), 1)
    ]
    with trusting_database.writing() as db:
        for who, consent in (stays, withdraws):
            give_ticket(db, who, consent)

    def ingest() -> None:
        with trusting_database.writing() as db:
            commit_batch(db, reads, Rulebook.of(config), NOW)

    with trusting_database.writing() as db:
        ending = check_withdraw(db, withdraws[1])
        second = Meanwhile(ingest)
        do_withdraw_consent(db, ending, "desk-1", NOW)
    second.is_done()
    assert edges_with_templates(trusting_database) == [(stays[0], "edge-1")]


@pytest.mark.parametrize("what", ["person", "vehicle"])
def test_who_moves_and_a_withdrawal_never_block_each_other_for_good(what: str, known_database: Database) -> None:
    """Moving from the second edge to the first: told in that order, but locked in the order everybody locks them."""
    key = new_id()

    def put(checkpoint: str) -> None:
        where = [checkpoint]
        with known_database.writing() as db:
            if what == "person":
                do_put_subject(
                    db,
                    key,
                    name="王小明",
                    kind="resident",
                    checkpoints=where,
                    valid_from=NOW,
                    valid_until=None,
                    now=NOW,
                )
            else:
                do_put_vehicle(
                    db,
                    key,
                    plate="京A12345",
                    kind="resident",
                    checkpoints=where,
                    valid_from=NOW,
                    valid_until=None,
                    plates=PLATES,
                    now=NOW,
                )

    put("back")
    with known_database.writing() as ending:
        lock_edges(ending, ["edge-1"])
        second = Meanwhile(lambda: put("gate"))
        lock_edges(ending, ["edge-1", "edge-2"])
    second.is_done()


def test_two_processes_that_start_together_both_start(database: Database, config: EstateConfig) -> None:
    def start() -> None:
        with database.writing() as db:
            assert do_sync_places(db, config) == frozenset()

    with database.writing() as db:
        assert do_sync_places(db, config) == {"edge-1", "edge-2"}
        second = Meanwhile(start)
    second.is_done()


def test_a_person_is_removed_while_their_pass_is_taken_back(known_database: Database) -> None:
    who, _ = consenting_person(known_database, "gate")
    pass_id = new_id()
    with known_database.writing() as db:
        do_issue_pass(db, pass_id, who, valid_from=NOW, valid_until=LATER, signing_key=SIGNING_KEY, now=NOW)

    def remove() -> None:
        with known_database.writing() as db:
            do_remove_subject(db, who, NOW)

    with known_database.writing() as db:
        db.get(PassRow, pass_id, with_for_update=True)
        second = Meanwhile(remove)
        do_revoke_pass(db, pass_id, NOW)
    second.is_done()
    with known_database.reading() as db:
        row = db.get(PassRow, pass_id)
        assert row is not None
        assert row.revoked_at == NOW
