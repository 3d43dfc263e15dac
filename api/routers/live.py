"""The live stream as server-sent events."""

from __future__ import annotations

import asyncio
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from api.context import Context
from api.live import LiveResponse
from api.permissions import Permission, may
from api.problems import RESPONSES, ProblemError, problem_response
from api.signin import Watcher, signed_in

router = APIRouter(tags=["live"], responses=RESPONSES)
_STARTING_S = 5.0


@router.get(
    "/live",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "server-sent events, until the client goes"},
        503: problem_response("too many pages are connected, or the database is away"),
    },
)
async def get_live(
    request: Request,
    _who: Watcher,
    context: Context,
    after: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """Everything pages are told, in the order it was committed.

    Each event's ``id`` is its number; come back with it as ``Last-Event-ID`` (or ``?after=``) and nothing is missed or
    told twice. ``event``: passage, picture, alert, alert_changed, checkpoint, edge, camera; ``reset`` when what
    was missed is no longer kept (load anew); ``beat`` every 15 s. An alert carries ``occurred_at`` and ``raised_at``.
    """
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdecimal():
        after = int(last_event_id)
    try:
        async with asyncio.timeout(_STARTING_S):
            await context.live.tailing.wait()
    except TimeoutError:
        raise ProblemError(503, "not-ready", "the database does not answer; the page tries again by itself") from None
    if context.live.full:
        raise ProblemError(503, "too-many-clients", "too many pages are connected; close some")

    def look() -> bool:
        who = signed_in(request, context)
        return who is not None and may(who.role, Permission.WATCH)

    async def still_allowed() -> bool:
        return await to_thread.run_sync(look)

    return LiveResponse(context.live, after, still_allowed)
