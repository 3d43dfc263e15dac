"""Errors as RFC 9457 problem documents. None of them quotes what was sent: it may be personal."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.pages.render import render
from core.alerts import AlreadyAcknowledgedError
from core.contract.base import isoformat
from core.errors import ConflictError, CoreError, InvalidError, NotFoundError
from core.people.tombstones import JournalError

_REFUSALS: dict[type[CoreError], tuple[int, str]] = {
    NotFoundError: (404, "not-found"),
    ConflictError: (409, "conflict"),
    InvalidError: (422, "invalid"),
    JournalError: (503, "not-ready"),
}
MEDIA_TYPE = "application/problem+json"
_PAGE_WORDS = {403: "problem.forbidden", 404: "problem.not_found", 503: "problem.not_ready"}
log = structlog.get_logger()


class Complaint(BaseModel):
    """One field that was wrong: where, and the kind of mistake; never its value."""

    model_config = ConfigDict(extra="forbid")
    where: Annotated[str, Field(max_length=200)]
    mistake: Annotated[str, Field(max_length=80)]


class Problem(BaseModel):
    """RFC 9457. ``type`` is stable and meant for programs, ``detail`` for people."""

    model_config = ConfigDict(extra="forbid")
    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str = ""
    acknowledged_by: str | None = None
    acknowledged_at: str | None = None
    errors: Annotated[list[Complaint], Field(max_length=20)] = []


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(self, status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None, **more: str):
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.more = more


def problem_response(description: str) -> dict[str, Any]:
    """A problem document as a route's described answer."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


RESPONSES: dict[int | str, dict[str, Any]] = {
    401: problem_response("not signed in"),
    403: problem_response("signed in, but this is for others; or the request came from another site"),
    422: problem_response("the request is not of the described form"),
}
"""What every route of the JSON API may answer besides what it is for."""
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: problem_response("there is no such thing, or no longer")}
CONFLICT: dict[int | str, dict[str, Any]] = {409: problem_response("not as things stand; 'detail' says why")}


def document(status: int, kind: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """The problem as a response; empty fields are left out."""
    problem = Problem(type=f"urn:anju:problem:{kind}", title=HTTPStatus(status).phrase, status=status, detail=detail)
    body = problem.model_copy(update=more).model_dump(mode="json", exclude_defaults=True)
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def answer(
    request: Request, status: int, kind: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """The problem as a page for a person whose browser opened an address of the pages, else as a document."""
    if not _opened_by_a_person(request):
        return document(status, kind, detail, headers, **more)
    what = _PAGE_WORDS.get(status, "problem.other")
    return render(request, request.app.state.context, "problem.html", status=status, headers=headers, what=what)


def _opened_by_a_person(request: Request) -> bool:
    """Whether a browser opens a page here: it accepts HTML by name, which neither scripts nor htmx do."""
    return (
        request.method in {"GET", "HEAD"}
        and not request.url.path.startswith(("/api/", "/static/"))
        and "text/html" in request.headers.get("accept", "").lower()
    )


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document; where a person opened a page, a page (or the way to sign in)."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(CoreError, _on_refusal)
    app.add_exception_handler(OperationalError, _on_database_away)
    app.add_exception_handler(IntegrityError, _on_somebody_faster)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_crash)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    if error.status == 401 and not request.url.path.startswith("/api/"):
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"HX-Redirect": "/login"})
        return RedirectResponse("/login", 303)
    return answer(request, error.status, error.kind, error.detail, error.headers, **error.more)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    for kind, (status, name) in _REFUSALS.items():
        if isinstance(error, kind):
            more: dict[str, Any] = {}
            if isinstance(error, AlreadyAcknowledgedError) and error.at is not None:
                more = {"acknowledged_by": error.by, "acknowledged_at": isoformat(error.at)}
            return document(status, name, str(error), **more)
    return document(400, "refused", str(error))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    headers = dict(error.headers) if error.headers else None
    return answer(request, error.status_code, kind, HTTPStatus(error.status_code).description, headers)


async def _on_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        Complaint(where=".".join(str(part) for part in found["loc"])[:200], mistake=str(found["type"])[:80])
        for found in error.errors()[:20]
    ]
    detail = "fields are missing, unknown or of the wrong form; see 'errors' and /api/v1/openapi.json"
    return document(422, "invalid-request", detail, errors=errors)


async def _on_database_away(request: Request, error: Exception) -> Response:
    log.warning("api.database_away", error=type(error).__name__)
    return answer(request, 503, "not-ready", "the database does not answer; try again", {"Retry-After": "2"})


async def _on_somebody_faster(_request: Request, error: Exception) -> Response:
    """Two requests entered the same thing at once, each looked before the other wrote. Never quote the error: it may
    hold a name or a plate."""
    log.info("api.somebody_faster", error=type(error).__name__)
    return document(409, "conflict", "somebody entered the same at this moment; look again, then try again")


async def _on_crash(request: Request, error: Exception) -> Response:
    route = request.scope.get("route")
    log.error("api.crash", route=getattr(route, "path", None), error=type(error).__name__, exc_info=error)
    return answer(request, 500, "internal", "something broke here; it was logged with its place")
