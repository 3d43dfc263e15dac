"""QR passes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES
from api.signin import PeopleWriter
from core.people import passes

router = APIRouter(tags=["passes"], responses=RESPONSES)


@router.put("/passes/{pass_id}", responses=NOT_FOUND | CONFLICT)
def put_pass(_who: PeopleWriter, context: Context, pass_id: schemas.Uuid, body: schemas.PassBody) -> schemas.Pass:
    """Issue a pass; the same request again gives the same text. Good at every edge without asking anybody."""
    with context.database.writing() as db:
        text = passes.do_issue_pass(
            db,
            pass_id,
            body.subject,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
            signing_key=context.signing_key,
            now=context.now(),
        )
    return schemas.Pass(id=pass_id, text=text)


@router.delete("/passes/{pass_id}", status_code=204, responses=NOT_FOUND)
def delete_pass(_who: PeopleWriter, context: Context, pass_id: schemas.Uuid) -> Response:
    """Take the pass back; every edge is told."""
    with context.database.writing() as db:
        passes.do_revoke_pass(db, pass_id, context.now())
    return Response(status_code=204)
