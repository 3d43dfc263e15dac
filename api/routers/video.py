"""Leave to watch a camera live, or a clip: the video itself comes from the edge, for the ticket given here."""

from __future__ import annotations

from fastapi import APIRouter

from api import schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES
from api.signin import VideoViewer
from core.viewing import Asking, do_grant_clip, do_grant_live

router = APIRouter(tags=["video"], responses=RESPONSES)


@router.post("/cameras/{camera_id}/views", status_code=201, responses=NOT_FOUND | CONFLICT)
def post_live_view(
    who: VideoViewer, context: Context, camera_id: schemas.SlugText, body: schemas.LiveViewBody
) -> schemas.View:
    """Leave to watch a camera live for half an hour: ``GET url`` with ``Authorization: Bearer ticket``, once."""
    with context.database.writing() as db:
        asking = Asking(who.account, body.reason)
        return schemas.View.model_validate(
            do_grant_live(
                db, context.config, camera_id, asking, context.signing_key, now=context.now(), stream=body.stream
            )
        )


@router.post("/clips/{clip_id}/views", status_code=201, responses=NOT_FOUND | CONFLICT)
def post_clip_view(who: VideoViewer, context: Context, clip_id: schemas.Uuid, body: schemas.ViewBody) -> schemas.View:
    """Leave to watch the twenty seconds around a passage or something that happened, whose id ``clip_id`` is."""
    with context.database.writing() as db:
        asking = Asking(who.account, body.reason)
        return schemas.View.model_validate(do_grant_clip(db, clip_id, asking, context.signing_key, context.now()))
