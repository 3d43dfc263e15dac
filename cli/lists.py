"""`anju lists`: who is on which list, cases that need two approvals, disputes, and templates suspended by them.

A case is nobody's alone: who asks, and each of the two who approve, signs in with their own account.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from api.permissions import Permission
from cli.clock import advice
from cli.desk import AsJson, ConfigOption, end, now, reading, tell, tell_table, text_of
from cli.output import counted
from cli.signin import AsOption, signed_in
from core.cases import cases
from core.clock.record import read_record
from core.contract.ids import new_id
from core.lists.overview import list_sizes
from core.people import disputes
from core.people.consent.waiting import how_many_wait
from core.people.tombstones import JournalError, TombstoneJournal
from core.service import plate_keeper, tombstone_journal
from core.storage.schema import CaseRow

lists_app = typer.Typer(name="lists", no_args_is_help=True)
case_app = typer.Typer(
    name="case",
    no_args_is_help=True,
    help="Missing persons and controlled vehicles: asked for by one, approved by two.",
)
template_app = typer.Typer(name="template", no_args_is_help=True, help="Templates taken out of search by disputes.")
lists_app.add_typer(case_app)
lists_app.add_typer(template_app)

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case's id, from 'anju lists case list'.")]
AtOption = Annotated[list[str], typer.Option("--checkpoint", metavar="ID", help="Where to look; repeat for several.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, 1 to 500 characters.")]
EndOption = Annotated[str, typer.Option("--until", metavar="TIME", help="ISO 8601 with offset, at most 90 days away.")]


@lists_app.callback()
def lists() -> None:
    """Lists of people and vehicles, cases that put somebody on one, and disputes."""


@lists_app.command("show")
def show(config: ConfigOption, as_json: AsJson = False) -> None:
    """How many people and vehicles are on which list; and, where it is so, why edges are about to stop recognising, and
    how many ends wait to be recorded."""
    with reading(config) as (loaded, db):
        rows = [{"list": name, "entries": entries} for name, entries in list_sizes(db).items()]
        doubted, waiting = advice(read_record(db)), how_many_wait(db)
    for problem in (doubted, _of_journal(tombstone_journal(loaded), waiting)):
        if problem is not None:
            typer.echo(f"anju: {problem}", err=True)
    tell_table(rows, ("list", "entries"), as_json=as_json)


def _of_journal(journal: TombstoneJournal, waiting: int) -> str | None:
    """What follows from a journal that can't be read or written, and from one that could not be: ``waiting`` ends."""
    try:
        journal.read()
        journal.check_writable()
    except JournalError as error:
        asked = f"; {counted(waiting, 'end')} asked for meanwhile will follow" if waiting else ""
        return f"{error}. Until then no edge gets a roll: within 24 hours all stop recognising faces{asked}"
    if not waiting:
        return None
    return (
        f"{counted(waiting, 'end')} asked for while the journal could not be written, and not recorded yet: "
        "recognition is off; the running core does the rest within a minute, 'anju consent due' at once"
    )


@case_app.command("request-person")
def request_person(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the missing person, for the people at the desk.")],
    *,
    checkpoint: AtOption,
    reason: ReasonOption,
    until: EndOption,
    account: AsOption,
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Ask for a missing person to be looked for. Their guardian then consents, and brings a portrait to enrol.

    Only gates where people step up to be identified look; two other people have to approve.
    """
    with signed_in(config, account, Permission.CASES) as (_, db):
        row = cases.do_request_missing_person(
            db,
            new_id(),
            name=name,
            reason=reason,
            checkpoints=checkpoint,
            expires_at=end(until),
            requested_by=account,
            now=now(),
        )
        told = _case(db, row)
    tell(
        told, f"case {row.id} waits for two approvals; record the guardian's consent for {row.subject}", as_json=as_json
    )


@case_app.command("request-vehicle")
def request_vehicle(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help="Such as 京A12345.")],
    *,
    case_number: Annotated[str, typer.Option("--case-number", help="Of the authority's case.")],
    authority: Annotated[str, typer.Option("--authority", help="Who leads the case.")],
    checkpoint: AtOption,
    reason: ReasonOption,
    until: EndOption,
    account: AsOption,
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Ask for a vehicle to be looked for, on an authority's case: opens nothing; two others have to approve."""
    with signed_in(config, account, Permission.CASES) as (loaded, db):
        row = cases.do_request_controlled_vehicle(
            db,
            new_id(),
            plate=plate,
            case_number=case_number,
            authority=authority,
            reason=reason,
            checkpoints=checkpoint,
            expires_at=end(until),
            requested_by=account,
            plates=plate_keeper(loaded, db),
            now=now(),
        )
        told = _case(db, row)
    tell(told, f"case {row.id} waits for two approvals", as_json=as_json)


@case_app.command("show")
def show_case(case_id: CaseArgument, *, account: AsOption, config: ConfigOption, as_json: AsJson = False) -> None:
    """Who or what is sought, why and where: for those who approve cases, to read first."""
    with signed_in(config, account, Permission.CASES) as (loaded, db):
        row = cases.case(db, case_id)
        told = _case(db, row) | {"sought": cases.sought(db, row, plate_keeper(loaded, db))}
    where = ", ".join(told["checkpoints"])
    authority = f"; case {told['case_number']} of {told['authority']}" if told["authority"] else ""
    tell(
        told,
        f"{told['sought'] or '(forgotten: the case has ended)'}: {told['reason']}{authority}; asked for by "
        f"{told['requested_by']}, looked for at {where} until {told['expires_at']}; {told['state']}",
        as_json=as_json,
    )


@case_app.command("approve")
def approve(case_id: CaseArgument, *, account: AsOption, config: ConfigOption, as_json: AsJson = False) -> None:
    """Approve a case; with the second approval the edges start to look."""
    with signed_in(config, account, Permission.CASES) as (_, db):
        row = cases.do_approve_case(db, case_id, account, now())
        told = _case(db, row)
    tell(told, f"case {row.id} is {row.state}, approved by {', '.join(told['approved_by'])}", as_json=as_json)


@case_app.command("close")
def close(case_id: CaseArgument, *, account: AsOption, config: ConfigOption, as_json: AsJson = False) -> None:
    """Nobody looks any more: the template, the sightings and the name are deleted."""
    with signed_in(config, account, Permission.CASES) as (_, db):
        row = cases.do_close_case(db, case_id, account, now())
        told = _case(db, row)
    tell(told, f"case {row.id} is closed; every edge erases what it has", as_json=as_json)


@case_app.command("list")
def list_cases(
    config: ConfigOption,
    ended: Annotated[bool, typer.Option("--ended", help="Those that have ended, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cases, newest first."""
    with reading(config) as (_, db):
        rows = [_case(db, row) for row in cases.list_cases(db, ended=ended)]
    tell_table(rows, ("id", "kind", "state", "checkpoints", "expires_at", "approved_by"), as_json=as_json)


@case_app.command("sightings")
def case_sightings(case_id: CaseArgument, *, account: AsOption, config: ConfigOption, as_json: AsJson = False) -> None:
    """Where and when who is sought was seen, newest first; for those who handle cases."""
    with signed_in(config, account, Permission.CASES) as (_, db):
        cases.case(db, case_id)
        rows = [{"checkpoint": row.checkpoint, "at": text_of(row.occurred_at)} for row in cases.sightings(db, case_id)]
    tell_table(rows, ("checkpoint", "at"), as_json=as_json)


@lists_app.command("dispute")
def dispute(
    passage: Annotated[str, typer.Argument(metavar="PASSAGE", help="The passage's id.")],
    *,
    account: AsOption,
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Say that this was not the person recognised. A template disputed too often is suspended by itself."""
    with signed_in(config, account, Permission.DISPUTE) as (loaded, db):
        core = loaded.config.core
        rule = disputes.DisputeRule(core.disputes_suspend_after, timedelta(days=core.disputes_within_days))
        row = disputes.do_dispute_passage(db, passage, account, rule, now())
    tell({"id": row.id, "passage": row.passage_id, "at": text_of(row.at)}, "recorded", as_json=as_json)


@template_app.command("list")
def list_templates(config: ConfigOption, as_json: AsJson = False) -> None:
    """Templates that disputes have taken out of search."""
    with reading(config) as (_, db):
        rows = [
            {"template": row.template_id, "subject": row.subject, "reason": row.reason, "at": text_of(row.at)}
            for row in disputes.suspended_templates(db)
        ]
    tell_table(rows, ("template", "subject", "reason", "at"), as_json=as_json)


@template_app.command("release")
def release(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its id, from 'anju lists template list'.")],
    *,
    account: AsOption,
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """The disputes were looked at and the template is good: it is searched again."""
    with signed_in(config, account, Permission.PEOPLE_WRITE) as (_, db):
        disputes.do_release_template(db, template, now())
    tell({"template": template, "released": True}, "searched again", as_json=as_json)


def _case(db: Session, row: CaseRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "subject": row.subject,
        "vehicle": row.vehicle,
        "case_number": row.case_number,
        "authority": row.authority,
        "reason": row.reason,
        "checkpoints": row.checkpoints,
        "expires_at": text_of(row.expires_at),
        "requested_by": row.requested_by,
        "requested_at": text_of(row.requested_at),
        "approved_by": cases.approvers(db, row.id),
        "closed_at": text_of(row.closed_at),
        "closed_by": row.closed_by,
    }
