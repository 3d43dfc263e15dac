"""What an edge has to tell survives whatever happens to the box, or is told to be lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.contract.base import Message
from core.contract.events import (
    EventAckV1,
    OutboxDroppedV1,
    PassageV1,
    PictureV1,
    SealedFor,
    TemplateSealedV1,
)
from core.contract.events_cameras import CameraConditionV1
from core.contract.ids import (
    CameraId,
    CheckpointId,
    ConsentId,
    EdgeId,
    ModelId,
    PassageId,
    PictureId,
    SubjectKey,
    TemplateId,
    new_id,
)
from core.contract.vocabulary import CameraCondition, Credential, Direction, Reason, Verdict
from edge import outbox as outbox_module
from edge.outbox import DurableOutbox, OutboxRow

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PASSAGE, PICTURE, CAMERA = "anju.passage.v1", "anju.picture.v1", "anju.camera.condition.v1"
DROPPED, TEMPLATE = "anju.outbox.dropped.v1", "anju.template.sealed.v1"


def passage() -> PassageV1:
    return PassageV1(
        passage_id=PassageId(new_id()),
        checkpoint=CheckpointId("gate"),
        camera=CameraId("cam"),
        occurred_at=AT,
        direction=Direction.IN,
        credential=Credential.FACE,
        verdict=Verdict.USE_OTHER_METHOD,
        reason=Reason.NO_MATCH,
        passed=False,
    )


def picture(size: int = 100) -> PictureV1:
    return PictureV1(
        picture_id=PictureId(new_id()),
        passage_id=PassageId(new_id()),
        checkpoint=CheckpointId("gate"),
        taken_at=AT,
        width_px=10,
        height_px=10,
        faces_blurred=0,
        jpeg_base64="A" * size,
    )


def camera_news() -> CameraConditionV1:
    return CameraConditionV1(camera=CameraId("cam"), condition=CameraCondition.OFFLINE, since=AT, blind=True)


def template() -> TemplateSealedV1:
    sealed = SealedFor(edge=EdgeId("e"), key_fingerprint="0" * 16, sealed_base64="QUFB")
    return TemplateSealedV1(
        template_id=TemplateId(new_id()),
        subject=SubjectKey(new_id()),
        consent=ConsentId(new_id()),
        model=ModelId("m@0"),
        quality=0.9,
        sealed=(sealed,),
    )


MAKE: dict[str, Callable[[], Message]] = {PASSAGE: passage, PICTURE: picture, CAMERA: camera_news, TEMPLATE: template}


def open_outbox(path: Path, *, max_rows: int = 1000, max_bytes: int = 10_000_000) -> DurableOutbox:
    return DurableOutbox(path, max_rows=max_rows, max_bytes=max_bytes)


def rows_of(outbox: DurableOutbox) -> list[OutboxRow]:
    return outbox.unacknowledged(0, 1_000_000, 1_000_000_000)


def told(outbox: DurableOutbox) -> Counter[str]:
    """What marks and reports say was dropped."""
    total: Counter[str] = Counter()
    for row in rows_of(outbox):
        if row.type == DROPPED:
            total.update(json.loads(row.data)["kinds"])
    return total


# -- the ordinary life ---------------------------------------------------------------------------------------------


def test_events_keep_their_order_without_gaps_across_a_restart(path: Path) -> None:
    first = open_outbox(path)
    for make in (passage, picture, camera_news):
        first.append(make(), AT)
    epoch = first.epoch
    first.close()
    second = open_outbox(path)
    second.append(template(), AT)
    assert [(row.sequence, row.type) for row in rows_of(second)] == [
        (1, PASSAGE),
        (2, PICTURE),
        (3, CAMERA),
        (4, TEMPLATE),
    ]
    assert second.epoch == epoch
    second.close()


def test_an_event_comes_back_as_it_was_put_in(outbox: DurableOutbox) -> None:
    message = passage()
    outbox.append(message, AT)
    [row] = rows_of(outbox)
    assert PassageV1.model_validate_json(row.data) == message
    assert row.occurred_at == AT


def test_an_acknowledgement_removes_everything_up_to_its_number_and_nothing_else(outbox: DurableOutbox) -> None:
    for _ in range(5):
        outbox.append(passage(), AT)
    outbox.acknowledge(outbox.epoch, 3)
    assert [row.sequence for row in rows_of(outbox)] == [4, 5]
    assert outbox.floor() == 4
    assert outbox.waiting().rows == 2


@pytest.mark.parametrize(("epoch", "sequence"), [("another-life", 5), (None, 6)])
def test_an_acknowledgement_of_another_life_or_of_what_does_not_exist_removes_nothing(
    outbox: DurableOutbox, epoch: str | None, sequence: int
) -> None:
    for _ in range(5):
        outbox.append(passage(), AT)
    outbox.acknowledge(epoch or outbox.epoch, sequence)
    assert outbox.waiting().rows == 5


def test_numbers_go_on_after_everything_was_acknowledged(path: Path) -> None:
    first = open_outbox(path)
    first.append(passage(), AT)
    first.acknowledge(first.epoch, 1)
    assert first.floor() == 2
    first.close()
    second = open_outbox(path)
    second.append(passage(), AT)
    assert [row.sequence for row in rows_of(second)] == [2]
    second.close()


def test_reading_is_bounded_by_rows_and_by_bytes_but_never_stuck_on_a_large_event(outbox: DurableOutbox) -> None:
    for _ in range(4):
        outbox.append(picture(5_000), AT)
    assert len(outbox.unacknowledged(0, 3)) == 3
    assert [row.sequence for row in outbox.unacknowledged(1, 10, max_bytes=100)] == [2]
    assert len(outbox.unacknowledged(0, 10, max_bytes=11_000)) == 2


def test_many_threads_append_and_nothing_is_lost_or_numbered_twice(outbox: DurableOutbox) -> None:
    def write() -> None:
        for _ in range(25):
            outbox.append(passage(), AT)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [row.sequence for row in rows_of(outbox)] == list(range(1, 201))
    assert len({row.event_id for row in rows_of(outbox)}) == 200


def test_what_is_no_event_or_could_never_be_sent_is_refused_at_the_door(outbox: DurableOutbox) -> None:
    with pytest.raises(ValueError, match="EventAckV1 is no event"):
        outbox.append(EventAckV1(edge=EdgeId("e"), epoch="12345678", sequence=0), AT)
    sealed = SealedFor(edge=EdgeId("e"), key_fingerprint="0" * 16, sealed_base64="A" * 16_384)
    huge = template().model_copy(update={"sealed": (sealed,) * 64})
    with pytest.raises(ValueError, match="can't be sent"):
        outbox.append(huge, AT)
    assert rows_of(outbox) == []


def test_a_second_process_is_kept_out_and_told_why(outbox: DurableOutbox, path: Path) -> None:
    outbox.append(passage(), AT)
    code = (
        "import sys; from pathlib import Path; from edge import outbox\n"
        "outbox._BUSY_TIMEOUT_S = 0.05\n"
        "try: outbox.DurableOutbox(Path(sys.argv[1]), max_rows=9, max_bytes=9).floor()\n"
        "except outbox.OutboxError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True, timeout=60
    )
    assert "is this edge running twice?" in done.stdout


def test_whoever_waits_for_news_is_woken_by_an_append(outbox: DurableOutbox) -> None:
    assert not outbox.wait_for_news(0.0)
    outbox.append(passage(), AT)
    assert outbox.wait_for_news(0.0)
    assert not outbox.wait_for_news(0.0)


# -- clocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(days=-3650), timedelta(days=3650)])
def test_a_jump_of_the_wall_clock_changes_neither_order_nor_age(outbox: DurableOutbox, jump: timedelta) -> None:
    outbox.append(passage(), datetime.now(UTC) + jump)
    outbox.append(picture(), datetime.now(UTC))
    outbox.append(camera_news(), datetime.now(UTC) - jump)
    assert [row.type for row in rows_of(outbox)] == [PASSAGE, PICTURE, CAMERA]
    assert 0.0 <= outbox.waiting().oldest_s < 60.0


def test_the_age_goes_on_counting_across_a_restart_of_the_process(path: Path) -> None:
    first = open_outbox(path)
    first.append(passage(), AT)
    first.close()
    time.sleep(0.05)
    second = open_outbox(path)
    assert 0.05 <= second.waiting().oldest_s < 60.0
    second.close()


def test_after_a_restart_of_the_machine_the_age_is_taken_from_the_wall_clock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_outbox(path)
    first.append(passage(), datetime.now(UTC) - timedelta(hours=1))
    first.close()
    monkeypatch.setattr(outbox_module, "_boot_id", lambda: "another start")
    second = open_outbox(path)
    assert 3590.0 < second.waiting().oldest_s < 3700.0
    second.close()


# -- limits --------------------------------------------------------------------------------------------------------


def test_pictures_go_first_then_camera_news_and_passages_last(path: Path) -> None:
    outbox = open_outbox(path, max_rows=4)
    for make in (passage, picture, camera_news, template):
        outbox.append(make(), AT)
    seen = []
    for _ in range(4):
        outbox.append(passage(), AT)
        seen.append([row.type for row in rows_of(outbox)[:4]])
    assert seen == [
        [PASSAGE, DROPPED, CAMERA, TEMPLATE],
        [PASSAGE, DROPPED, DROPPED, TEMPLATE],
        [DROPPED, DROPPED, DROPPED, TEMPLATE],
        [DROPPED, DROPPED, DROPPED, DROPPED],
    ]
    assert told(outbox) == {PICTURE: 1, CAMERA: 1, PASSAGE: 1, TEMPLATE: 1}
    outbox.close()


def test_a_dropped_event_leaves_a_mark_under_its_own_number_and_id(path: Path) -> None:
    outbox = open_outbox(path, max_rows=2)
    outbox.append(picture(), AT)
    outbox.append(passage(), AT)
    before = rows_of(outbox)
    outbox.append(passage(), AT)
    after = rows_of(outbox)
    assert (after[0].sequence, after[0].event_id) == (before[0].sequence, before[0].event_id)
    assert OutboxDroppedV1.model_validate_json(after[0].data).kinds == {PICTURE: 1}
    assert [row.sequence for row in after] == [1, 2, 3]
    outbox.close()


def test_a_new_picture_never_pushes_out_a_passage(path: Path) -> None:
    outbox = open_outbox(path, max_rows=3)
    for _ in range(3):
        outbox.append(passage(), AT)
    outbox.append(picture(), AT)
    assert [row.type for row in rows_of(outbox)] == [PASSAGE] * 3
    outbox.report_dropped(AT)
    assert told(outbox) == {PICTURE: 1}
    outbox.close()


def test_bytes_are_a_limit_too(path: Path) -> None:
    outbox = open_outbox(path, max_bytes=100_000)
    for _ in range(10):
        outbox.append(picture(30_000), AT)
    kept = Counter(row.type for row in rows_of(outbox))
    assert kept == {PICTURE: 3, DROPPED: 7}
    assert rows_of(outbox)[-1].type == PICTURE
    outbox.close()


def test_nothing_is_reported_where_nothing_was_dropped(outbox: DurableOutbox) -> None:
    outbox.report_dropped(AT)
    assert rows_of(outbox) == []


def test_old_marks_go_at_last_and_the_floor_says_so(path: Path) -> None:
    outbox = open_outbox(path, max_rows=3)
    for _ in range(20):
        outbox.append(picture(), AT)
    rows = rows_of(outbox)
    assert [row.sequence for row in rows] == [15, 16, 17, 18, 19, 20]
    assert outbox.floor() == 15
    outbox.report_dropped(AT)
    assert told(outbox) == {PICTURE: 17}
    outbox.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from([*MAKE, "acknowledge", "report", "restart"]), max_size=60),
    max_rows=st.integers(1, 6),
    max_bytes=st.integers(600, 4_000),
)
def test_whatever_comes_the_numbers_have_no_gap_and_every_event_is_held_told_or_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], max_rows: int, max_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    outbox = open_outbox(path, max_rows=max_rows, max_bytes=max_bytes)
    put: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for step in steps:
        if step == "acknowledge":
            rows = rows_of(outbox)
            for row in rows[: len(rows) // 2]:
                gone.update(json.loads(row.data)["kinds"] if row.type == DROPPED else [row.type])
            if rows:
                outbox.acknowledge(outbox.epoch, rows[0].sequence + len(rows) // 2 - 1)
        elif step == "report":
            outbox.report_dropped(AT)
        elif step == "restart":
            outbox.close()
            outbox = open_outbox(path, max_rows=max_rows, max_bytes=max_bytes)
        else:
            outbox.append(MAKE[step](), AT)
            put[step] += 1
        rows = rows_of(outbox)
        assert [row.sequence for row in rows] == list(range(outbox.floor(), outbox.floor() + len(rows)))
        assert sum(row.type != DROPPED for row in rows) <= max_rows
    outbox.report_dropped(AT)
    held = Counter(row.type for row in rows_of(outbox) if row.type != DROPPED)
    assert held + told(outbox) + gone == put
    outbox.close()
