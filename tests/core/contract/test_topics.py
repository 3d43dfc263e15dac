"""Topics are built and taken apart here alone, and no id breaks out of its level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.access import allows, core_access, edge_access, mosquitto_acl, observer_access, relay_access
from core.contract.ids import SLUG_PATTERN, UUID_PATTERN, new_id
from core.contract.topics import Channel, Topic, parse, topic, topic_filter

SLUGS = st.from_regex(SLUG_PATTERN, fullmatch=True).filter(lambda text: not text.endswith("\n"))
IDS = SLUGS | st.from_regex(UUID_PATTERN, fullmatch=True).filter(lambda text: not text.endswith("\n"))
CHANNELS = st.sampled_from(Channel)


@given(SLUGS, CHANNELS, IDS)
def test_a_topic_taken_apart_is_what_it_was_built_of(estate: str, channel: Channel, thing: str) -> None:
    assert parse(topic(estate, channel, thing)) == Topic(estate, channel, thing)


@given(SLUGS, CHANNELS, IDS)
def test_the_filter_of_a_channel_covers_its_topics(estate: str, channel: Channel, thing: str) -> None:
    assert allows((topic_filter(estate, channel),), topic(estate, channel, thing))


@given(st.text())
def test_any_text_is_a_topic_of_ours_or_none(text: str) -> None:
    found = parse(text)
    assert found is None or topic(found.estate, found.channel, found.id) == text


@pytest.mark.parametrize(
    "bad", ["", "a/b", "+", "#", "A", "a_b", "-a", "a-", "a b", "a" * 65, "é", "a\n", "edge/x/ack"]
)
def test_an_id_that_could_break_out_is_refused(bad: str) -> None:
    for estate, thing in ((bad, "edge-1"), ("green", bad)):
        with pytest.raises(ValueError, match="can't stand in a topic"):
            topic(estate, Channel.EDGE_EVENT, thing)


def test_a_newline_at_the_end_is_no_topic() -> None:
    assert parse(topic("green", Channel.EDGE_EVENT, "edge-1") + "\n") is None


def test_new_ids_fit_into_topics_and_are_sorted_by_birth() -> None:
    ids = [new_id() for _ in range(50)]
    assert sorted(ids) == ids
    assert parse(topic("green", Channel.ALERT_EVENT, ids[0])) is not None


def said(channel: Channel, thing: str = "edge-1") -> str:
    return topic("green", channel, thing)


def test_an_edge_speaks_for_itself_and_its_gates_alone() -> None:
    access = edge_access("edge-1", "green", ("east-gate",))
    assert allows(access.publish, said(Channel.EDGE_EVENT))
    assert allows(access.publish, said(Channel.CHECKPOINT_STATE, "east-gate"))
    for refused in (
        said(Channel.EDGE_EVENT, "edge-2"),
        said(Channel.EDGE_ACK),
        said(Channel.LIST_DELTA),
        said(Channel.CHECKPOINT_CMD, "west-gate"),
        said(Channel.ALERT_EVENT, new_id()),
        topic("blue", Channel.EDGE_EVENT, "edge-1"),
    ):
        assert not allows(access.publish, refused)


def test_an_edge_hears_sensors_and_can_not_speak_for_one() -> None:
    access = edge_access("edge-1", "green", ("east-gate",))
    for channel in (Channel.SENSOR_STATE, Channel.SENSOR_AVAILABILITY):
        assert allows(access.subscribe, said(channel, "door-3-button"))
        assert not allows(access.publish, said(channel, "door-3-button"))


def test_an_edge_hears_its_own_lists_alone() -> None:
    access = edge_access("edge-1", "green", ("east-gate",))
    assert allows(access.subscribe, said(Channel.LIST_DELTA))
    for refused in (
        said(Channel.LIST_DELTA, "edge-2"),
        topic_filter("green", Channel.LIST_DELTA),
        topic_filter("green", Channel.EDGE_EVENT),
        "anju/v1/green/#",
        "#",
        "anju/v1/green/edge/#",
    ):
        assert not allows(access.subscribe, refused)


@given(CHANNELS, IDS)
def test_the_core_hears_everything_of_its_estate_and_nothing_of_another(channel: Channel, thing: str) -> None:
    access = core_access("green")
    assert allows(access.subscribe, topic("green", channel, thing))
    assert not allows(access.subscribe, topic("blue", channel, thing))


def test_whoever_only_looks_says_nothing_and_sees_no_passage() -> None:
    access = observer_access("green")
    assert access.publish == ()
    assert not allows(access.subscribe, said(Channel.EDGE_EVENT))
    assert not allows(access.subscribe, said(Channel.LIST_DELTA))


def test_a_relay_opens_nothing_but_answers() -> None:
    access = relay_access("green", ("east-gate",))
    assert allows(access.publish, said(Channel.CHECKPOINT_CMD_RESULT, "east-gate"))
    assert not allows(access.publish, said(Channel.CHECKPOINT_CMD, "east-gate"))


def test_the_rules_are_written_as_mosquitto_reads_them() -> None:
    written = mosquitto_acl({"relay": relay_access("green", ("east-gate",))})
    assert written.splitlines()[:2] == ["user relay", "topic write anju/v1/green/checkpoint/east-gate/cmd/result"]
    assert written.splitlines()[-1] == "topic read anju/v1/green/checkpoint/east-gate/cmd"
