"""Whatever arrives is an event of ours, or a refusal that repeats nothing of it."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.envelope import Envelope, MalformedEventError, decode, encode
from core.contract.events import MAX_EVENT_BYTES, PassageV1
from core.contract.ids import CameraId, CheckpointId, EventId, PassageId, new_id
from core.contract.vocabulary import Credential, Direction, Reason, Verdict

SECRET = "张三13800138000"
NOW = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)


def passage() -> PassageV1:
    return PassageV1(
        passage_id=PassageId(new_id()),
        checkpoint=CheckpointId("east-gate"),
        camera=CameraId("gate-cam"),
        occurred_at=NOW,
        direction=Direction.IN,
        credential=Credential.FACE,
        verdict=Verdict.ADMIT,
        reason=Reason.LISTED,
        passed=True,
    )


def envelope(data: dict[str, Any], kind: str = "anju.passage.v1") -> Envelope:
    return Envelope(
        id=EventId(new_id()),
        source="/anju/green/edge/edge-1",
        type=kind,
        time=NOW,
        epoch=new_id(),
        sequence=7,
        floor=3,
        data=data,
    )


def refusal(wire: bytes) -> str:
    with pytest.raises(MalformedEventError) as caught:
        decode(wire)
    return str(caught.value)


def test_what_was_encoded_comes_back() -> None:
    sent = passage()
    wrapped = envelope(sent.model_dump(mode="json"))
    event = decode(encode(wrapped))
    assert event.message == sent
    assert event.envelope == wrapped


def test_the_wire_form_is_a_structured_cloud_event() -> None:
    wire = json.loads(encode(envelope(passage().model_dump(mode="json"))))
    assert wire["specversion"] == "1.0"
    assert wire["datacontenttype"] == "application/json"
    assert {"id", "source", "type", "time", "data", "epoch", "sequence", "floor"} <= set(wire)


@given(st.binary(max_size=2000))
def test_any_bytes_are_refused_and_nothing_else_happens(wire: bytes) -> None:
    refusal(wire)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_refused_and_nothing_else_happens(content: Any) -> None:
    refusal(json.dumps(content).encode())


@given(st.data())
def test_one_wrong_value_anywhere_is_taken_or_refused(data: st.DataObject) -> None:
    content = json.loads(encode(envelope(passage().model_dump(mode="json"))))
    part = content if data.draw(st.booleans()) else content["data"]
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(JSON)
    with suppress(MalformedEventError):
        decode(json.dumps(content).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"name": SECRET}},
        {"type": SECRET},
        {"source": SECRET * 100},
        {"id": SECRET},
        {"time": SECRET},
        {"sequence": SECRET},
        {"epoch": SECRET * 10},
        {SECRET: 1},
        {"type": "anju.outbox.dropped.v1", "data": {"kinds": {SECRET: 0}}},
        {"data": {SECRET: {SECRET: SECRET}}},
    ],
)
def test_a_refusal_quotes_nothing_of_what_it_refuses(change: dict[str, Any]) -> None:
    content = json.loads(encode(envelope(passage().model_dump(mode="json"))))
    content.update(change)
    assert SECRET not in refusal(json.dumps(content, ensure_ascii=False).encode())


def test_an_unknown_type_asks_about_the_versions() -> None:
    assert "is this core older than the edge?" in refusal(encode(envelope({}, "anju.passage.v9")))


def test_too_large_is_refused_unread_on_both_sides() -> None:
    assert refusal(b"x" * (MAX_EVENT_BYTES + 1)) == f"{MAX_EVENT_BYTES + 1} bytes; at most {MAX_EVENT_BYTES} are read"
    with pytest.raises(ValueError, match="can be sent"):
        encode(envelope({"jpeg_base64": "x" * MAX_EVENT_BYTES}))


@pytest.mark.parametrize("wire", [b"[" * 500_000, b'{"a":' * 200_000, b"1" * 900_000, b'"\\ud800"', b"\xef\xbb\xbf{}"])
def test_tricks_with_json_are_refused(wire: bytes) -> None:
    refusal(wire)


def test_a_time_without_offset_is_refused() -> None:
    content = json.loads(encode(envelope(passage().model_dump(mode="json"))))
    content["data"]["occurred_at"] = "2026-05-01T08:30:00"
    assert "occurred_at: timezone_aware" in refusal(json.dumps(content).encode())


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        passage().passed = False  # type: ignore[misc]
