"""What people do about a consent. ``check_`` finds, locks and refuses; ``do_`` moves, under the lock the caller holds.

Each row of the ledger is one consent with an id of its own, which never stands again once it ended (edges remember ids
they erased): who consents anew gets a new row, whose history begins where the last one stopped.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from core.clock.record import check_clock
from core.contract.ids import new_id_after
from core.errors import ConflictError, InvalidError
from core.people.consent.errors import AskedTooSoonError, ConsentEndedError
from core.people.consent.guardians import Guardian, check_giver, is_14_now
from core.people.consent.machine import OVER, STANDING, ConsentEvent, ConsentState, next_state
from core.people.consent.periods import NO_PROMPT_AFTER_DECLINE, is_under_14, longest
from core.people.consent.queries import consent as find_consent
from core.people.consent.queries import ends_at, newest_consent, standing_consent
from core.people.consent.transitions import Act, do_move
from core.people.consent.words import Channel, GivenBy, Scope, SuspendReason
from core.people.notices import LOCALES, Notice, current_notice
from core.people.notices import notice as find_notice
from core.storage.schema import ConsentRow, SubjectRow

_E, _S = ConsentEvent, ConsentState


def check_consent(db: Session, consent_id: str, event: ConsentEvent) -> ConsentRow:
    """The consent, locked, if ``event`` can happen to it now.

    Raises ConsentNotFoundError, ConsentEndedError, IllegalTransitionError.
    """
    row = find_consent(db, consent_id, lock=True)
    state = ConsentState(row.state)
    if state in OVER:
        when = row.ended_at.isoformat(sep=" ", timespec="minutes") if row.ended_at else "some time"
        raise ConsentEndedError(f"the consent ended at {when} and never stands again; who agrees anew gets a new one")
    next_state(state, event)
    return row


def check_withdraw(db: Session, consent_id: str) -> ConsentRow:
    """The consent, locked, if it can be withdrawn. Raises as ``check_consent``."""
    return check_consent(db, consent_id, _E.WITHDRAW)


def check_person(db: Session, subject: str) -> SubjectRow:
    """The person, locked: always before their consents. Raises ConflictError when they were removed."""
    row = db.get(SubjectRow, subject, with_for_update=True, populate_existing=True)
    if row is None or row.removed_at is not None:
        raise ConflictError("the person was removed meanwhile")
    return row


def do_show_notice(db: Session, subject: SubjectRow, notice: Notice, act: Act, *, locale: str = "zh") -> ConsentRow:
    """Record that the person was shown a notice: an offer, which lapses when nobody answers.

    Showing the same words again while the offer stands changes nothing. Raises AskedTooSoonError within 90 days of a
    decline (R-F12a), ConflictError when a consent stands or the person was removed, InvalidError (outdated words),
    ClockInDoubtError.
    """
    check_clock(db, act.at)
    check_person(db, subject.key)
    _check_notice(notice, locale)
    row = newest_consent(db, subject.key, notice.scope, lock=True)
    state = ConsentState(row.state) if row is not None else _S.NONE
    if row is not None and state in STANDING:
        raise ConflictError(f"a consent on notice {row.notice_version} stands ({state.value}); there is nothing to ask")
    if row is not None and state is _S.NOTICED:
        if row.notice_sha256 == notice.sha256:
            return row
        do_move(db, row, _E.EXPIRE_OFFER, act)
    if row is not None and state is _S.DECLINED and act.at < row.state_since + NO_PROMPT_AFTER_DECLINE:
        raise AskedTooSoonError(row.state_since + NO_PROMPT_AFTER_DECLINE)
    if row is None or ConsentState(row.state) is not _S.NONE:
        row = _fresh(db, subject, notice, act, after=row)
    _put_words(row, notice, locale, act)
    return do_move(db, row, _E.NOTICE_SHOWN, act)


def do_reopen(db: Session, consent: ConsentRow, notice: Notice, act: Act, *, locale: str = "zh") -> ConsentRow:
    """The person who declined comes by themselves: shown the notice of today. The caller holds the row lock."""
    _check_notice(notice, locale)
    _put_words(consent, notice, locale, act)
    return do_move(db, consent, _E.SUBJECT_REOPENS, act)


def do_grant(
    db: Session,
    consent: ConsentRow,
    act: Act,
    *,
    given_by: GivenBy,
    guardian: Guardian | None = None,
    evidence_ref: str | None = None,
    expires_at: datetime | None = None,
) -> ConsentRow:
    """Record consent on the words that were shown: one act, one purpose, one end.

    The caller holds the locks on the person and the row. Raises GuardianNeededError, GuardianDetailsError,
    InvalidError (a search without an end), ConflictError (nothing for a server to keep), ClockInDoubtError,
    IllegalTransitionError.
    """
    check_clock(db, act.at)  # its end would be as wrong
    next_state(ConsentState(consent.state), _E.GRANT)
    _check_in_time(consent, act)
    _check_notice(find_notice(consent.notice_version), consent.locale)
    subject, scope = check_person(db, consent.subject), Scope(consent.scope)
    guardian = check_giver(subject, scope, given_by, guardian, act.at)
    if scope is Scope.FACE_MISSING_PERSON and expires_at is None:
        raise InvalidError("a consent to look for somebody needs an end: give 'expires_at' (--until)")
    if scope is Scope.FACE_SITE_SERVER and standing_consent(db, consent.subject) is None:
        raise ConflictError("the server has nothing to keep: consent to face.access comes first, by an act of its own")
    if expires_at is not None and expires_at <= act.at:
        raise InvalidError("'expires_at' must be later than now")
    at_most = act.at + longest(scope, minor=is_under_14(subject.turns_14_on, act.at))
    consent.given_by, consent.evidence_ref = given_by.value, evidence_ref
    consent.guardian = guardian.model_dump(mode="json") if guardian is not None else None
    consent.channel = act.channel.value if act.channel is not None else consent.channel
    consent.granted_at, consent.expires_at = act.at, min(at_most, expires_at or at_most)
    return do_move(db, consent, _E.GRANT, act)


def do_grant_consent(
    db: Session,
    subject: SubjectRow,
    notice: Notice,
    *,
    channel: Channel | str,
    given_by: GivenBy | str,
    now: datetime,
    guardian: Guardian | None = None,
    evidence_ref: str | None = None,
    expires_at: datetime | None = None,
    locale: str = "zh",
    by: str | None = None,
    reopened: bool = False,
) -> ConsentRow:
    """The whole visit at the desk: shown, read, agreed. A consent on the same words that stands already is returned.

    reopened: the person declined before, and comes by themselves. Raises ConflictError when a consent on other words
    stands, is suspended, or the person was removed; AskedTooSoonError; and what ``do_grant`` raises.
    """
    act = Act(now, by=by, channel=Channel(channel))
    check_person(db, subject.key)
    row = newest_consent(db, subject.key, notice.scope, lock=True)
    match ConsentState(row.state) if row is not None else _S.NONE:
        case _S.ACTIVE if row is not None:
            if row.notice_sha256 == notice.sha256:
                return row
            raise ConflictError(
                f"a consent on notice {row.notice_version} stands; withdraw it before recording {notice.version}"
            )
        case _S.SUSPENDED:
            raise ConflictError("the consent is suspended; resume or withdraw it")
        case _S.RECONSENT_DUE if row is not None:
            _check_notice(notice, locale)
            _put_words(row, notice, locale, act)
        case _S.DECLINED if row is not None and reopened:
            do_reopen(db, row, notice, act, locale=locale)
        case _:
            row = do_show_notice(db, subject, notice, act, locale=locale)
    return do_grant(
        db,
        row,
        act,
        given_by=GivenBy(given_by),
        guardian=guardian,
        evidence_ref=evidence_ref,
        expires_at=expires_at,
    )


def do_decline(db: Session, consent: ConsentRow, act: Act) -> ConsentRow:
    """The person said no. Nothing follows from it but that they are left alone. The caller holds the row lock."""
    return do_move(db, consent, _E.DECLINE, act)


def do_withdraw_consent(
    db: Session, consent: ConsentRow, actor: str, now: datetime, *, channel: Channel | None = None
) -> ConsentRow:
    """End the consent; every template that rests on it is erased here, and every edge is told to erase.

    The caller holds the row lock (``check_withdraw``). ``actor`` is the account that records it. PIPL art. 15, 47.
    """
    return do_move(db, consent, _E.WITHDRAW, Act(now, by=actor, channel=channel))


def do_suspend(db: Session, consent: ConsentRow, reason: SuspendReason, act: Act) -> ConsentRow:
    """Lock the templates for a while, at most 30 days. The caller holds the row lock."""
    return do_move(db, consent, _E.SUSPEND, Act(act.at, act.by, act.channel, reason.value))


def do_resume(db: Session, consent: ConsentRow, act: Act) -> ConsentRow:
    """Unlock them, if the time for it is not over. The caller holds the row lock.

    Of somebody who turned 14 meanwhile they are locked again at once: it was a guardian's word.
    """
    _check_in_time(consent, act)
    subject = db.get_one(SubjectRow, consent.subject)  # not locked: people are locked before their consents
    end = ends_at(consent, subject)
    if end is not None and act.at >= end:
        raise ConflictError(f"the consent ended at {end.isoformat()}; show the notice and ask anew")
    do_move(db, consent, _E.RESUME, act)
    guarded = consent.given_by == GivenBy.GUARDIAN and consent.scope != Scope.FACE_MISSING_PERSON
    return do_move(db, consent, _E.TURN14, Act(act.at)) if guarded and is_14_now(subject, act.at) else consent


def _check_in_time(consent: ConsentRow, act: Act) -> None:
    """The minute before upkeep comes by is no loophole. Raises ConflictError."""
    if consent.deadline_at is not None and act.at >= consent.deadline_at:
        raise ConflictError(
            f"the time to decide ended at {consent.deadline_at.isoformat()}; show the notice and ask anew"
        )


def _check_notice(notice: Notice, locale: str) -> None:
    """Older words may still be signed as long as they say what is done. Raises InvalidError."""
    if locale not in LOCALES:
        raise InvalidError(f"there is no notice in '{locale}'; choose one of {', '.join(LOCALES)}")
    current = current_notice(notice.scope)
    if notice.version in current.supersedes:
        raise InvalidError(f"notice {notice.version} no longer says what is done; show {current.version}")


def _fresh(db: Session, subject: SubjectRow, notice: Notice, act: Act, *, after: ConsentRow | None) -> ConsentRow:
    """A consent nothing has happened to; where the one before was purged, its history goes on from there."""
    purged = after is not None and after.state == ConsentState.PURGED.value
    row = ConsentRow(
        id=new_id_after(after.id if after is not None else None),
        subject=subject.key,
        scope=notice.scope.value,
        state=(_S.PURGED if purged else _S.NONE).value,
        given_by=GivenBy.NOBODY.value,
        state_since=act.at,
        events=[],
    )
    db.add(row)
    return row


def _put_words(row: ConsentRow, notice: Notice, locale: str, act: Act) -> None:
    row.notice_version, row.notice_sha256, row.locale = notice.version, notice.sha256, locale
    row.channel = (act.channel or Channel.DESK).value
