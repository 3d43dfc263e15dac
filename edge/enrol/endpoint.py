"""The edge's own HTTP endpoint: portraits come straight here and go no further.

``POST /v1/enrolments``: multipart form, text ``ticket``, file ``portrait`` (JPEG, PNG or WebP; 8 MB in all).
201 ``{"template_id", "quality"}``, or RFC 9457 problem+json with ``reason``, ``detail`` and ``detail_zh``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware.cors import CORSMiddleware

from edge.enrol.enroller import Enrolled, Enroller
from edge.enrol.refusals import ADVICE, EnrolmentRefusedError, RefusalReason

log = structlog.get_logger()

MAX_BODY_BYTES = 8_000_000
MAX_TICKET_BYTES = 64_000
UPLOAD_TIMEOUT_S = 20.0
MAX_WAITING = 4
"""Enrolments waiting for the models; a fifth is told to come back."""
_PROBLEM = "application/problem+json"


class _InMemoryParser(MultiPartParser):
    """Starlette's parser, which writes files above 1 MB to disk, kept from ever doing so."""

    spool_max_size = MAX_BODY_BYTES + 1


@dataclass(slots=True)
class _Queue:
    """One enrolment at a time; ``waiting`` counts those in line and the one being done."""

    turn: asyncio.Lock
    waiting: int = 0


def make_app(enroller: Enroller, page_url: str | None = None, video: APIRouter | None = None) -> FastAPI:
    """The endpoint. page_url: where the pages that ask here are served from (for CORS); None when on no browser.

    video: what is shown here (`edge.video.endpoint`).
    """
    app = FastAPI(title="Anju edge", openapi_url=None)
    if video is not None:
        app.include_router(video)
    if page_url is not None:
        parts = urlsplit(page_url)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[f"{parts.scheme}://{parts.netloc}"],
            allow_methods=["GET", "POST"],
            allow_headers=["authorization"],
            max_age=600,
        )
    queue = _Queue(asyncio.Lock())

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/enrolments")
    async def enrolments(request: Request) -> JSONResponse:
        try:
            ticket, portrait = await _read_form(request)
            enrolled = await _in_turn(queue, enroller, ticket, portrait)
        except EnrolmentRefusedError as refused:
            log.info("enrolment.refused", reason=refused.reason.value)
            return _problem(refused.reason)
        return JSONResponse(
            {"template_id": enrolled.template_id, "quality": enrolled.quality}, 201, {"cache-control": "no-store"}
        )

    return app


async def _in_turn(queue: _Queue, enroller: Enroller, ticket: str, portrait: bytes) -> Enrolled:
    """Enrol, one after the other: the models of a gate must not wait for a crowd at the desk."""
    if queue.waiting >= MAX_WAITING:
        raise EnrolmentRefusedError(RefusalReason.BUSY)
    queue.waiting += 1
    try:
        async with queue.turn:
            return await run_in_threadpool(enroller.enrol, ticket, portrait)
    finally:
        queue.waiting -= 1


async def _read_form(request: Request) -> tuple[str, bytes]:
    """Ticket and picture, held in memory only. Raises EnrolmentRefusedError."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
        raise EnrolmentRefusedError(RefusalReason.TOO_LARGE)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise EnrolmentRefusedError(RefusalReason.BAD_FORM)
    parser = _InMemoryParser(
        request.headers, _bounded(request), max_files=1, max_fields=1, max_part_size=MAX_TICKET_BYTES
    )
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            form = await parser.parse()
    except MultiPartException:
        raise EnrolmentRefusedError(RefusalReason.BAD_FORM) from None
    except TimeoutError:
        raise EnrolmentRefusedError(RefusalReason.TOO_SLOW) from None
    try:
        ticket, portrait = form.get("ticket"), form.get("portrait")
        if not isinstance(ticket, str) or not isinstance(portrait, UploadFile):
            raise EnrolmentRefusedError(RefusalReason.BAD_FORM)
        return ticket, await portrait.read()
    finally:
        await form.close()


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > MAX_BODY_BYTES:
            raise EnrolmentRefusedError(RefusalReason.TOO_LARGE)
        yield chunk


def _problem(reason: RefusalReason) -> JSONResponse:
    advice = ADVICE[reason]
    body = {
        "type": f"urn:anju:problem:enrolment:{reason.value}",
        "title": "Not enrolled",
        "status": advice.status,
        "detail": advice.en,
        "detail_zh": advice.zh,
        "reason": reason.value,
    }
    headers = {"cache-control": "no-store"} | ({"retry-after": "5"} if reason is RefusalReason.BUSY else {})
    return JSONResponse(body, advice.status, headers, _PROBLEM)
