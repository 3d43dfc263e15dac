"""`anju people`: people and their consent, passes, vehicles, and the edges that may hold faces.

Works directly on the estate's database, on the core's own machine; the running core tells the edges.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from sqlalchemy.orm import Session

from api.permissions import Permission
from cli.asking import must_agree
from cli.desk import (
    CONSOLE,
    AsJson,
    ConfigOption,
    FromOption,
    KeyOption,
    SubjectOption,
    UntilOption,
    moment,
    now,
    reading,
    tell,
    tell_table,
    text_of,
    writing,
)
from cli.output import counted
from cli.signin import AsOption, signed_in
from core.contract.ids import new_id
from core.contract.vocabulary import SubjectKind, VehicleKind
from core.errors import ConflictError, CoreError, InvalidError
from core.keys import load_or_create_signing_key
from core.lists.erasures import check_write_off, do_write_off_edge, unconfirmed
from core.lists.places import face_edges_at
from core.people import edges, enrolment, passes, subjects, vehicles
from core.people.consent.queries import newest_consent
from core.people.consent.words import FACE_ACCESS
from core.people.plate_key import Unreadable, do_forget_plates, unreadable_plates
from core.service import HEARTBEAT_S, heartbeat, plate_keeper, plate_key_file
from core.storage.schema import EdgeRow, SubjectRow

ENROL_TIMEOUT_S = 30.0
MAX_PORTRAIT_BYTES = 7_500_000
_CORE_RUNS = timedelta(seconds=3 * HEARTBEAT_S)

people_app = typer.Typer(name="people", no_args_is_help=True)
pass_app = typer.Typer(name="pass", no_args_is_help=True, help="QR passes.")
vehicle_app = typer.Typer(name="vehicle", no_args_is_help=True, help="Vehicles that may enter.")
edge_app = typer.Typer(name="edge", no_args_is_help=True, help="Edges that may hold lists and templates.")
for sub_app in (pass_app, vehicle_app, edge_app):
    people_app.add_typer(sub_app)

AtOption = Annotated[
    list[str], typer.Option("--checkpoint", metavar="ID", help="Where they may pass; repeat for several.")
]


KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="As the list of them shows it.")]


@people_app.callback()
def people() -> None:
    """People, their passes and vehicles; and the edges that may hold faces. Consent: `anju consent`."""


class EnrolmentFailedError(CoreError):
    """The edge took no portrait; the text is what it said."""


@people_app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people at the desk; edges never see it.")],
    *,
    checkpoint: AtOption,
    config: ConfigOption,
    kind: Annotated[
        SubjectKind, typer.Option("--kind", help="A missing person needs a case: 'anju lists case'.")
    ] = SubjectKind.RESIDENT,
    key: KeyOption = None,
    valid_from: FromOption = None,
    valid_until: UntilOption = None,
    born: Annotated[
        str | None, typer.Option("--born", metavar="DATE", help="Of a child: its 14th birthday is kept, no more.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a person, or bring the one with that key up to date."""
    with writing(config) as (_, db):
        row = subjects.do_put_subject(
            db,
            key or new_id(),
            name=name,
            kind=kind,
            checkpoints=checkpoint,
            valid_from=moment(valid_from) or now(),
            valid_until=moment(valid_until),
            now=now(),
            born=_day(born),
        )
    tell(_person(row), f"{row.key}  {row.name}", as_json=as_json)


@people_app.command("list")
def list_people(config: ConfigOption, as_json: AsJson = False) -> None:
    """People who may pass."""
    with reading(config) as (_, db):
        rows = [
            _person(row)
            | {"consent": consent.state if (consent := newest_consent(db, row.key, FACE_ACCESS)) is not None else None}
            for row in subjects.list_subjects(db)
        ]
    tell_table(rows, ("key", "name", "kind", "checkpoints", "consent"), as_json=as_json)


@people_app.command("remove")
def remove(key: KeyArgument, config: ConfigOption, as_json: AsJson = False) -> None:
    """Remove a person: consent ends, templates are erased everywhere, passes are revoked, the name is forgotten."""
    with writing(config) as (_, db):
        row = subjects.do_remove_subject(db, key, now())
    tell({"key": row.key, "removed": True}, "removed; every edge erases what it has", as_json=as_json)


@people_app.command("enrol")
def enrol(
    subject: SubjectOption,
    portrait: Annotated[Path, typer.Option("--portrait", exists=True, dir_okay=False, help="JPEG, PNG or WebP.")],
    config: ConfigOption,
    edge: Annotated[str | None, typer.Option("--edge", metavar="ID", help="Which edge computes the template.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a portrait to an edge, which keeps the template and forgets the picture. Needs an active consent."""
    picture = portrait.read_bytes() if portrait.stat().st_size <= MAX_PORTRAIT_BYTES else None
    if picture is None:
        raise InvalidError(f"{portrait} is larger than {MAX_PORTRAIT_BYTES // 1_000_000} MB; send a smaller picture")
    with writing(config) as (loaded, db):
        row = _enrolling_edge(db, subject, edge)
        key = load_or_create_signing_key(loaded.file(loaded.config.core.signing_key_file))
        ticket = enrolment.issue_ticket(db, subject, row.id, key, now())
        url = (row.state or {}).get("enrol_url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ConflictError(f"edge '{row.id}' has not said where portraits go; is it running?")
    answer = post_portrait(url, ticket, picture)
    tell({"edge": row.id} | answer, f"enrolled at {row.id}, quality {answer.get('quality')}", as_json=as_json)


def post_portrait(url: str, ticket: str, picture: bytes) -> dict[str, Any]:
    """What the edge answers: ``template_id``, ``quality``. Raises EnrolmentFailedError.

    Straight to the edge: no proxy of the environment ever sees a portrait.
    """
    try:
        with httpx.Client(trust_env=False, timeout=ENROL_TIMEOUT_S) as client:
            form = {"portrait": ("portrait", picture, "application/octet-stream")}
            answer = client.post(f"{url.rstrip('/')}/v1/enrolments", data={"ticket": ticket}, files=form)
        body = answer.json()
    except httpx.HTTPError as error:
        raise EnrolmentFailedError(f"the edge at {url} can't be reached ({type(error).__name__}); is it on?") from None
    except ValueError:
        raise EnrolmentFailedError(f"{url} answered {answer.status_code}, but not as an edge would") from None
    if answer.status_code != httpx.codes.CREATED or not isinstance(body, dict):
        detail = body.get("detail") if isinstance(body, dict) else None
        raise EnrolmentFailedError(f"not enrolled: {detail or f'the edge answered {answer.status_code}'}")
    return body


@pass_app.command("issue")
def pass_issue(
    subject: SubjectOption,
    *,
    config: ConfigOption,
    pass_id: Annotated[str | None, typer.Option("--id", help="Id to use; the same id gives the same pass.")] = None,
    valid_from: FromOption = None,
    valid_until: UntilOption = None,
    as_json: AsJson = False,
) -> None:
    """Issue a QR pass (for a day, when no end is given): the text of its code."""
    start = moment(valid_from) or now()
    with writing(config) as (loaded, db):
        key = load_or_create_signing_key(loaded.file(loaded.config.core.signing_key_file))
        end = moment(valid_until) or start + timedelta(days=1)
        chosen = pass_id or new_id()
        text = passes.do_issue_pass(db, chosen, subject, valid_from=start, valid_until=end, signing_key=key, now=now())
    told = {"id": chosen, "subject": subject, "text": text, "valid_from": text_of(start), "valid_until": text_of(end)}
    tell(told, text, as_json=as_json)


@pass_app.command("revoke")
def pass_revoke(
    pass_id: Annotated[str, typer.Argument(metavar="PASS", help="The pass's id.")],
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Take a pass back."""
    with writing(config) as (_, db):
        row = passes.do_revoke_pass(db, pass_id, now())
    tell({"id": row.id, "revoked_at": text_of(row.revoked_at)}, f"pass {row.id} is revoked", as_json=as_json)


@vehicle_app.command("add")
def vehicle_add(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help="Such as 京A12345.")],
    *,
    checkpoint: AtOption,
    config: ConfigOption,
    kind: Annotated[
        VehicleKind, typer.Option("--kind", help="A controlled one needs a case: 'anju lists case'.")
    ] = VehicleKind.RESIDENT,
    key: KeyOption = None,
    valid_from: FromOption = None,
    valid_until: UntilOption = None,
    as_json: AsJson = False,
) -> None:
    """Enter a vehicle, or bring the one with that key up to date."""
    with writing(config) as (loaded, db):
        plates = plate_keeper(loaded, db)
        row = vehicles.do_put_vehicle(
            db,
            key or new_id(),
            plate=plate,
            kind=kind,
            checkpoints=checkpoint,
            valid_from=moment(valid_from) or now(),
            valid_until=moment(valid_until),
            plates=plates,
            now=now(),
        )
        entered = vehicles.describe_vehicle(row, plates)
    tell(_vehicle(entered), f"{entered.key}  {entered.plate}", as_json=as_json)


@vehicle_app.command("list")
def vehicle_list(config: ConfigOption, as_json: AsJson = False) -> None:
    """Vehicles that may enter."""
    with reading(config) as (loaded, db):
        rows = [_vehicle(one) for one in vehicles.list_vehicles(db, plate_keeper(loaded, db))]
    tell_table(rows, ("key", "plate", "kind", "checkpoints", "valid_from", "valid_until"), as_json=as_json)


@vehicle_app.command("remove")
def vehicle_remove(key: KeyArgument, config: ConfigOption, as_json: AsJson = False) -> None:
    """Remove a vehicle."""
    with writing(config) as (_, db):
        vehicles.do_remove_vehicle(db, key, now())
    tell({"key": key, "removed": True}, "removed", as_json=as_json)


@vehicle_app.command("forget-plates")
def vehicle_forget_plates(
    *,
    config: ConfigOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Where the plate key is gone for good: remove the vehicles whose plate nobody can read any more, make a new key.

    They have to be entered again; barriers stay shut for them until then. Stop core and pages first.
    """
    with reading(config) as (loaded, db):
        _check_core_stopped(db)
        lost = unreadable_plates(db, plate_key_file(loaded))
    if not lost:
        tell({"vehicles": [], "cases": []}, "every plate can be read; nothing was changed", as_json=as_json)
        return
    if not yes:
        typer.echo(f"nobody can read the plates of {_going(lost)}", err=True)
        must_agree("Is their key gone for good, and shall they be removed?")
    with writing(config) as (loaded, db):
        gone = do_forget_plates(db, plate_key_file(loaded), CONSOLE, now())
    with reading(config) as (loaded, db):
        plate_keeper(loaded, db)
    told = {"vehicles": list(gone.vehicles), "cases": list(gone.cases)}
    tell(told, f"removed: {_going(gone)}; a key is in {plate_key_file(loaded)}", as_json=as_json)


def _going(lost: Unreadable) -> str:
    said = f"{counted(len(lost.vehicles), 'vehicle')} to be entered again"
    return said + (f", and of those sought in cases, which end: {', '.join(lost.cases)}" if lost.cases else "")


def _check_core_stopped(db: Session) -> None:
    """Raises ConflictError: a core that runs still works with the key it read when it started."""
    said = heartbeat(db)
    if said is not None and abs(now() - datetime.fromisoformat(said["at"])) < _CORE_RUNS:
        raise ConflictError("the core is running: stop core and pages first (a core that died counts for 15 seconds)")


@edge_app.command("list")
def edge_list(config: ConfigOption, as_json: AsJson = False) -> None:
    """Edges: who is there, whose keys wait to be compared, how far their lists are, what they have not proved to have
    erased."""
    with reading(config) as (_, db):
        owed = {one.edge: one.count for one in unconfirmed(db)}
        rows = [edges.edge_payload(row) | {"unconfirmed": owed.get(row.id, 0)} for row in edges.list_edges(db)]
    columns = (
        "id",
        "online",
        "approved",
        "pending_fingerprint",
        "list_head",
        "list_acked",
        "unconfirmed",
        "list_problem",
    )
    tell_table(rows, columns, as_json=as_json)


@edge_app.command("write-off")
def edge_write_off(
    edge_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="What became of its storage: destroyed, wiped, by whom.")],
    account: AsOption,
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Settle what an edge that never comes back owes, on your word: its storage is destroyed. It is trusted no more."""
    with signed_in(config, account, Permission.EDGES_APPROVE) as (_, db):
        row = check_write_off(db, edge_id, reason)
        owed = do_write_off_edge(db, row, by=account, reason=reason, now=now())
    told = {"id": edge_id, "settled": owed, "by": account}
    tell(
        told,
        f"edge {edge_id} is written off; {counted(owed, 'proof')} of erasure settled on your word",
        as_json=as_json,
    )


@edge_app.command("approve")
def edge_approve(
    edge_id: Annotated[str, typer.Argument(metavar="ID")],
    fingerprint: Annotated[
        str, typer.Argument(metavar="FINGERPRINT", help="All of it, as 'anju edge key' shows it on the edge itself.")
    ],
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Trust an edge's key: lists and templates are sealed to it from now on."""
    with writing(config) as (_, db):
        row = edges.do_approve_edge(db, edge_id, fingerprint, now())
    tell(edges.edge_payload(row), f"edge {row.id} is approved", as_json=as_json)


def _enrolling_edge(db: Session, subject: str, named: str | None) -> EdgeRow:
    """The edge that was named, or the first trusted one that compares faces where this person may pass."""
    if named is not None:
        return edges.edge(db, named)
    wanted = face_edges_at(db, subjects.subject(db, subject).checkpoints)
    trusted = [row for row in edges.list_edges(db) if row.id in wanted and edges.is_trusted(row)]
    if not trusted:
        raise edges.EdgeNotApprovedError(
            "no edge at this person's checkpoints is approved; see 'anju people edge list'"
        )
    return next((row for row in trusted if row.online), trusted[0])


def _day(text: str | None) -> date | None:
    """Raises InvalidError for what is no day."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{text!r} is no day; write 2016-05-04") from None


def _person(row: SubjectRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "name": row.name,
        "kind": row.kind,
        "checkpoints": row.checkpoints,
        "valid_from": text_of(row.valid_from),
        "valid_until": text_of(row.valid_until),
    }


def _vehicle(row: vehicles.Vehicle) -> dict[str, Any]:
    return {
        "key": row.key,
        "plate": row.plate,
        "kind": row.kind,
        "checkpoints": row.checkpoints,
        "valid_from": text_of(row.valid_from),
        "valid_until": text_of(row.valid_until),
    }
