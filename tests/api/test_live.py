"""The live stream: in order, nothing lost, nothing twice, and nobody waits for a slow page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from httpx import Client
from hypothesis import given
from hypothesis import strategies as st

from api import live as live_module
from api.accounts import revoke_service_tokens
from api.live import Bounds, DatabaseLiveTable, LiveHub, LiveResponse, encode
from core.live import LiveEvent, LiveKind, append_many, newest, prune
from core.storage.database import Database
from tests.api.houses import House, now
from tests.api.serving import Served, listen, told
from tests.core.estates import key, stranger


def tell(database: Database, *numbers: int) -> None:
    """Live rows in one transaction, each saying its number."""
    with database.writing() as db:
        append_many(db, [(LiveKind.CAMERA, {"said": number}) for number in numbers])


def position(database: Database) -> int:
    with database.reading() as db:
        return newest(db)


def test_an_alert_is_told_with_when_it_happened_and_when_it_was_raised(served: Served, house: House) -> None:
    start = position(house.database)
    seen = stranger(occurred_at=now(), subject=key(), vehicle=key())
    house.happen(seen)
    of_passage, of_alert = told(served.url, house.token(), 2, after=start)
    assert (of_passage.event, of_alert.event) == ("passage", "alert")
    assert of_alert.payload["passage"] == seen.passage_id
    assert of_alert.payload["occurred_at"] <= of_alert.payload["raised_at"]
    assert not {"subject", "vehicle"} & of_passage.payload.keys(), "no page can tie one person's passages together"


def test_a_page_that_was_cut_off_again_and_again_misses_nothing_and_sees_nothing_twice(
    served: Served, house: House
) -> None:
    headers, last, said = house.token(), position(house.database), []
    for first in range(0, 60, 12):
        tell(house.database, *range(first, first + 12))
        heard = told(served.url, headers | {"Last-Event-ID": str(last)}, 9)  # hangs up with three untold
        said += [one.payload["said"] for one in heard]
        assert heard[-1].id is not None
        last = heard[-1].id
    said += [one.payload["said"] for one in told(served.url, headers, 60 - len(said), after=last)]
    assert said == list(range(60))


def test_rows_committed_while_a_page_catches_up_come_once_and_in_order(served: Served, house: House) -> None:
    start = position(house.database)
    tell(house.database, *range(700))  # more than one batch of catching up
    url = f"{served.url}/api/v1/live?after={start}"
    said: list[int] = []
    with served.client(headers=house.token()) as client, client.stream("GET", url) as stream:
        for one in listen(stream.iter_lines()):
            if one.event == "camera":
                said.append(one.payload["said"])
            if len(said) == 100:
                tell(house.database, *range(700, 750))
            if len(said) == 750:
                break
    assert said == list(range(750))


def test_every_page_gets_every_row(served: Served, house: House) -> None:
    start = position(house.database)
    tell(house.database, 1, 2, 3)
    for _ in range(3):
        heard = told(served.url, house.token(), 3, after=start)
        assert [one.payload["said"] for one in heard] == [1, 2, 3]


def test_a_page_that_was_away_too_long_is_told_to_load_anew(served: Served, house: House) -> None:
    tell(house.database, *range(20))
    with house.database.writing() as db:
        prune(db, 5)
    (reset,) = told(served.url, house.token(), 1, after=1)
    assert reset.event == "reset"
    assert reset.id == position(house.database)


def test_a_page_from_before_a_restore_is_told_to_load_anew(served: Served, house: House) -> None:
    (reset,) = told(served.url, house.token(), 1, after=1_000_000)
    assert reset.event == "reset"


def test_without_a_number_a_page_gets_what_comes_from_now_on(served: Served, house: House) -> None:
    tell(house.database, 1)
    with served.client(headers=house.token()) as client, client.stream("GET", "/api/v1/live") as stream:
        events = listen(stream.iter_lines())
        assert next(events).event == "beat"
        tell(house.database, 2)
        assert next(events).payload == {"said": 2}


def test_who_is_not_signed_in_hears_nothing(client: Client) -> None:
    assert client.get("/api/v1/live").status_code == 401


def test_a_page_ends_soon_after_its_token_is_taken_back(
    served: Served, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveResponse, "__init__", _with_short_beats(LiveResponse.__init__))
    headers = house.token()
    with served.client(headers=headers) as client, client.stream("GET", "/api/v1/live") as stream:
        events = listen(stream.iter_lines())
        next(events)
        with house.database.writing() as db:
            revoke_service_tokens(db, "test-administrator")
        assert {one.event for one in events} <= {"beat"}  # and the stream ends by itself


def _with_short_beats(make: Callable[..., None]) -> Callable[..., None]:
    def made(self: LiveResponse, *positional: object, **named: object) -> None:
        make(self, *positional, **(named | {"beat_s": 0.05}))

    return made


class Table:
    """A live table in memory."""

    def __init__(self) -> None:
        self.rows: list[LiveEvent] = []

    def add(self, count: int) -> None:
        first = len(self.rows) + 1
        self.rows += [LiveEvent(first + n, LiveKind.CAMERA, {"said": first + n}, now()) for n in range(count)]

    def read_after(self, after: int, limit: int) -> list[LiveEvent]:
        return self.rows[after : after + limit]

    def bounds(self) -> Bounds:
        return Bounds(self.rows[0].id, self.rows[-1].id) if self.rows else Bounds(0, 0)


async def allowed() -> bool:
    return True


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not met():
            await asyncio.sleep(0.005)


@pytest.fixture
def short_queues(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(live_module, "QUEUE_LIMIT", 20)
    return 20


def test_a_page_that_does_not_read_is_cut_off_and_holds_up_nobody(short_queues: int) -> None:
    async def scene() -> None:
        table = Table()
        hub = LiveHub(table, poll_s=0.001)
        tail = asyncio.create_task(hub.run())
        await hub.tailing.wait()
        stuck, ended, heard = asyncio.Event(), asyncio.Event(), []

        async def never_disconnects() -> dict[str, str]:
            await asyncio.Event().wait()
            raise AssertionError

        async def sends_nothing(message: dict[str, object]) -> None:
            if message["type"] == "http.response.body":
                stuck.set()
                await asyncio.Event().wait()

        async def slow_page() -> None:
            await LiveResponse(hub, None, allowed)({"type": "http"}, never_disconnects, sends_nothing)  # type: ignore[arg-type]
            ended.set()

        async def quick_page() -> None:
            with hub.subscribed() as client:
                async for chunk in hub.events(client, None, allowed, 60.0):
                    heard.append(chunk)  # noqa: PERF401 - others look at it meanwhile

        pages = [asyncio.create_task(slow_page()), asyncio.create_task(quick_page())]
        await stuck.wait()
        await until(lambda: len(heard) >= 2)
        for _ in range(10):
            table.add(short_queues // 2)
            wanted = len(table.rows)
            await until(lambda wanted=wanted: len(heard) == wanted + 2)  # type: ignore[misc]
        async with asyncio.timeout(10):
            await ended.wait()
        assert hub.slow_clients == 1
        for task in (*pages, tail):
            task.cancel()
        await asyncio.gather(*pages, tail, return_exceptions=True)

    asyncio.run(scene())


def test_when_the_house_is_full_the_next_page_is_told_so(house: House) -> None:
    from api.app import create_app  # noqa: PLC0415 - only here is an application of its own needed

    hub = LiveHub(DatabaseLiveTable(house.database), max_clients=0)
    with Served(create_app(house.context(hub))) as served, served.client(headers=house.token()) as client:
        answer = client.get("/api/v1/live")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:anju:problem:too-many-clients"


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none(), max_size=5))
def test_whatever_a_payload_says_it_stays_one_event(payload: dict[str, object]) -> None:
    wire = encode(LiveEvent(7, LiveKind.EDGE, payload, now())).decode()
    assert wire.endswith("\n\n")
    lines = wire.removesuffix("\n\n").split("\n")
    assert [line.partition(": ")[0] for line in lines] == ["id", "event", "data"]
    shown = json.loads(lines[2].removeprefix("data: "))
    assert shown == payload


@pytest.mark.parametrize(
    ("oldest", "newest_one", "after", "goes_on"),
    [
        (0, 0, 0, True),
        (0, 0, 5, False),
        (1, 9, 0, True),
        (5, 9, 4, True),
        (5, 9, 3, False),
        (5, 9, 9, True),
        (5, 9, 10, False),
    ],
)
def test_when_a_page_can_go_on(oldest: int, newest_one: int, after: int, goes_on: bool) -> None:
    assert Bounds(oldest, newest_one).continues(after) is goes_on
