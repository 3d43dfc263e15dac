"""The edge's HTTP endpoint for video: from here straight to the browser of whoever was let watch.

``GET /v1/cameras/{camera}/live``: MP4 that goes on until the ticket's end, for Media Source Extensions.
``GET /v1/clips/{clip}``: one MP4. Both want ``Authorization: Bearer TICKET``, answer with the codecs in their content
type, are kept by no cache, or say why not as RFC 9457 problem+json with ``reason``, ``detail`` and ``detail_zh``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Path
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from core.contract.ids import SLUG_PATTERN, UUID_PATTERN, CameraId, ClipId
from core.contract.viewing import MAX_LIVE_S
from edge.video.desk import NotShown, NotShownError, VideoDesk
from edge.video.footage import View
from edge.video.remux import RemuxError

log = structlog.get_logger()

Bearer = Annotated[str, Header(alias="authorization", max_length=4000)]
_PROBLEM = "application/problem+json"
_PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_POLL_S = 0.08
_SILENT_S = 10.0
"""A stream that sends nothing for so long has ended; the page asks for another."""
_SEND_S = 15.0
"""A viewer that takes nothing for so long has gone, or gives its seat to one that does."""


@dataclass(frozen=True, slots=True)
class _Advice:
    status: int
    en: str
    zh: str


ADVICE: dict[NotShown, _Advice] = {
    NotShown.NO_TICKET: _Advice(
        401, "Not a ticket for this. Open the view again from the page.", "观看凭证无效，请从页面重新打开。"
    ),
    NotShown.EXPIRED: _Advice(
        401, "The ticket is too old. Open the view again from the page.", "观看凭证已过期，请从页面重新打开。"
    ),
    NotShown.USED: _Advice(
        401, "The ticket was used already. Open the view again from the page.", "观看凭证已使用过，请从页面重新打开。"
    ),
    NotShown.CAMERA_AWAY: _Advice(
        409, "The camera sends no picture now. See its state for why.", "该摄像机目前没有画面，原因请查看摄像机状态。"
    ),
    NotShown.NO_SUCH_CLIP: _Advice(
        404, "There is no such clip here, or its time is over.", "没有该录像片段，或已过保存期限。"
    ),
    NotShown.CLIP_UNREADABLE: _Advice(
        500, "The clip is damaged and can't be shown.", "录像片段已损坏，无法播放。"
    ),
    NotShown.TOO_MANY_VIEWERS: _Advice(
        503, "Too many are watching through this edge: close a view first.", "观看人数已满，请关闭其他画面后重试。"
    ),
    NotShown.UNAVAILABLE: _Advice(
        503, "This edge can't check tickets now. See its log.", "边缘节点暂时无法核验凭证，请查看其日志。"
    ),
}  # fmt: skip


def make_router(desk: VideoDesk) -> APIRouter:
    """The two addresses."""
    router = APIRouter()

    @router.get("/v1/cameras/{camera}/live", response_model=None)
    async def live(camera: Annotated[str, Path(pattern=SLUG_PATTERN)], authorization: Bearer = "") -> Response:
        shown: Response | None = None
        seated = False
        try:
            leave = await run_in_threadpool(desk.check_live, _ticket(authorization), CameraId(camera))
            # Only after the check: nobody without a ticket takes a seat.
            seated = desk.sit()
            if not seated:
                return _problem(NotShown.TOO_MANY_VIEWERS)
            give_up_s = time.monotonic() + MAX_LIVE_S
            mime = await run_in_threadpool(leave.view.begin)
            await run_in_threadpool(desk.use, leave)
            parts = parts_of(leave.view, lambda: desk.goes_on(leave.until) and time.monotonic() < give_up_s)
            shown = _Live(parts, mime, desk.leave)
        except NotShownError as error:
            return _problem(error.why)
        except RemuxError as error:
            log.warning("video.not_shown", camera=camera, problem=str(error))
            return _problem(NotShown.CAMERA_AWAY)
        finally:
            if seated and shown is None:
                desk.leave()
        return shown

    @router.get("/v1/clips/{clip}", response_model=None)
    async def clip(clip: Annotated[str, Path(pattern=UUID_PATTERN)], authorization: Bearer = "") -> Response:
        try:
            found = await run_in_threadpool(desk.clip, _ticket(authorization), ClipId(clip))
        except NotShownError as error:
            return _problem(error.why)
        return Response(found.mp4, 200, _PRIVATE, found.mime)

    return router


class _Live(StreamingResponse):
    """A view that gives its seat back however it ends, also when nobody was left to see it begin."""

    def __init__(self, parts: AsyncIterator[bytes], mime: str, leave: Callable[[], None]) -> None:
        super().__init__(parts, 200, _PRIVATE, mime)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(_SEND_S):
                await send(message)

        try:
            async with asyncio.timeout(MAX_LIVE_S + _SEND_S):
                await super().__call__(scope, receive, in_time)
        except (TimeoutError, ClientDisconnect):  # the second is what starlette makes of the first
            # Unfinished, the answer is cut off by the server: a player takes that as the end.
            log.info("video.view_ended", problem="the viewer took nothing any more")
        finally:
            self._leave()


async def parts_of(view: View, goes_on: Callable[[], bool]) -> AsyncIterator[bytes]:
    """MP4 as it is made, until the view's end, the stream's end, or trouble with either."""
    silent_s = 0.0
    while goes_on() and silent_s < _SILENT_S:
        try:
            part = await run_in_threadpool(view.take)
        except RemuxError as error:
            log.info("video.view_ended", problem=str(error))
            return
        silent_s = 0.0 if part else silent_s + _POLL_S
        if part:
            yield part
        await asyncio.sleep(_POLL_S)


def _ticket(authorization: str) -> str:
    kind, _, ticket = authorization.partition(" ")
    return ticket.strip() if kind.lower() == "bearer" else ""


def _problem(why: NotShown) -> JSONResponse:
    advice = ADVICE[why]
    body = {
        "type": f"urn:anju:problem:video:{why.value}",
        "title": "Not shown",
        "status": advice.status,
        "detail": advice.en,
        "detail_zh": advice.zh,
        "reason": why.value,
    }
    headers = _PRIVATE | ({"retry-after": "5"} if advice.status == 503 else {})
    return JSONResponse(body, advice.status, headers, _PROBLEM)
