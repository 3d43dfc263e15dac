"""`anju consent`: the ledger at the core's own machine. The running core tells the edges.

Texts a person is asked to agree to are in Chinese and English; everything else can be had as JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cli.asking import must_agree
from cli.clock import advice
from cli.desk import (
    CONSOLE,
    AsJson,
    ConfigOption,
    SubjectOption,
    moment,
    now,
    reading,
    shown,
    tell,
    text_of,
    writing,
)
from cli.output import FAILED, counted
from core.clock.record import read_record, time_to_end_by
from core.people import subjects
from core.people.consent import ledger, queries
from core.people.consent.asked import ENDED_LATER, do_what_waits
from core.people.consent.due import do_due_transitions
from core.people.consent.errors import ConsentNotFoundError, GuardianDetailsError, NoConsentError
from core.people.consent.guardians import REF_PATTERN, Guardian
from core.people.consent.invariants import check_invariants, do_erase_violations
from core.people.consent.machine import ConsentEvent, ConsentState
from core.people.consent.record import consent_record, evidence_pack
from core.people.consent.transitions import Act
from core.people.consent.waiting import end_waits
from core.people.consent.words import FACE_ACCESS, Channel, GivenBy, GuardianEvidence, Relation, Scope, SuspendReason
from core.people.notices import current_notice
from core.people.tombstones import lines_will_follow
from core.storage.schema import ConsentRow

consent_app = typer.Typer(name="consent", no_args_is_help=True)

ScopeOption = Annotated[Scope, typer.Option("--scope", help="What is agreed to: one purpose by one act.")]
ChannelOption = Annotated[Channel, typer.Option("--channel", help="Where the person said so.")]
ConsentArgument = Annotated[str, typer.Argument(metavar="CONSENT", help="The consent's id.")]


class Locale(StrEnum):
    ZH = "zh"
    EN = "en"


LocaleOption = Annotated[Locale, typer.Option("--locale", help="The language it was read in.")]


@consent_app.callback()
def consents() -> None:
    """Consent: show the notice, record yes or no, withdraw, suspend; records, proofs of erasure, and what is due."""


@consent_app.command("show")
def show(subject: SubjectOption, config: ConfigOption, as_json: AsJson = False) -> None:
    """Every consent a person was ever asked for, newest first."""
    with reading(config) as (_, db):
        rows = queries.consents_of(db, subject)
        if not rows:
            subjects.subject(db, subject)
        waits = {row.id: end_waits(db, row.id) for row in rows}
    _tell_lines(
        [{**describe_consent(row), "end_waits": waits[row.id]} for row in rows],
        [_line(row, end_waits=waits[row.id]) for row in rows] or ["this person was never asked"],
        as_json=as_json,
    )


@consent_app.command("notice")
def show_notice(
    config: ConfigOption,
    *,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="KEY", help="Record that this person was shown it.")
    ] = None,
    scope: ScopeOption = FACE_ACCESS,
    channel: ChannelOption = Channel.DESK,
    locale: LocaleOption = Locale.ZH,
    as_json: AsJson = False,
) -> None:
    """The notice of today; with a person, recorded as shown to them: they may take 30 days to answer."""
    words = current_notice(scope)
    told: dict[str, Any] = {"version": words.version, "sha256": words.sha256, "zh": words.zh, "en": words.en}
    if subject is not None:
        with writing(config) as (_, db):
            act = Act(now(), by=CONSOLE, channel=channel)
            row = ledger.do_show_notice(db, subjects.subject(db, subject), words, act, locale=locale.value)
            told["consent"] = describe_consent(row)
    tell(told, words.zh if locale is Locale.ZH else words.en, as_json=as_json)


@consent_app.command("give")
def give(
    subject: SubjectOption,
    *,
    config: ConfigOption,
    scope: ScopeOption = FACE_ACCESS,
    guardian_ref: Annotated[
        str | None, typer.Option("--guardian", metavar="REF", help="The guardian's key or paper file number; no name.")
    ] = None,
    relation: Annotated[Relation | None, typer.Option("--relation", help="What the guardian is to them.")] = None,
    guardian_evidence: Annotated[
        GuardianEvidence | None, typer.Option("--guardian-evidence", help="The paper that was shown.")
    ] = None,
    evidence_ref: Annotated[
        str | None, typer.Option("--evidence", metavar="REF", help="Where the signed form lies: a file number.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="An earlier end; required for a missing person.")
    ] = None,
    channel: ChannelOption = Channel.DESK,
    locale: LocaleOption = Locale.ZH,
    notice_shown: Annotated[
        bool, typer.Option("--notice-shown", help="The current notice was shown and read; otherwise it is shown now.")
    ] = False,
    reopened: Annotated[
        bool, typer.Option("--reopened", help="They declined within the last 90 days, and come by themselves.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Record that a person (or a guardian) agreed, on the words of the current notice."""
    words = current_notice(scope)
    guardian = _guardian(guardian_ref, relation, guardian_evidence)
    if evidence_ref is not None:
        _check_ref("--evidence", evidence_ref)
    if not notice_shown:
        typer.echo(f"{words.zh}\n{words.en}", err=True)
        must_agree("本人（或监护人）已阅读并同意 / read and agreed by the person or guardian")
    at = now()
    with writing(config) as (_, db):
        row = ledger.do_grant_consent(
            db,
            subjects.subject(db, subject),
            words,
            channel=channel,
            given_by=GivenBy.GUARDIAN if guardian is not None else GivenBy.SELF,
            now=at,
            guardian=guardian,
            evidence_ref=evidence_ref,
            expires_at=moment(until),
            locale=locale.value,
            by=CONSOLE,
            reopened=reopened,
        )
    before = "" if row.granted_at == at else ", as it was: nothing was changed"
    sentence = f"consent {row.id} is {row.state} until {shown(row.expires_at)}{before}"
    tell(describe_consent(row), sentence, as_json=as_json)


@consent_app.command("decline")
def decline(
    subject: SubjectOption,
    config: ConfigOption,
    scope: ScopeOption = FACE_ACCESS,
    channel: ChannelOption = Channel.DESK,
    as_json: AsJson = False,
) -> None:
    """Record a no. The person is not asked again for 90 days, and passes by the other ways as before."""
    with writing(config) as (_, db):
        row = _open_one(db, subject, scope, ConsentEvent.DECLINE)
        ledger.do_decline(db, row, Act(now(), by=CONSOLE, channel=channel))
    tell(
        describe_consent(row), "declined; nobody asks again for 90 days unless they come by themselves", as_json=as_json
    )


@consent_app.command("withdraw")
def withdraw(
    subject: SubjectOption,
    config: ConfigOption,
    scope: ScopeOption = FACE_ACCESS,
    channel: ChannelOption = Channel.DESK,
    as_json: AsJson = False,
) -> None:
    """End a person's consent; every edge erases the templates at once. Other ways in stay open."""
    with writing(config) as (_, db):
        row = _open_one(db, subject, scope, ConsentEvent.WITHDRAW)
        ledger.do_withdraw_consent(db, row, CONSOLE, now(), channel=channel)
    tell(describe_consent(row), f"consent {row.id} is {row.state}; every edge erases its templates", as_json=as_json)


@consent_app.command("suspend")
def suspend(
    subject: SubjectOption,
    config: ConfigOption,
    reason: Annotated[SuspendReason, typer.Option("--reason", help="Why it is paused.")] = SuspendReason.SUBJECT_ASKED,
    scope: ScopeOption = FACE_ACCESS,
    as_json: AsJson = False,
) -> None:
    """Lock a person's templates for at most 30 days: nobody finds them. Not resumed by then, they are erased."""
    with writing(config) as (_, db):
        row = _open_one(db, subject, scope, ConsentEvent.SUSPEND)
        ledger.do_suspend(db, row, reason, Act(now(), by=CONSOLE))
    sentence = f"consent {row.id} is suspended until {shown(row.deadline_at)}; then its templates are erased"
    tell(describe_consent(row), sentence, as_json=as_json)
    if lines_will_follow(db):
        typer.echo(
            "anju: the journal of ends can't be written, so a restored backup would not know of this yet; its line "
            "follows by itself when there is room",
            err=True,
        )


@consent_app.command("resume")
def resume(
    subject: SubjectOption, config: ConfigOption, scope: ScopeOption = FACE_ACCESS, as_json: AsJson = False
) -> None:
    """Unlock what was suspended."""
    with writing(config) as (_, db):
        row = _open_one(db, subject, scope, ConsentEvent.RESUME)
        ledger.do_resume(db, row, Act(now(), by=CONSOLE))
    tell(describe_consent(row), f"consent {row.id} is active again", as_json=as_json)


@consent_app.command("record")
def record(
    consent_id: ConsentArgument,
    config: ConfigOption,
    evidence: Annotated[
        bool, typer.Option("--evidence-pack", help="With the words that were shown and every proof of erasure.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The consent as a record for whoever asks for proof (ISO/IEC TS 27560)."""
    with reading(config) as (loaded, db):
        row = queries.consent(db, consent_id)
        told = (
            evidence_pack(row, queries.erasures_of(db, row.id), loaded.config.estate)
            if evidence
            else consent_record(row, loaded.config.estate)
        )
    text = told.model_dump_json(indent=1)
    if as_json or evidence:
        typer.echo(text)
        return
    history = "\n".join(
        f"  {event['at']}  {event['event']}" + (f" by {event['by']}" if event.get("by") else "") for event in row.events
    )
    typer.echo(f"consent {row.id} to {row.scope}: {row.state}, on notice {row.notice_version}\n{history}")


@consent_app.command("receipts")
def receipts(
    key: Annotated[str, typer.Argument(metavar="SUBJECT|CONSENT", help="A person's key, or a consent's id.")],
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Of ended consents: which edges have proved that they hold nothing any more, and which have not."""
    with reading(config) as (_, db):
        rows = [
            {
                "consent": one.consent_id,
                "edge": one.edge_id,
                "asked_at": text_of(one.asked_at),
                "confirmed_at": text_of(one.confirmed_at),
                "receipt": one.receipt,
                "written_off_by": one.written_off_by,
                "written_off_reason": one.written_off_reason,
            }
            for consent in _consents(db, key)
            for one in queries.erasures_of(db, consent)
        ]
    lines = [f"{row['consent']}  edge {row['edge']} {_proof(row)}" for row in rows]
    _tell_lines(rows, lines or ["no edge was asked: no consent has ended, or no edge was trusted yet"], as_json=as_json)


def _proof(row: Mapping[str, str | None]) -> str:
    if row["written_off_by"]:
        return f"was written off by {row['written_off_by']} at {row['confirmed_at']}: {row['written_off_reason']}"
    if row["confirmed_at"]:
        return f"confirmed at {row['confirmed_at']}"
    return f"has not confirmed; asked {row['asked_at']}"


@consent_app.command("check")
def check(config: ConfigOption, as_json: AsJson = False) -> None:
    """Whether every template has a consent that stands. What has none is erased at once, said, and exits with 1."""
    with writing(config) as (_, db):
        violations = check_invariants(db)
        do_erase_violations(db, violations, now())
    found = [asdict(one) for one in violations]
    counts = ", ".join(f"{number} {name}" for name, number in Counter(one.breach.value for one in violations).items())
    sentence = (
        f"{counted(len(found), 'template')} without a consent that stands, erased: {counts}"
        if found
        else "every template has a consent that stands"
    )
    tell({"ok": not found, "erased": found}, sentence, as_json=as_json)
    if found:
        raise typer.Exit(FAILED)


@consent_app.command("due")
def due(config: ConfigOption, as_json: AsJson = False) -> None:
    """Do what time asks for now (the running core does it every minute), and say what stands and what comes next."""
    with writing(config) as (_, db):
        waited = do_what_waits(db, now())
        done = +Counter({ENDED_LATER: waited}) + do_due_transitions(db, time_to_end_by(db, now()))
        doubted = advice(read_record(db))
        counts = db.execute(select(ConsentRow.state, func.count()).group_by(ConsentRow.state)).all()
        states = {state: number for state, number in sorted(counts) if number}
        following = _next_due(db)
    told = {"done": dict(done), "states": states, "next_at": text_of(following)}
    if doubted is not None:
        typer.echo(f"anju: {doubted}", err=True)
    said = ", ".join(f"{number} {event}" for event, number in done.items()) or "nothing"
    tell(told, f"done: {said}; next: {shown(following) or 'nothing is dated'}", as_json=as_json)


def describe_consent(row: ConsentRow) -> dict[str, Any]:
    """The consent for a table or a script."""
    return {
        "id": row.id,
        "subject": row.subject,
        "scope": row.scope,
        "state": row.state,
        "notice": row.notice_version,
        "notice_sha256": row.notice_sha256,
        "locale": row.locale,
        "channel": row.channel,
        "given_by": row.given_by,
        "guardian": row.guardian,
        "evidence_ref": row.evidence_ref,
        "granted_at": text_of(row.granted_at),
        "expires_at": text_of(row.expires_at),
        "deadline_at": text_of(row.deadline_at),
        "ended_at": text_of(row.ended_at),
        "events": row.events,
    }


def _line(row: ConsentRow, *, end_waits: bool) -> str:
    """One consent in one line that fits a terminal and can be copied from."""
    dates = {"given": row.granted_at, "decide by": row.deadline_at, "until": row.expires_at, "ended": row.ended_at}
    shown = {name: at for name, at in dates.items() if at is not None and (row.ended_at is None or name != "until")}
    if end_waits:
        return f"{row.id}  {row.scope}: {row.state}  its end was asked for and waits to be recorded"
    told = "".join(f"  {name} {at.date().isoformat()}" for name, at in shown.items())
    return f"{row.id}  {row.scope}: {row.state}{told}"


def _tell_lines(rows: Sequence[dict[str, Any]], lines: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    for line in () if as_json else lines:
        typer.echo(line)


def _open_one(db: Session, subject: str, scope: Scope, event: ConsentEvent) -> ConsentRow:
    """The person's newest consent to that purpose, locked, if ``event`` can happen to it. Raises NoConsentError."""
    subjects.subject(db, subject)
    newest = queries.newest_consent(db, subject, scope)
    if newest is None or (event is ConsentEvent.WITHDRAW and queries.standing_consent(db, subject, scope) is None):
        raise NoConsentError(_why_not(scope, event))
    return ledger.check_consent(db, newest.id, event)


def _why_not(scope: Scope, event: ConsentEvent) -> str:
    if event is ConsentEvent.DECLINE:
        return f"nobody asked this person for {scope.value} yet: show the notice first, with 'anju consent notice'"
    return f"there is no active consent to {event.value} for {scope.value}; 'anju consent show' tells what there is"


def _consents(db: Session, key: str) -> list[str]:
    """The consent with that id, or every one of the person with that key. Raises ConsentNotFoundError."""
    if found := [row.id for row in queries.consents_of(db, key)]:
        return found
    try:
        return [queries.consent(db, key).id]
    except ConsentNotFoundError:
        raise ConsentNotFoundError("no consent and nobody has that id; see 'anju people list'") from None


def _next_due(db: Session) -> datetime | None:
    waiting = [state.value for state in (ConsentState.NOTICED, ConsentState.SUSPENDED, ConsentState.RECONSENT_DUE)]
    soonest = (
        db.scalar(select(func.min(ConsentRow.deadline_at)).where(ConsentRow.state.in_(waiting))),
        db.scalar(select(func.min(ConsentRow.expires_at)).where(ConsentRow.state == ConsentState.ACTIVE.value)),
    )
    return min((one for one in soonest if one is not None), default=None)


def _guardian(ref: str | None, relation: Relation | None, evidence: GuardianEvidence | None) -> Guardian | None:
    """Raises GuardianDetailsError unless all three are given, or none."""
    given = (ref, relation, evidence)
    if all(one is None for one in given):
        return None
    if ref is None or relation is None or evidence is None:
        raise GuardianDetailsError(
            "a guardian's consent needs --guardian (their key or a file number), --relation and --guardian-evidence"
        )
    _check_ref("--guardian", ref)
    return Guardian(ref=ref, relation=relation, evidence=evidence)


def _check_ref(option: str, ref: str) -> None:
    if not re.fullmatch(REF_PATTERN, ref):
        raise GuardianDetailsError(
            f"{option}: a key or a file number of at most 64 letters, digits, '.', '_', '/', '-'; never a name"
        )
