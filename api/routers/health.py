"""For whoever watches the process: is it alive, can it work."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.context import Context
from api.problems import ProblemError, problem_response
from api.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses={503: problem_response("the database does not answer, or the live stream is down")})
def readyz(context: Context) -> Health:
    """The process can work: the database answers and the live stream is tailed."""
    try:
        with context.database.reading() as db:
            db.execute(text("SELECT 1 FROM accounts LIMIT 1"))
    except SQLAlchemyError:
        raise ProblemError(503, "not-ready", "the database does not answer or has no tables; see the log") from None
    if not context.live.tailing.is_set():
        raise ProblemError(503, "not-ready", "the live stream has not started yet")
    return Health()
