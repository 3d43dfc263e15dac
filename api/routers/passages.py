"""Passages and their pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES, problem_response
from api.signin import Disputer, Watcher
from core.passages import list_passages, picture
from core.people.disputes import DisputeRule, do_dispute_passage

router = APIRouter(tags=["passages"], responses=RESPONSES)


@router.get("/passages")
def get_passages(
    _who: Watcher, context: Context, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> schemas.Passages:
    """The newest passages first. No names, no subjects: what happened where, and why it was decided so."""
    with context.database.reading() as db:
        rows = list_passages(db, limit)
        return schemas.Passages(passages=[schemas.Passage.model_validate(row) for row in rows])


@router.post("/passages/{passage_id}/dispute", status_code=201, responses=NOT_FOUND | CONFLICT)
def post_dispute(who: Disputer, context: Context, passage_id: schemas.Uuid) -> schemas.Dispute:
    """Say that this was not the person recognised. A template that is disputed too often is suspended by itself."""
    core = context.config.core
    rule = DisputeRule(core.disputes_suspend_after, timedelta(days=core.disputes_within_days))
    with context.database.writing() as db:
        row = do_dispute_passage(db, passage_id, who.account, rule, context.now())
        return schemas.Dispute.model_validate(row)


@router.get(
    "/pictures/{picture_id}",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "JPEG; every face in it is blurred"},
        404: problem_response("no such picture: not arrived yet, or past its retention"),
    },
)
def get_picture(_who: Watcher, context: Context, picture_id: schemas.Uuid) -> Response:
    """A passage's picture. It never changes, so the browser of the person signed in may keep it for an hour."""
    with context.database.reading() as db:
        jpeg = picture(db, picture_id).jpeg
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600, immutable"})
