"""What time does: offers lapse, deadlines pass, children turn 14, consents end. Twice is once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from core.errors import ConflictError
from core.people.consent.due import do_due_transitions
from core.people.consent.errors import GuardianDetailsError
from core.people.consent.ledger import (
    do_grant_consent,
    do_resume,
    do_show_notice,
    do_suspend,
    do_withdraw_consent,
)
from core.people.consent.periods import CHINA_TIME, is_under_14, turns_14
from core.people.consent.queries import erasures_of
from core.people.consent.words import Scope, SuspendReason
from core.people.notices import current_notice
from core.people.subjects import do_put_subject
from core.storage.database import Database
from core.storage.schema import ConsentRow, ErasureRow
from tests.core.estates import NOW
from tests.core.people.consent.people import (
    CHILD_BORN,
    act,
    consenting,
    events,
    guarded,
    keep_template,
    person,
    templates,
    told,
)

WORDS = current_notice(Scope.FACE_ACCESS)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
BIRTHDAY = datetime(2030, 5, 4, tzinfo=CHINA_TIME)


def test_an_offer_nobody_answers_lapses_and_can_be_made_again(known_database: Database) -> None:
    with known_database.writing() as db:
        who = person(db)
        row = do_show_notice(db, who, WORDS, act())
        assert do_due_transitions(db, NOW + 30 * DAY - SECOND) == {}
        assert do_due_transitions(db, NOW + 30 * DAY) == {"expire_offer": 1}
        assert do_due_transitions(db, NOW + 30 * DAY) == {}
        assert (row.state, row.deadline_at) == ("none", None)
        assert do_show_notice(db, who, WORDS, act(NOW + 31 * DAY)) is row
        assert row.state == "noticed"


def test_a_consent_ends_after_a_year_and_its_templates_with_it(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        row = consenting(db)
        keep_template(db, row)
        assert do_due_transitions(db, NOW + 365 * DAY - SECOND) == {}
        assert do_due_transitions(db, NOW + 365 * DAY) == {"expire": 1}
        assert (row.state, templates(db)) == ("expired", [])
        assert [one.edge_id for one in erasures_of(db, row.id)] == ["edge-1", "edge-2"]
        assert do_due_transitions(db, NOW + 366 * DAY) == {}


def test_it_ends_with_the_persons_validity_if_that_is_sooner(known_database: Database) -> None:
    with known_database.writing() as db:
        row = consenting(db, person(db, valid_until=NOW + DAY))
        assert do_due_transitions(db, NOW + DAY - SECOND) == {}
        assert do_due_transitions(db, NOW + DAY) == {"expire": 1, "purge": 1}
        assert (row.state, events(row)[-2:]) == ("purged", ["expire", "purge"])


def test_what_stays_suspended_for_30_days_is_erased(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        row = consenting(db)
        keep_template(db, row)
        do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act())
        assert do_due_transitions(db, NOW + 30 * DAY - SECOND) == {}
        assert do_due_transitions(db, NOW + 30 * DAY) == {"deadline": 1}
        assert (row.state, templates(db)) == ("expired", [])


def test_on_the_14th_birthday_a_guardians_word_no_longer_counts(trusting_database: Database) -> None:
    granted = BIRTHDAY - 10 * DAY
    with trusting_database.writing() as db:
        decides, does_not = (person(db, born=CHILD_BORN, now=granted) for _ in range(2))
        rows = [guarded(db, child, now=granted) for child in (decides, does_not)]
        kept = keep_template(db, rows[0])
        keep_template(db, rows[1])
        assert do_due_transitions(db, BIRTHDAY - SECOND) == {}
        assert do_due_transitions(db, BIRTHDAY) == {"turn14": 2}
        assert do_due_transitions(db, BIRTHDAY) == {}
        assert [row.state for row in rows] == ["reconsent_due", "reconsent_due"]
        assert ("lock_templates", rows[0].id) in told(db)
        again = do_grant_consent(db, decides, WORDS, channel="self_service", given_by="self", now=BIRTHDAY + DAY)
        assert again is rows[0]
        assert (again.state, again.given_by, again.guardian) == ("active", "self", None)
        assert ("unlock_templates", rows[0].id) in told(db)
        assert do_due_transitions(db, BIRTHDAY + 30 * DAY) == {"deadline": 1}
        assert (rows[1].state, templates(db)) == ("expired", [kept])


def test_who_turned_14_while_suspended_is_asked_when_resumed(known_database: Database) -> None:
    granted = BIRTHDAY - DAY
    with known_database.writing() as db:
        row = guarded(db, person(db, born=CHILD_BORN, now=granted), now=granted)
        do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act(granted))
        assert do_due_transitions(db, BIRTHDAY) == {}
        do_resume(db, row, act(BIRTHDAY))
        assert row.state == "reconsent_due", "not a minute in between"
        assert told(db)[-1] == ("lock_templates", row.id)


def test_entering_the_birthday_again_makes_no_guardians_word_last(known_database: Database) -> None:
    granted = BIRTHDAY - DAY
    with known_database.writing() as db:
        child = person(db, born=CHILD_BORN, now=granted)
        row = guarded(db, child, now=granted)
        do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act(granted))
        do_put_subject(
            db,
            child.key,
            name="王小明",
            kind="resident",
            checkpoints=["gate"],
            valid_from=NOW,
            valid_until=None,
            now=BIRTHDAY,
            born=CHILD_BORN,
        )
        assert do_resume(db, row, act(BIRTHDAY)).state == "reconsent_due"


def test_no_guardian_consents_anew_for_who_has_turned_14(known_database: Database) -> None:
    granted = BIRTHDAY - DAY
    with known_database.writing() as db:
        child = person(db, born=CHILD_BORN, now=granted)
        guarded(db, child, now=granted)
        assert do_due_transitions(db, BIRTHDAY) == {"turn14": 1}
        with pytest.raises(GuardianDetailsError, match="turned 14"):
            guarded(db, child, now=BIRTHDAY)


def test_nothing_is_resumed_beyond_its_end(known_database: Database) -> None:
    with known_database.writing() as db:
        leaves = person(db, valid_until=NOW + DAY)
        row = consenting(db, leaves)
        do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act())
        with pytest.raises(ConflictError, match="the consent ended"):
            do_resume(db, row, act(NOW + DAY))


def test_the_birthday_begins_in_china(known_database: Database) -> None:
    assert not is_under_14(date(2030, 5, 4), datetime(2030, 5, 3, 16, tzinfo=UTC))
    assert is_under_14(date(2030, 5, 4), datetime(2030, 5, 3, 15, 59, tzinfo=UTC))
    assert turns_14(date(2016, 2, 29)) == date(2030, 3, 1)


def test_a_consent_of_before_consents_had_an_end_gets_one(known_database: Database) -> None:
    with known_database.writing() as db:
        row = consenting(db)
        row.expires_at = None
        assert do_due_transitions(db, NOW + DAY) == {}
        assert row.expires_at == NOW + timedelta(days=365)
        row.expires_at = None
        assert do_due_transitions(db, NOW + 800 * DAY) == {}
        assert row.expires_at == NOW + 830 * DAY  # long over, but not from one minute to the next


def test_what_ended_before_proofs_were_asked_for_is_asked_now_and_not_just_called_purged(
    trusting_database: Database,
) -> None:
    with trusting_database.writing() as db:
        row = consenting(db)
        do_withdraw_consent(db, row, "desk-1", NOW)
        for one in erasures_of(db, row.id):
            db.delete(one)
        db.flush()
        assert do_due_transitions(db, NOW + DAY) == {"asked_for_proof": 1}
        assert [(one.edge_id, one.confirmed_at) for one in erasures_of(db, row.id)] == [
            ("edge-1", None),
            ("edge-2", None),
        ]
        for one in db.scalars(select(ErasureRow)):
            one.confirmed_at = NOW + DAY
        assert do_due_transitions(db, NOW + DAY) == {"purge": 1}


def test_nobody_is_called_purged_before_edges_were_asked_however_many_there_are(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        rows = [consenting(db) for _ in range(3)]
        for row in rows:
            do_withdraw_consent(db, row, "desk-1", NOW)
        db.execute(delete(ErasureRow))
        runs = [do_due_transitions(db, NOW + DAY, limit=1) for _ in range(4)]
        assert runs == [{"asked_for_proof": 1}] * 3 + [{}]
        assert {row.state for row in rows} == {"withdrawn"}


def test_storing_on_the_server_ends_with_what_there_is_to_store(known_database: Database) -> None:
    with known_database.writing() as db:
        who = person(db)
        access = consenting(db, who)
        storing = consenting(db, who, current_notice(Scope.FACE_SITE_SERVER))
        assert do_due_transitions(db, NOW + DAY) == {}
        do_withdraw_consent(db, access, "desk-1", NOW + DAY)
        assert do_due_transitions(db, NOW + DAY)["withdraw"] == 1
        assert storing.events[-2]["reason"] == "access_ended"


def test_more_than_fits_into_one_run_is_done_by_the_next(known_database: Database) -> None:
    with known_database.writing() as db:
        for _ in range(5):
            consenting(db)
        runs = [do_due_transitions(db, NOW + 365 * DAY, limit=2)["expire"] for _ in range(4)]
        assert runs == [2, 2, 1, 0]


def test_two_cores_at_once_do_it_once(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        ids = [consenting(db).id for _ in range(20)]

    def core(_: int) -> int:
        with trusting_database.writing() as db:
            return do_due_transitions(db, NOW + 365 * DAY)["expire"]

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(core, range(2))) == 20
    with trusting_database.reading() as db:
        rows = [db.get(ConsentRow, one) for one in ids]
        assert [events(row) for row in rows if row is not None] == [["notice_shown", "grant", "expire"]] * 20
