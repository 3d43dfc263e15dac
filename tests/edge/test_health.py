"""How an edge says how it is."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import edge
from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId, CheckpointId, EdgeId
from core.contract.lists import ListHideV1, ListMessage, ListReceiptV1
from core.contract.steady import boot_id
from core.contract.vocabulary import CameraCondition, CameraState
from edge.capture.conditions.watch import ConditionWatch
from edge.health import COUNTERS, CameraWatches, Counters, EdgeHealth, EdgeIdentity
from edge.outbox import DurableOutbox

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ONLINE, OFFLINE, CONNECTING = CameraState.ONLINE, CameraState.OFFLINE, CameraState.CONNECTING


def camera(state: CameraState, detail: str = "") -> CameraHealth:
    return CameraHealth(camera=CameraId("cam"), state=state, detail=detail)


def told(*steps: tuple[float, CameraState]) -> list[tuple[float, bool]]:
    """When it is told that the camera went (True) or came back, looked at in these moments and states."""
    watches = CameraWatches([ConditionWatch(CameraId("cam"))], Counters())
    return [
        (at_s, change.until is None)
        for at_s, state in steps
        for change in watches.look([camera(state)], at_s, NOW + timedelta(seconds=at_s))
        if change.condition is CameraCondition.OFFLINE
    ]


def test_a_camera_that_is_back_within_five_seconds_was_never_away() -> None:
    assert told((0, ONLINE), (1, OFFLINE), (5, OFFLINE), (5.9, ONLINE), (20, ONLINE)) == []


def test_a_camera_that_stays_away_is_told_once_and_so_is_its_return() -> None:
    steps = [(0, ONLINE), (1, OFFLINE), (6, OFFLINE), (7, CONNECTING), (30, OFFLINE), (31, ONLINE), (36, ONLINE)]
    assert told(*steps) == [(6, True), (36, False)]


def test_a_camera_that_was_never_there_is_told_too() -> None:
    assert told((0, CONNECTING), (5, CONNECTING)) == [(5, True)]


def test_a_camera_that_is_there_from_the_start_is_no_news() -> None:
    assert told((0, CONNECTING), (2, ONLINE), (60, ONLINE)) == []


def test_the_news_say_since_when_why_and_who_can_not_work() -> None:
    counters = Counters()
    watches = CameraWatches([ConditionWatch(CameraId("cam"), [CheckpointId("gate")])], counters)
    watches.look([camera(OFFLINE, "wrong password")], 0.0, NOW)
    [change] = watches.look([camera(OFFLINE, "wrong password")], 5.0, NOW + timedelta(days=300))
    assert (change.since, change.until, change.detail) == (NOW, None, "wrong password")
    assert (change.blind, change.checkpoints) == (True, (CheckpointId("gate"),))
    described = watches.describe(camera(OFFLINE))
    assert [(one.condition, one.since) for one in described.conditions] == [(CameraCondition.OFFLINE, NOW)]
    assert (described.blind, described.blind_checkpoints) == (True, (CheckpointId("gate"),))
    watches.look([camera(ONLINE)], 6.0, NOW)
    [back] = watches.look([camera(ONLINE)], 11.0, NOW)
    assert (back.blind, back.checkpoints) == (False, ())
    assert watches.describe(camera(ONLINE)) == camera(ONLINE)
    assert counters.snapshot() == {"cameras_went_blind": 1}


def test_counters_count_from_many_threads() -> None:
    counters = Counters()

    def count() -> None:
        for _ in range(500):
            counters.add("seen")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert counters.snapshot() == {"seen": 4000}


def test_every_counter_that_is_counted_is_explained_and_every_one_explained_is_counted() -> None:
    folder = Path(edge.__file__).parent
    used = {name for file in folder.rglob("*.py") for name in re.findall(r'counters\.add\("(\w+)"', file.read_text())}
    in_choices = {"gates_opened", "gates_not_opened"}
    assert used - in_choices == set(COUNTERS) - in_choices


class Lists:
    """Lists at number 7."""

    version = 7

    def hide(self, message: ListHideV1) -> None:
        raise NotImplementedError

    def apply(self, message: ListMessage) -> ListReceiptV1 | None:
        raise NotImplementedError

    def receipt(self) -> ListReceiptV1:
        raise NotImplementedError

    def counts(self) -> dict[str, int]:
        return {"lists.templates_locked": 2}


@pytest.fixture
def identity() -> EdgeIdentity:
    return EdgeIdentity(EdgeId("e"), NOW, "a" * 44, "b" * 44, "http://127.0.0.1:1")


def health(identity: EdgeIdentity, outbox: DurableOutbox, counters: Counters) -> EdgeHealth:
    return EdgeHealth(
        identity,
        outbox,
        counters,
        lists=Lists(),
        cameras=lambda: (camera(ONLINE),),
        watched=lambda: {"gate.faces": 3},
    )


def test_the_state_brings_together_what_the_parts_know(identity: EdgeIdentity, tmp_path: Path) -> None:
    outbox = DurableOutbox(tmp_path / "outbox.db", max_rows=10, max_bytes=10_000)
    counters = Counters()
    counters.add("gates_opened", 2)
    state = health(identity, outbox, counters).state(NOW)
    assert (state.list_version, state.outbox_rows, state.cameras) == (7, 0, (camera(ONLINE),))
    assert state.counters == {"gates_opened": 2, "gate.faces": 3, "lists.templates_locked": 2}
    assert (state.key_base64, state.signing_key_base64) == ("a" * 44, "b" * 44)
    outbox.close()


def test_the_state_tells_seconds_that_nobody_can_set(identity: EdgeIdentity, tmp_path: Path) -> None:
    outbox = DurableOutbox(tmp_path / "outbox.db", max_rows=10, max_bytes=10_000)
    composed = health(identity, outbox, Counters())
    first, second = composed.state(NOW).steady_s, composed.state(NOW - timedelta(days=1)).steady_s
    assert first is not None
    assert second is not None
    assert 0 < first <= second
    assert composed.state(NOW).boot_id == boot_id()
    outbox.close()


def test_an_outbox_that_can_not_be_read_does_not_silence_the_edge(identity: EdgeIdentity, tmp_path: Path) -> None:
    outbox = DurableOutbox(tmp_path / "not there" / "outbox.db", max_rows=10, max_bytes=10_000)
    state = health(identity, outbox, Counters()).state(NOW)
    assert (state.outbox_rows, state.counters["outbox_unreadable"]) == (0, 1)
