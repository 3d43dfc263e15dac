"""Leave to watch a camera live, or a clip, and who was given it: the video itself comes from the edge, for a ticket."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES
from api.signin import VideoAuditor, VideoViewer
from core.viewing import Asking, do_grant_clip, do_grant_live, list_views

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


@router.get("/views")
def get_views(
    _who: VideoAuditor,
    context: Context,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[schemas.Uuid | None, Query()] = None,
) -> schemas.ViewGrants:
    """Who was let watch what, when and why, the newest first; ``before``: those given before that one."""
    with context.database.reading() as db:
        page = list_views(db, limit=limit, before=before)
        views = [schemas.ViewGrant.model_validate(row) for row in page.views]
        return schemas.ViewGrants(views=views, next=page.next)
