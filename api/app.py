"""The application: everything put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from api import problems
from api.context import ApiContext
from api.description import describe
from api.pages.render import STATIC
from api.pages.routes import router as pages
from api.routers import alerts, estate, health, live, passages, passes, people, vehicles, video
from api.web import AccessLog, Gatekeeper, SecurityHeaders

API = "/api/v1"
DESCRIPTION = """\
Sign in on the page (a session cookie) or send `Authorization: Bearer TOKEN` (`anju api token create`).
Errors are RFC 9457 problem documents. Nothing here gives out biometrics: a portrait goes to an edge, never here.
"""


def create_app(context: ApiContext | None = None) -> FastAPI:
    """The application over ``context``; without one it can only describe itself (OpenAPI)."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tail = asyncio.create_task(app.state.context.live.run(), name="live-tail")
        try:
            yield
        finally:
            app.state.context.live.stop()
            await tail

    app = FastAPI(
        title="Anju",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    app.state.context = context
    problems.install(app)
    for module in (alerts, passages, video, estate, people, vehicles, passes, live):
        app.include_router(module.router, prefix=API)
    app.include_router(health.router)
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Gatekeeper, public_url=context.config.api.public_url if context else None)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AccessLog)
    return app
