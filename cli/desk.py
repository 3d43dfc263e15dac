"""What the commands of the desk share: options, the estate's database, and how they answer.

They work directly on the database, on the core's own machine; the running core tells the edges.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from core.contract.config_file import LoadedConfig, load_config
from core.errors import InvalidError
from core.people.consent.asked import asked_for
from core.service import opened, prepare

CONSOLE = "console"
"""Who did it, in records: somebody with a shell on the core's machine."""
_UNLIMITED = 10_000

ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")]
KeyOption = Annotated[str | None, typer.Option("--key", help="Key to use, a lower-case UUID; made up when left out.")]
SubjectOption = Annotated[str, typer.Option("--subject", metavar="KEY", help="The person's key.")]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="ISO 8601 with offset; now if left out.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="ISO 8601 with offset; or without end.")
]


@contextmanager
def writing(config: Path) -> Iterator[tuple[LoadedConfig, Session]]:
    """One transaction on the estate's database, committed at the end. Raises EndsLaterError (see ``asked_for``)."""
    loaded = load_config(config)
    prepare(loaded, needs_journal=False)
    with opened(loaded) as database, asked_for(database) as db:
        yield loaded, db


@contextmanager
def reading(config: Path) -> Iterator[tuple[LoadedConfig, Session]]:
    """A session that changes nothing."""
    loaded = load_config(config)
    prepare(loaded, needs_journal=False)
    with opened(loaded) as database, database.reading() as db:
        yield loaded, db


def now() -> datetime:
    return datetime.now(UTC)


def moment(text: str | None) -> datetime | None:
    """The time in ``text``. Raises InvalidError for what is no time with an offset."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidError(f"{text!r} is no time with an offset; write 2026-11-22T08:00:00+08:00")
    return found


def end(text: str) -> datetime:
    """Like ``moment``, for a time that must be given."""
    found = moment(text)
    assert found is not None
    return found


def text_of(moment: datetime | None) -> str | None:
    """For scripts."""
    return moment.isoformat() if moment is not None else None


def shown(moment: datetime | None) -> str:
    """For people: to the minute, in this machine's time zone."""
    return moment.astimezone().isoformat(sep=" ", timespec="minutes") if moment is not None else ""


def tell(told: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Answer in one sentence, or in JSON for scripts."""
    typer.echo(json.dumps(told, ensure_ascii=False, indent=1) if as_json else sentence)


def tell_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Answer with a table of ``columns``, or with everything in JSON.

    The first column is what a row is called by, whole in any terminal so that it can be copied: a table that is wider
    than the terminal becomes a paragraph for each row.
    """
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    headings = [column.replace("_", " ") for column in columns]
    texts = [[_cell(row[column]) for column in columns] for row in rows]
    table = Table(*headings, box=SIMPLE_HEAD, pad_edge=False)
    for cells in texts:
        table.add_row(*map(Text, cells))
    console = Console(highlight=False)
    if console.measure(table, options=console.options.update(max_width=_UNLIMITED)).maximum <= console.width:
        console.print(table)
        return
    for cells in texts:
        said = (f"{heading}: {cell}" for heading, cell in zip(headings[1:], cells[1:], strict=True) if cell)
        typer.echo(f"{cells[0]}\n  " + "; ".join(said))


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
        case _:
            return str(value)
