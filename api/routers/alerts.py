"""Alerts: the queue, and answering one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api import schemas
from api.context import Context
from api.problems import RESPONSES, problem_response
from api.signin import Acknowledger, Watcher
from core.alerts import check_acknowledge, do_acknowledge, list_alerts

router = APIRouter(tags=["alerts"], responses=RESPONSES)


@router.get("/alerts")
def get_alerts(
    _who: Watcher,
    context: Context,
    state: Annotated[Literal["raised", "acknowledged"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.Alerts:
    """The newest alerts first."""
    with context.database.reading() as db:
        rows = list_alerts(db, state=state, limit=limit)
        return schemas.Alerts(alerts=[schemas.Alert.model_validate(row) for row in rows])


@router.post(
    "/alerts/{alert_id}/acknowledge",
    responses={404: problem_response("no such alert"), 409: problem_response("already acknowledged, and by whom")},
)
def acknowledge(who: Acknowledger, context: Context, alert_id: schemas.Uuid) -> schemas.Alert:
    """Say that somebody looks after it. Only the first does; the others are told who (409)."""
    with context.database.writing() as db:
        alert = check_acknowledge(db, alert_id, who.account)
        return schemas.Alert.model_validate(do_acknowledge(db, alert, who.account, context.now()))
