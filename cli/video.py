"""`anju video`: who was let watch cameras and clips, when and why. What is watched never comes here."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer

from api.permissions import Permission
from cli.desk import AsJson, ConfigOption, shown, tell_table, text_of
from cli.signin import AsOption, signed_in
from core.viewing import MAX_LISTED, list_views

video_app = typer.Typer(name="video", no_args_is_help=True)


@video_app.callback()
def video() -> None:
    """Who was let watch what."""


@video_app.command("views")
def views(
    *,
    account: AsOption,
    config: ConfigOption,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_LISTED, help="How many at most.")] = 100,
    before: Annotated[
        UUID | None, typer.Option("--before", metavar="ID", help="Those given before that one: the next page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Leave that was given to watch, the newest first: when, by whose account, which camera or clip, and why."""
    with signed_in(config, account, Permission.VIDEO_AUDIT) as (_, db):
        page = list_views(db, limit=limit, before=None if before is None else str(before))
        rows = [
            {
                "id": row.id,
                "at": text_of(row.at) if as_json else shown(row.at),
                "by": row.by,
                "camera": row.camera,
                "clip": row.clip,
                "reason": row.reason,
            }
            for row in page.views
        ]
    if as_json:
        typer.echo(json.dumps({"views": rows, "next": page.next}, ensure_ascii=False, indent=1))
        return
    tell_table(rows, ("id", "at", "by", "camera", "clip", "reason"), as_json=False)
    if page.next is not None:
        typer.echo(f"anju: there are more: --before {page.next}", err=True)
