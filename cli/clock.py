"""`anju core clock`: whether the core believes this machine's clock, and an administrator's word that it is right."""

from __future__ import annotations

from typing import Annotated

import typer

from api.permissions import Permission
from cli.desk import AsJson, ConfigOption, end, now, reading, shown, tell, text_of
from cli.signin import AsOption, signed_in
from core.clock.record import ClockRecord, do_confirm_clock, read_record

clock_app = typer.Typer(
    name="clock",
    no_args_is_help=True,
    help="The clock by which consents and cases end: whether the core believes it.",
)


@clock_app.callback()
def clock() -> None:
    """The clock by which consents and cases end: whether the core believes it."""


@clock_app.command("show")
def show(config: ConfigOption, as_json: AsJson = False) -> None:
    """What time the core works by, what this machine's clock shows, and whether the core believes it."""
    with reading(config) as (_, db):
        record = read_record(db)
    told = {
        "machine_at": text_of(now()),
        "core_at": text_of(record.at) if record is not None else None,
        "doubt": record.doubt.value if record is not None and record.doubt is not None else None,
        "in_doubt_since": text_of(record.since) if record is not None else None,
        "counted_by": sorted(record.edges) if record is not None else [],
        "confirmed_at": text_of(record.confirmed_at) if record is not None else None,
        "confirmed_by": record.confirmed_by if record is not None else None,
    }
    tell(told, _sentence(record), as_json=as_json)


@clock_app.command("confirm")
def confirm(
    time: Annotated[
        str, typer.Argument(metavar="TIME", help="What time it is, by another clock than this machine's: ISO 8601.")
    ],
    *,
    account: AsOption,
    config: ConfigOption,
    as_json: AsJson = False,
) -> None:
    """Say what time it is, where the core doubts its clock. It is believed if it shows that time, within 10 minutes."""
    with signed_in(config, account, Permission.CLOCK_CONFIRM) as (_, db):
        record = do_confirm_clock(db, end(time), now(), account)
    told = {"confirmed_at": text_of(record.confirmed_at), "by": account}
    tell(told, "this machine's clock is right, on your word; what is due ends within a minute", as_json=as_json)


def advice(record: ClockRecord | None) -> str | None:
    """What somebody at the desk has to know of a clock in doubt; None while there is no doubt."""
    if record is None or record.doubt is None:
        return None
    return (
        f"the core doubts its machine's clock since {shown(record.since)}: it is {record.doubt.told}. Until it is set "
        "right, or confirmed if it is right (anju core clock confirm), no consent is recorded and no case begun, and "
        "what ends by time ends by the earlier time"
    )


def _sentence(record: ClockRecord | None) -> str:
    machine = f"this machine's clock shows {shown(now())}"
    if record is None:
        return f"{machine}; the core has not worked with it yet"
    if (doubted := advice(record)) is not None:
        return f"{machine}, the core last counted {shown(record.at)}; {doubted}"
    return f"{machine}; the core believes it, as of {shown(record.at)}"
