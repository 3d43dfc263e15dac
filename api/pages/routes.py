"""The pages and the fragments they refresh themselves with."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from api import accounts, estate, passwords, roster, schemas
from api.accounts import AccountError
from api.context import ApiContext, Context
from api.pages import desk, words
from api.pages.render import clock, language_of, render
from api.signin import (
    Acknowledger,
    PeopleReader,
    Watcher,
    clear_session_cookie,
    secret_of,
    set_session_cookie,
    signed_in,
)
from api.web import content_security_policy
from core.alerts import AlertNotFoundError, AlreadyAcknowledgedError, check_acknowledge, do_acknowledge
from core.contract.config import Name
from core.people import edges as edge_people
from core.people import subjects
from core.people.consent.words import GuardianEvidence, Relation
from core.people.notices import notice
from core.storage.schema import EdgeRow

router = APIRouter(include_in_schema=False)
MAX_PEOPLE = 500
_LOGIN_AFTER_SETUP = "/login?from=setup"
Short = Annotated[str, Form(max_length=64)]
Secret = Annotated[str, Form(max_length=300)]


@router.get("/")
def control_room(request: Request, who: Watcher, context: Context) -> Response:
    with context.database.reading() as db:
        return render(
            request,
            context,
            "desk.html",
            who,
            position=desk.live_position(db),
            alerts=desk.alert_board(db, context.config),
            checkpoints=desk.checkpoint_board(db, context.config, context.now()),
            passages=desk.passage_lines(db, context.config),
            notice=None,
        )


@router.get("/desk/alerts")
def alerts_region(request: Request, who: Watcher, context: Context) -> Response:
    return _alerts(request, who, context)


@router.get("/desk/checkpoints")
def checkpoints_region(request: Request, who: Watcher, context: Context) -> Response:
    with context.database.reading() as db:
        board = desk.checkpoint_board(db, context.config, context.now())
        return render(request, context, "checkpoints.html", who, checkpoints=board)


@router.get("/desk/passages")
def passages_region(request: Request, who: Watcher, context: Context) -> Response:
    with context.database.reading() as db:
        lines = desk.passage_lines(db, context.config)
        return render(request, context, "passages.html", who, passages=lines)


@router.post("/desk/alerts/{alert_id}/acknowledge")
def acknowledge(request: Request, who: Acknowledger, context: Context, alert_id: schemas.Uuid) -> Response:
    """Acknowledge and show the queue anew; when somebody was faster, say who."""
    language = language_of(request)
    note = None
    try:
        with context.database.writing() as db:
            do_acknowledge(db, check_acknowledge(db, alert_id, who.account), who.account, context.now())
    except AlreadyAcknowledgedError as error:
        at = clock(context, error.at) if error.at else ""
        note = words.text(language, "desk.someone_was_faster", name=error.by or "", time=at)
    except AlertNotFoundError:
        note = words.text(language, "desk.gone")
    return _alerts(request, who, context, note)


def _alerts(request: Request, who: accounts.SignedIn, context: ApiContext, note: str | None = None) -> Response:
    with context.database.reading() as db:
        board = desk.alert_board(db, context.config)
        return render(request, context, "alerts.html", who, alerts=board, notice=note)


@router.get("/people")
def people(request: Request, who: PeopleReader, context: Context) -> Response:
    with context.database.reading() as db:
        rows = edge_people.list_edges(db)
        enrolling = _enrolling(rows)
        page = render(
            request,
            context,
            "people.html",
            who,
            people=roster.list_subjects(db, MAX_PEOPLE, context.now()),
            max_people=MAX_PEOPLE,
            places=_places(context),
            edges=[estate.describe_edge(row) for row in rows],
            trusted={row.id: edge_people.is_trusted(row) for row in rows},
            lists={one.edge: one for one in estate.list_states(db)},
            enrolling=enrolling,
            face_notice=notice(),
            relations=list(Relation),
            papers=list(GuardianEvidence),
        )
    origins = sorted({origin for url in enrolling.values() if (origin := _origin(url))})
    page.headers["content-security-policy"] = content_security_policy(origins)
    return page


@router.get("/people/{key}")
def person(request: Request, who: PeopleReader, context: Context, key: schemas.Uuid) -> Response:
    """One row of the page, for it to draw anew. Raises NotFoundError."""
    with context.database.reading() as db:
        one = roster.describe_subject(db, subjects.subject(db, key), context.now())
        enrolling = _enrolling(edge_people.list_edges(db))
        return render(
            request,
            context,
            "person.html",
            who,
            one=one,
            places=_places(context),
            enrolling=enrolling,
            face_notice=notice(),
            relations=list(Relation),
            papers=list(GuardianEvidence),
        )


def _places(context: ApiContext) -> dict[str, Name]:
    return {one.id: one.name for one in context.config.checkpoints}


def _enrolling(rows: list[EdgeRow]) -> dict[str, str]:
    """Enrolment addresses of the edges that may take a portrait now, by edge."""
    described = [(row, estate.describe_edge(row)) for row in rows]
    return {
        one.id: one.enrol_url
        for row, one in described
        if one.online and one.enrol_url and edge_people.is_trusted(row) and _origin(one.enrol_url)
    }


def _origin(url: str) -> str | None:
    """Origin of an edge's enrolment address for the page's policy; None when it is no plain http(s) address."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host.replace("-", "").replace(".", "").isalnum():
        return None
    return f"{parts.scheme}://{host}{port}"


@router.get("/login")
def login_page(request: Request, context: Context) -> Response:
    with context.database.reading() as db:
        if not accounts.has_accounts(db):
            return RedirectResponse("/setup", 303)
    came_late = request.query_params.get("from") == "setup"
    return render(request, context, "login.html", complaint=None, account="", came_late=came_late)


@router.post("/login")
def login(request: Request, context: Context, name: Short, password: Secret) -> Response:
    language, address = language_of(request), request.client.host if request.client else ""
    account = name.strip().lower()
    if wait := context.limiter.admit(account, address):
        complaint = words.text(language, "login.wait", n=wait)
        headers = {"Retry-After": str(wait)}
        return render(request, context, "login.html", status=429, headers=headers, complaint=complaint, account=account)
    secret = accounts.sign_in(context.database, account, password, context.now())
    if secret is None:
        complaint = words.text(language, "login.wrong")
        return render(request, context, "login.html", status=401, complaint=complaint, account=account)
    context.limiter.succeeded(account, address)
    response = _go_to(request, "/")
    set_session_cookie(response, context, secret)
    return response


@router.post("/logout")
def logout(request: Request, context: Context) -> Response:
    carried = secret_of(request, context)
    if carried is not None and signed_in(request, context) is not None:
        accounts.sign_out(context.database, carried[0])
    response = _go_to(request, "/login")
    clear_session_cookie(response, context)
    return response


@router.get("/setup")
def setup_page(request: Request, context: Context) -> Response:
    with context.database.reading() as db:
        if accounts.has_accounts(db):
            return RedirectResponse(_LOGIN_AFTER_SETUP, 303)
    return _setup(request, context)


@router.post("/setup")
def setup(request: Request, context: Context, token: Secret, name: Short, password: Secret) -> Response:
    address = request.client.host if request.client else ""
    language = language_of(request)
    if wait := context.limiter.admit("", address):
        return _setup(request, context, words.text(language, "login.wait", n=wait), name, 429)
    try:
        secret = accounts.set_up(context.database, token.strip(), name.strip().lower(), password, context.now())
    except AccountError as error:
        if error.key != "setup.wrong_token":
            context.limiter.succeeded("", address)
        if error.key == "setup.done":
            return _go_to(request, _LOGIN_AFTER_SETUP)
        values = {"n": passwords.MIN_PASSWORD_LENGTH}
        return _setup(request, context, words.text(language, error.key, **values), name, 422)
    context.limiter.succeeded("", address)
    response = _go_to(request, "/")
    set_session_cookie(response, context, secret)
    return response


def _setup(
    request: Request, context: ApiContext, complaint: str | None = None, account: str = "", status: int = 200
) -> Response:
    return render(
        request,
        context,
        "setup.html",
        status=status,
        complaint=complaint,
        account=account,
        min_length=passwords.MIN_PASSWORD_LENGTH,
    )


def _go_to(request: Request, where: str) -> Response:
    """A redirect, also for a form that htmx sent (it would follow a 303 inside the page)."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)
