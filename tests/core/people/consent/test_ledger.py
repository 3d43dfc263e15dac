"""What people do about a consent, on the real tables of both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from core.errors import ConflictError, InvalidError
from core.people.consent.endings import do_end_restored, do_purge_confirmed, do_supersede
from core.people.consent.errors import (
    AskedTooSoonError,
    ConsentEndedError,
    GuardianDetailsError,
    GuardianNeededError,
)
from core.people.consent.guardians import Guardian
from core.people.consent.ledger import (
    check_consent,
    check_withdraw,
    do_decline,
    do_grant,
    do_grant_consent,
    do_reopen,
    do_resume,
    do_show_notice,
    do_suspend,
    do_withdraw_consent,
)
from core.people.consent.machine import ConsentEvent, IllegalTransitionError
from core.people.consent.queries import active_consent, consents_of, erasures_of, standing_consent
from core.people.consent.words import GivenBy, GuardianEvidence, Relation, Scope, SuspendReason
from core.people.notices import Notice, current_notice, notice
from core.people.subjects import do_put_subject, do_remove_subject
from core.people.tombstones import noted_entries
from core.storage.database import Database
from core.storage.schema import EdgeRow, ErasureRow, TemplateLockRow
from tests.core.estates import NOW
from tests.core.people.consent.people import (
    CHILD_BORN,
    MOTHER,
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
LATER = NOW + timedelta(days=1)


def test_a_notice_is_shown_then_agreed_to_and_the_history_says_who_when_where(known_database: Database) -> None:
    with known_database.writing() as db:
        shown = do_show_notice(db, person(db), WORDS, act(), locale="en")
        assert (shown.state, shown.granted_at, shown.locale) == ("noticed", None, "en")
        assert do_show_notice(db, person(db), WORDS, act()).id != shown.id
        row = do_grant(db, shown, act(LATER), given_by=GivenBy.SELF, evidence_ref="file-9")
        assert (row.state, row.granted_at, row.expires_at) == ("active", LATER, LATER + timedelta(days=365))
        assert row.deadline_at is None
        assert row.events[-1] == {
            "event": "grant",
            "from": "noticed",
            "to": "active",
            "at": LATER.isoformat(),
            "by": "desk-1",
            "channel": "desk",
            "notice": "face-access-3",
        }


def test_the_same_notice_shown_twice_is_one_offer_and_another_one_replaces_it(known_database: Database) -> None:
    with known_database.writing() as db:
        who = person(db)
        first = do_show_notice(db, who, notice("face-access-1"), act())
        assert do_show_notice(db, who, notice("face-access-1"), act(LATER)) is first
        assert do_show_notice(db, who, WORDS, act(LATER)) is first
        assert (first.notice_version, events(first)) == (
            "face-access-3",
            ["notice_shown", "expire_offer", "notice_shown"],
        )


def test_who_declined_is_left_alone_for_90_days_unless_they_come_by_themselves(known_database: Database) -> None:
    with known_database.writing() as db:
        who = person(db)
        declined = do_decline(db, do_show_notice(db, who, WORDS, act()), act())
        almost = NOW + timedelta(days=89, hours=23)
        with pytest.raises(AskedTooSoonError, match="2027-02-20") as refused:
            do_show_notice(db, who, WORDS, act(almost))
        assert refused.value.until == NOW + timedelta(days=90)
        with pytest.raises(AskedTooSoonError):
            do_grant_consent(db, who, WORDS, channel="desk", given_by="self", now=almost)
        assert do_reopen(db, declined, WORDS, act(almost)).state == "noticed"
        do_decline(db, declined, act(almost))
        asked_again = do_show_notice(db, who, WORDS, act(almost + timedelta(days=90)))
        assert (asked_again.id != declined.id, asked_again.state) == (True, "noticed")


def test_who_declined_and_comes_by_themselves_can_agree_at_once(known_database: Database) -> None:
    with known_database.writing() as db:
        who = person(db)
        row = do_decline(db, do_show_notice(db, who, WORDS, act()), act())
        given = do_grant_consent(db, who, WORDS, channel="desk", given_by="self", now=LATER, reopened=True)
        assert given is row
        assert events(row) == ["notice_shown", "decline", "subject_reopens", "grant"]


def test_suspending_locks_at_every_edge_and_resuming_unlocks(known_database: Database) -> None:
    with known_database.writing() as db:
        row = consenting(db)
        template = keep_template(db, row)
        do_suspend(db, row, SuspendReason.EVIDENCE_IN_DOUBT, act(LATER))
        assert (row.state, row.deadline_at) == ("suspended", LATER + timedelta(days=30))
        assert row.events[-1]["reason"] == "evidence_in_doubt"
        assert (active_consent(db, row.subject), standing_consent(db, row.subject)) == (None, row)
        do_resume(db, row, act(LATER))
        assert (row.state, row.deadline_at, templates(db)) == ("active", None, [template])
        for edge in ("edge-1", "edge-2"):
            assert told(db, edge) == [("lock_templates", row.id), ("unlock_templates", row.id)]
        with pytest.raises(IllegalTransitionError, match="possible now: withdraw"):
            check_consent(db, row.id, ConsentEvent.RESUME)


@pytest.mark.parametrize("suspended", [False, True])
def test_withdrawing_erases_here_tells_every_edge_and_asks_the_trusted_ones_for_proof(
    suspended: bool, trusting_database: Database
) -> None:
    with trusting_database.writing() as db:
        db.add(EdgeRow(id="edge-3", online=False, list_head=0, list_acked=0))
        row = consenting(db)
        template = keep_template(db, row)
        db.add(TemplateLockRow(template_id=template, subject=row.subject, consent_id=row.id, reason="disputed", at=NOW))
        if suspended:
            do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act())
        do_withdraw_consent(db, check_withdraw(db, row.id), "desk-1", LATER)
        assert (row.state, row.ended_at, templates(db)) == ("withdrawn", LATER, [])
        assert db.scalars(select(TemplateLockRow)).all() == []
        asked = {one.edge_id: one.number for one in erasures_of(db, row.id)}
        heads = {edge.id: edge.list_head for edge in db.scalars(select(EdgeRow))}
        assert asked == {"edge-1": heads["edge-1"], "edge-2": heads["edge-2"]}
        assert told(db, "edge-3")[-1] == ("erase_templates", row.id)
        assert [(one.consent, one.event) for one in noted_entries(db)][-1:] == [(row.id, "withdraw")]
        with pytest.raises(ConsentEndedError, match="ended at 2026-11-23"):
            check_withdraw(db, row.id)


def test_it_is_purged_when_the_last_edge_has_proved_and_a_new_consent_begins_there(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        who = person(db)
        row = consenting(db, who)
        do_withdraw_consent(db, row, "desk-1", NOW)
        for edge, purged in (("edge-1", []), ("edge-2", [row.id])):
            erasure = db.get(ErasureRow, (row.id, edge))
            assert erasure is not None
            erasure.confirmed_at = LATER
            db.flush()
            assert do_purge_confirmed(db, edge, LATER) == purged
        assert (row.state, row.ended_at) == ("purged", NOW)
        with pytest.raises(ConsentEndedError):
            check_withdraw(db, row.id)
        again = consenting(db, who)
        assert (again.id != row.id, again.events[0]["from"], again.events[0]["to"]) == (True, "purged", "noticed")


def test_a_new_consent_need_not_wait_for_an_edge_that_owes_its_proof(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        who = person(db)
        row = consenting(db, who)
        do_withdraw_consent(db, row, "desk-1", NOW)
        assert do_purge_confirmed(db, "edge-1", NOW) == []
        again = consenting(db, who, now=LATER)
        assert [one.state for one in consents_of(db, who.key)] == ["active", "withdrawn"]
        assert again.events[0]["from"] == "none"


def test_a_consent_ends_with_the_persons_validity_or_after_a_year_and_sooner_if_asked(known_database: Database) -> None:
    with known_database.writing() as db:
        row = do_grant_consent(
            db, person(db), WORDS, channel="desk", given_by="self", now=NOW, expires_at=NOW + timedelta(days=10)
        )
        assert row.expires_at == NOW + timedelta(days=10)
        with pytest.raises(InvalidError, match="later"):
            do_grant_consent(db, person(db), WORDS, channel="desk", given_by="self", now=NOW, expires_at=NOW)


def test_a_child_can_not_consent_and_a_guardian_has_to_say_who_they_are(known_database: Database) -> None:
    with known_database.writing() as db:
        child = person(db, born=CHILD_BORN)
        assert child.turns_14_on == date(2030, 5, 4)
        with pytest.raises(GuardianNeededError, match="under 14"):
            consenting(db, child)
        with pytest.raises(GuardianDetailsError, match="'ref'"):
            do_grant_consent(db, child, WORDS, channel="desk", given_by="guardian", now=NOW)
        spouse = Guardian(ref="1", relation=Relation.SPOUSE, evidence=GuardianEvidence.MARRIAGE_CERTIFICATE)
        with pytest.raises(GuardianDetailsError, match="no guardian of a child"):
            do_grant_consent(db, child, WORDS, channel="desk", given_by="guardian", guardian=spouse, now=NOW)
        row = guarded(db, child)
        assert (row.guardian, row.expires_at) == (MOTHER.model_dump(mode="json"), NOW + timedelta(days=183))


@pytest.mark.parametrize("ref", ["王芳", "Wang Fang", "", "a" * 65, "-file"])
def test_a_guardians_name_is_never_stored(ref: str) -> None:
    with pytest.raises(ValueError, match="ref"):
        Guardian(ref=ref, relation=Relation.PARENT, evidence=GuardianEvidence.BIRTH_CERTIFICATE)


def test_nobody_speaks_for_a_grown_up_by_mistake(known_database: Database) -> None:
    with known_database.writing() as db, pytest.raises(GuardianDetailsError, match="leave them out"):
        do_grant_consent(db, person(db), WORDS, channel="desk", given_by="self", guardian=MOTHER, now=NOW)


def test_of_a_date_of_birth_only_what_a_child_needs_is_kept(known_database: Database) -> None:
    def put(key: str, born: date | None) -> date | None:
        return do_put_subject(
            db,
            key,
            name="王",
            kind="resident",
            checkpoints=["gate"],
            valid_from=NOW,
            valid_until=None,
            now=NOW,
            born=born,
        ).turns_14_on

    with known_database.writing() as db:
        child, grown_up = person(db), person(db)
        assert put(child.key, date(2016, 2, 29)) == date(2030, 3, 1)
        assert put(child.key, None) == date(2030, 3, 1)
        assert put(grown_up.key, date(1980, 1, 1)) is None
        assert put(child.key, date(2012, 11, 22)) is None  # 14 today
        with pytest.raises(InvalidError, match="future"):
            put(child.key, date(2027, 1, 1))
        own = consenting(db, grown_up)
        with pytest.raises(GuardianNeededError, match="own consent stands"):
            put(grown_up.key, CHILD_BORN)
        do_withdraw_consent(db, own, "desk-1", NOW)
        assert put(grown_up.key, CHILD_BORN) == date(2030, 5, 4)


def test_a_missing_person_is_looked_for_on_the_familys_word_and_for_a_time(known_database: Database) -> None:
    words = current_notice(Scope.FACE_MISSING_PERSON)
    with known_database.writing() as db:
        who = person(db)
        with pytest.raises(GuardianNeededError, match="missing"):
            consenting(db, who, words)
        with pytest.raises(InvalidError, match="needs an end"):
            do_grant_consent(db, who, words, channel="desk", given_by="guardian", guardian=MOTHER, now=NOW)
        end = NOW + timedelta(days=500)
        row = do_grant_consent(
            db, who, words, channel="desk", given_by="guardian", guardian=MOTHER, now=NOW, expires_at=end
        )
        assert (row.scope, row.expires_at) == ("face.missing_person", NOW + timedelta(days=90))


def test_each_purpose_is_a_consent_of_its_own(known_database: Database) -> None:
    server = current_notice(Scope.FACE_SITE_SERVER)
    with known_database.writing() as db:
        who = person(db)
        with pytest.raises(ConflictError, match=r"face\.access comes first"):
            consenting(db, who, server)
        access, storing = consenting(db, who), consenting(db, who, server)
        assert (access.scope, storing.scope) == ("face.access", "face.site_server")
        do_withdraw_consent(db, storing, "desk-1", NOW)
        assert active_consent(db, who.key) is access
        assert active_consent(db, who.key, Scope.FACE_SITE_SERVER) is None


def other_words(*supersedes: str) -> Notice:
    return Notice("face-access-9", "新", "new", "0" * 64, Scope.FACE_ACCESS, WORDS.processing, supersedes)


def test_consents_on_words_that_no_longer_say_what_is_done_end(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        active, suspended, offered, other = (person(db) for _ in range(4))
        old = notice("face-access-1")
        rows = [consenting(db, active, old), consenting(db, suspended, old)]
        do_suspend(db, rows[1], SuspendReason.SUBJECT_ASKED, act())
        offer, untouched = do_show_notice(db, offered, old, act()), consenting(db, other)
        keep_template(db, rows[0])
        assert do_supersede(db, other_words(), act()) == 0
        assert do_supersede(db, other_words("face-access-1"), act(LATER)) == 3
        assert [one.state for one in (*rows, offer, untouched)] == ["superseded", "expired", "none", "active"]
        assert rows[1].events[-1]["reason"] == "purpose_change"
        assert templates(db) == []
        assert do_supersede(db, other_words("face-access-1"), act(LATER)) == 0


def test_who_leaves_takes_every_consent_along(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        who = person(db)
        access = consenting(db, who)
        storing = consenting(db, who, current_notice(Scope.FACE_SITE_SERVER))
        do_suspend(db, access, SuspendReason.SUBJECT_ASKED, act())
        keep_template(db, access)
        do_remove_subject(db, who.key, LATER)
        assert (access.state, storing.state, templates(db)) == ("withdrawn", "withdrawn", [])
        assert (access.events[-1]["event"], access.events[-1]["reason"]) == ("withdraw", "subject_left")
        assert storing.events[-1]["event"] == "subject_left"
        with pytest.raises(ConflictError, match="removed"):
            do_grant_consent(db, who, WORDS, channel="desk", given_by="self", now=LATER)


def test_what_an_edge_saw_end_ends_here_too_and_nothing_else(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        back, other = consenting(db), consenting(db)
        keep_template(db, back)
        assert do_end_restored(db, [back.id], LATER) == [back.id]
        assert do_end_restored(db, [back.id], LATER) == []
        assert (back.state, other.state, templates(db)) == ("withdrawn", "active", [])
        assert back.events[-1]["reason"] == "restored_erased"


def test_who_answers_too_late_is_asked_anew_also_when_upkeep_is_behind(known_database: Database) -> None:
    late = NOW + timedelta(days=30)
    with known_database.writing() as db:
        offer = do_show_notice(db, person(db), WORDS, act())
        with pytest.raises(ConflictError, match="ask anew"):
            do_grant(db, offer, act(late), given_by=GivenBy.SELF)
        paused = do_suspend(db, consenting(db), SuspendReason.SUBJECT_ASKED, act())
        with pytest.raises(ConflictError, match="ask anew"):
            do_resume(db, paused, act(late))
        assert (offer.state, paused.state) == ("noticed", "suspended")


def test_nobody_agrees_to_words_that_were_superseded_since_they_were_shown(
    known_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with known_database.writing() as db:
        offer = do_show_notice(db, person(db), notice("face-access-1"), act())
        monkeypatch.setattr(
            "core.people.consent.ledger.current_notice", lambda _: other_words("face-access-1", "face-access-2")
        )
        with pytest.raises(InvalidError, match="no longer says what is done; show face-access-9"):
            do_grant(db, offer, act(), given_by=GivenBy.SELF)


def test_two_desks_that_record_the_same_consent_at_once_record_one(known_database: Database) -> None:
    with known_database.writing() as db:
        who = person(db)

    def desk(_: int) -> str:
        with known_database.writing() as db:
            return consenting(db, who).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(desk, range(4)))) == 1
    with known_database.reading() as db:
        assert [one.state for one in consents_of(db, who.key)] == ["active"]
