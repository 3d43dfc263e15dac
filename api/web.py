"""What holds for every request: its size, where it may come from, the headers of its answer, one line in the log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems

MAX_BODY_BYTES = 64 * 1024
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
log = structlog.get_logger()


def content_security_policy(connect_to: Iterable[str] = ()) -> str:
    """Nothing inline, nothing from outside; ``connect_to``: edges' origins a page posts portraits to."""
    connect = " ".join(["'self'", *connect_to])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        f"connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


_HEADERS = {
    "content-security-policy": content_security_policy(),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}


class SecurityHeaders:
    """Puts the headers above on every answer that has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class AccessLog:
    """One line per request: method, route (its pattern, so no ids), status, duration. No address, query or name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = 0
        began = time.monotonic()

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            log.info(
                "api.request",
                method=scope["method"],
                route=getattr(scope.get("route"), "path", "unmatched"),
                status=status,
                ms=round((time.monotonic() - began) * 1000, 1),
            )
        return None


class _BodyTooLargeError(Exception):
    pass


class _BoundedBody:
    """A request body of undeclared length: read up to the limit; what the application answers after that is dropped."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._seen_bytes = 0
        self._answered = False
        self._too_large = False

    @property
    def refused(self) -> bool:
        """Whether the limit was passed before anything was answered."""
        return self._too_large and not self._answered

    async def receive(self) -> Message:
        message = await self._receive()
        self._seen_bytes += len(message.get("body", b""))
        if self._seen_bytes > MAX_BODY_BYTES:
            self._too_large = True
            raise _BodyTooLargeError
        return message

    async def send(self, message: Message) -> None:
        if not self.refused:
            self._answered = True
            await self._send(message)


class Gatekeeper:
    """Refuses large bodies unread, and changes asked for by another site's page (CSRF).

    A browser says where a request comes from (Sec-Fetch-Site, else Origin). Bearer tokens are never sent by a browser
    on its own, so requests with one are not asked.
    """

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self._app = app
        self._public_host = urlsplit(public_url).netloc if public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _SAFE_METHODS:
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if not headers.get("authorization", "").startswith("Bearer ") and not self._same_origin(headers):
            refusal = problems.document(
                403, "cross-site", "this change was asked for by another site; open Anju itself"
            )
            return await refusal(scope, receive, send)
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
            return await self._too_large(scope, receive, send)
        body = _BoundedBody(receive, send)
        with contextlib.suppress(_BodyTooLargeError):
            await self._app(scope, body.receive, body.send)
        if body.refused:
            await self._too_large(scope, receive, send)
        return None

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = problems.document(413, "too-large", f"at most {MAX_BODY_BYTES} bytes are read")
        await refusal(scope, receive, send)

    def _same_origin(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        host = urlsplit(headers.get("origin", "")).netloc
        return bool(host) and host in {headers.get("host"), self._public_host}
