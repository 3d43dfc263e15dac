"""Who is asking: the session cookie or the bearer token of a request, and whether that is enough."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from api.accounts import SESSION_LIFETIME, SignedIn, find_session
from api.context import ApiContext, Context
from api.permissions import Permission, explain, may
from api.problems import ProblemError

_BEARER = "Bearer "
_MAX_SECRET_LENGTH = 100


def secret_of(request: Request, context: ApiContext) -> tuple[str, bool] | None:
    """The secret a request carries and whether it came as a cookie. A bearer token wins over a cookie."""
    header = request.headers.get("authorization", "")
    if header.startswith(_BEARER):
        found = (header[len(_BEARER) :].strip(), False)
    else:
        found = (request.cookies.get(context.cookie_name, ""), True)
    return found if 0 < len(found[0]) <= _MAX_SECRET_LENGTH else None


def signed_in(request: Request, context: ApiContext) -> SignedIn | None:
    """Who is asking, or None."""
    carried = secret_of(request, context)
    if carried is None:
        return None
    secret, by_cookie = carried
    with context.database.reading() as db:
        return find_session(db, secret, context.now(), by_cookie=by_cookie)


class Requires:
    """Dependency: somebody who is signed in and has ``permission``. Raises 401 or 403 with the reason."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request, context: Context) -> SignedIn:
        who = signed_in(request, context)
        if who is None:
            detail = "sign in on the page, or send 'Authorization: Bearer TOKEN' (anju api token create)"
            raise ProblemError(401, "not-signed-in", detail, headers={"WWW-Authenticate": "Bearer"})
        if not may(who.role, self.permission):
            raise ProblemError(403, "not-permitted", explain(who.role, self.permission))
        return who


Watcher = Annotated[SignedIn, Depends(Requires(Permission.WATCH))]
Acknowledger = Annotated[SignedIn, Depends(Requires(Permission.ACKNOWLEDGE))]
Disputer = Annotated[SignedIn, Depends(Requires(Permission.DISPUTE))]
VideoViewer = Annotated[SignedIn, Depends(Requires(Permission.VIDEO))]
VideoAuditor = Annotated[SignedIn, Depends(Requires(Permission.VIDEO_AUDIT))]
PeopleReader = Annotated[SignedIn, Depends(Requires(Permission.PEOPLE_READ))]
PeopleWriter = Annotated[SignedIn, Depends(Requires(Permission.PEOPLE_WRITE))]
EdgeApprover = Annotated[SignedIn, Depends(Requires(Permission.EDGES_APPROVE))]


def set_session_cookie(response: Response, context: ApiContext, secret: str) -> None:
    response.set_cookie(
        context.cookie_name,
        secret,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path="/",
        secure=context.secure,
        httponly=True,
        samesite="strict",
    )


def clear_session_cookie(response: Response, context: ApiContext) -> None:
    response.delete_cookie(context.cookie_name, path="/", secure=context.secure, httponly=True, samesite="strict")
