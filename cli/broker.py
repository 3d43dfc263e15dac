"""`anju broker`: the embedded MQTT broker as a process of its own."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from cli.logs import log_structured
from core.contract.config_file import LoadedConfig, load_config
from core.embedded_broker import serve


def broker(
    config: Annotated[
        Path,
        typer.Option("--config", "-c", metavar="FILE", help="The estate's file, with 'broker: { embedded: true }'."),
    ],
) -> None:
    """Run the embedded broker until SIGTERM or ctrl-C. Passwords that are missing are made and saved, mode 0600."""
    log_structured(verbose=False)
    asyncio.run(_until_told(load_config(config)))


async def _until_told(loaded: LoadedConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(loaded, stop)
