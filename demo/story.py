"""What happens, told in the terminal as it happens: a line per passage and alert, no names."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from core.contract.config import EstateConfig
from core.contract.ids import CheckpointId
from demo.client import Told

_COLOURS = {"admit": "green", "ask_guard": "yellow", "use_other_method": "cyan"}


class Story:
    """Tells live events to a console."""

    def __init__(self, config: EstateConfig, console: Console) -> None:
        self._names = {checkpoint.id: checkpoint.name.en for checkpoint in config.checkpoints}
        self._zone = ZoneInfo(config.estate.timezone)
        self._console = console

    def tell(self, told: Told) -> None:
        """A line for passages and alerts; other events are the page's business."""
        if told.kind == "passage":
            self._console.print(self._passage(told.payload))
        elif told.kind == "alert":
            place = self._place(told.payload)
            trigger = str(told.payload["trigger"]).replace("_", " ")
            self._console.print(f"[bold red]          ! alert: {trigger} at {place}[/bold red]")

    def _passage(self, payload: dict[str, Any]) -> str:
        at = datetime.fromisoformat(payload["occurred_at"]).astimezone(self._zone).strftime("%H:%M:%S")
        plate = f" {payload['plate']['text']}" if payload.get("plate") else ""
        verdict = payload["verdict"]
        colour = _COLOURS.get(verdict, "white")
        words = f"{verdict.replace('_', ' ')} ({payload['reason'].replace('_', ' ')})"
        return f"{at}  {self._place(payload):<22}{payload['credential'] + plate:<16}[{colour}]{words}[/{colour}]"

    def _place(self, payload: dict[str, Any]) -> str:
        return self._names.get(CheckpointId(payload["checkpoint"]), str(payload["checkpoint"]))
