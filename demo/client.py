"""What the demo asks of Anju over HTTP, with a service token, as any other system would."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from demo.processes import DemoError

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
NOTICE_CHANNEL = "desk"


class Client:
    """The JSON API of one running Anju. Errors become DemoError with the problem's own words."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=base_url, timeout=TIMEOUT, headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON. Raises DemoError for every answer that is not a success."""
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise DemoError(f"{method} {path}: {error!r}") from error
        if not answer.is_success:
            raise DemoError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return dict(answer.json()) if answer.content else {}

    def edge(self, edge: str) -> dict[str, Any]:
        """The edge's row. Raises DemoError when the core does not know it."""
        for row in self.call("GET", "/api/v1/edges")["edges"]:
            if row["id"] == edge:
                return dict(row)
        raise DemoError(f"the core does not know edge {edge}")

    def list_is_current(self, edge: str) -> bool:
        """Whether the edge has confirmed every change made for it."""
        return any(
            row["edge"] == edge and row["head"] == row["acked"] for row in self.call("GET", "/api/v1/lists")["lists"]
        )

    def enrol(self, subject: str, edge: str, portrait: Path) -> None:
        """Ticket from the core, portrait to the edge's own endpoint: the core never sees the picture."""
        ticket = self.call("POST", f"/api/v1/subjects/{subject}/enrolment-tickets", {"edge": edge})
        answer = httpx.post(
            f"{ticket['enrol_url'].rstrip('/')}/v1/enrolments",
            data={"ticket": ticket["ticket"]},
            files={"portrait": (portrait.name, portrait.read_bytes(), "image/jpeg")},
            timeout=30.0,
            trust_env=False,
        )
        if answer.status_code != 201:
            raise DemoError(f"enrolment at {edge} was refused: {answer.status_code} {answer.text[:500]}")


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the live stream as it arrived here."""

    number: int
    kind: str
    payload: dict[str, Any]
    arrived_at: float


class LiveListener:
    """Listens to the live stream as the page does: resumes by number, and keeps when what arrived.

    ``told`` grows with the demo's length, some hundred bytes an event.
    """

    def __init__(self, base_url: str, token: str, heard: Callable[[Told], None]) -> None:
        self._url = f"{base_url}/api/v1/live"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._heard = heard
        self._last = 0
        self._stop = threading.Event()
        self.told: list[Told] = []
        self._thread = threading.Thread(target=self._run, name="demo-live", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        with httpx.Client(timeout=httpx.Timeout(2.0, read=1.0), trust_env=False) as http:
            while not self._stop.is_set():
                with suppress(httpx.HTTPError):
                    self._listen(http)
                self._stop.wait(0.2)

    def _listen(self, http: httpx.Client) -> None:
        headers = {**self._headers, "Last-Event-ID": str(self._last)}
        timeout = httpx.Timeout(2.0, read=20.0)
        with http.stream("GET", self._url, headers=headers, timeout=timeout) as stream:
            for told in _events(stream.iter_lines()):
                self._last = told.number
                self.told.append(told)
                self._heard(told)
                if self._stop.is_set():
                    return


def _events(lines: Iterator[str]) -> Iterator[Told]:
    """Server-sent events (WHATWG HTML, section 9.2) out of ``lines``; heartbeats are skipped."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            if "id" in fields and fields.get("data"):
                yield Told(int(fields["id"]), fields.get("event", "message"), json.loads(fields["data"]), time.time())
            fields = {}


def moment(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 ``text``."""
    return datetime.fromisoformat(text).timestamp()
