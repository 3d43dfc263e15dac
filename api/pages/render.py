"""From a template and a request to a page: words, times in the estate's zone, theme, who is signed in."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Request
from starlette.responses import HTMLResponse

from api.accounts import SignedIn
from api.context import ApiContext
from api.pages import words
from api.pages.words import Language
from api.permissions import Permission, may

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
VENDOR = STATIC / "vendor"
VENDOR_FILES = ("htmx.min.js", "idiomorph-ext.min.js")
_YEAR_S = 365 * 24 * 3600


class MissingVendorError(RuntimeError):
    """Browser libraries are not where pages load them from."""


def check_vendor() -> None:
    """Raises MissingVendorError with what to do when pages would come without their libraries."""
    missing = [name for name in VENDOR_FILES if not (VENDOR / name).is_file()]
    if missing:
        raise MissingVendorError(
            f"{VENDOR}: {', '.join(missing)} missing; run 'make setup' (or 'npm ci && npm run vendor') in the checkout"
        )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(request: Request) -> Language:
    return words.choose(
        request.query_params.get("lang"),
        request.cookies.get(words.COOKIE),
        request.headers.get("accept-language", ""),
    )


def local(context: ApiContext, moment: datetime) -> datetime:
    """``moment`` on the estate's clocks."""
    return moment.astimezone(ZoneInfo(context.config.estate.timezone))


def clock(context: ApiContext, moment: datetime) -> str:
    """Time of day in the estate, with the date when it is not today."""
    here = local(context, moment)
    return here.strftime("%H:%M:%S" if here.date() == local(context, context.now()).date() else "%m-%d %H:%M")


def render(
    request: Request,
    context: ApiContext,
    template: str,
    who: SignedIn | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page ``template`` in the language of the browser's person."""
    language = language_of(request)
    theme = request.cookies.get("theme", "")
    html = (
        _environment()
        .get_template(template)
        .render(
            t=partial(words.text, language),
            lang=language.value,
            other_lang=(Language.EN if language is Language.ZH else Language.ZH).value,
            theme=theme if theme in {"light", "dark"} else "auto",
            name_of=partial(words.name_of, language),
            clock=partial(clock, context),
            iso=datetime.isoformat,
            estate=context.config.estate,
            now=context.now(),
            path=request.url.path,
            who=who,
            may_edit_people=who is not None and may(who.role, Permission.PEOPLE_READ),
            **values,
        )
    )
    response = HTMLResponse(html, status, headers)
    if request.query_params.get("lang") in set(Language):
        response.set_cookie(words.COOKIE, language.value, max_age=_YEAR_S, samesite="lax", secure=context.secure)
    return response
