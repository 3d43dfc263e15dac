"""An edge on a real broker: nothing is lost, nothing is doubled, nothing late opens, nonsense is counted."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.contract.config import BrokerConfig, Login
from core.contract.config_file import LoadedConfig
from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId
from core.contract.lists import ListDeltaV1
from core.contract.topics import Channel, topic
from core.contract.vocabulary import GateState
from edge.link import sender as sender_module
from edge.link import window as window_module
from tests.edge.link.parts import EDGE, Core, Edge, Raw, configuration, until
from tests.edge.test_outbox import AT, passage, picture
from tests.support.certificates import make_server_identity
from tests.support.mosquitto import Mosquitto
from tests.support.system import free_port

pytestmark = pytest.mark.integration
GATE = CheckpointId("gate")


def everything_arrived(edge: Edge, core: Core, number: int) -> None:
    until(lambda: len(core.events) == number and edge.outbox.waiting().rows == 0, f"{number} events at the core")


# -- events --------------------------------------------------------------------------------------------------------


def test_events_arrive_in_order_once_and_leave_the_outbox_when_the_core_has_them(
    edge: Edge, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine is slower than the impatience of the other tests.
    monkeypatch.setattr(sender_module, "SendWindow", lambda: window_module.SendWindow(resend_after_s=60))
    for _ in range(120):
        edge.outbox.append(passage(), AT)
    edge.link.start()
    everything_arrived(edge, core, 120)
    assert core.order == list(range(1, 121))
    assert set(core.deliveries.values()) == {1}


def test_an_event_appended_while_connected_goes_out_at_once(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    edge.outbox.append(passage(), AT)
    everything_arrived(edge, core, 1)
    [envelope] = core.events.values()
    assert envelope.source == f"/anju/{edge.estate}/edge/{EDGE}"
    assert (envelope.sequence, envelope.floor, envelope.time) == (1, 1, AT)


def test_the_brokers_own_acknowledgement_removes_nothing_and_the_event_is_sent_again(edge: Edge, core: Core) -> None:
    core.acking = False
    edge.outbox.append(passage(), AT)
    edge.link.start()
    until(lambda: core.deliveries.total() >= 3, "sent again and again")
    assert edge.outbox.waiting().rows == 1
    core.acking = True
    everything_arrived(edge, core, 1)


def test_no_more_than_a_window_is_on_its_way(edge: Edge, core: Core) -> None:
    core.acking = False
    for _ in range(window_module.WINDOW_ROWS + 30):
        edge.outbox.append(passage(), AT)
    edge.link.start()
    until(lambda: core.deliveries.total() > window_module.WINDOW_ROWS, "the first ones a second time")
    assert max(core.order) == window_module.WINDOW_ROWS


def test_an_event_the_core_missed_is_filled_in(edge: Edge, core: Core) -> None:
    core.skips = {3, 7}
    for _ in range(10):
        edge.outbox.append(passage(), AT)
    edge.link.start()
    everything_arrived(edge, core, 10)


def test_a_broker_restarted_in_the_middle_loses_nothing_and_doubles_nothing(
    mosquitto: Mosquitto, edge: Edge, core: Core
) -> None:
    edge.link.start()
    stop = threading.Event()
    appended = 0

    def work() -> None:
        nonlocal appended
        while not stop.is_set():
            edge.outbox.append(passage(), AT)
            appended += 1
            stop.wait(0.002)

    worker = threading.Thread(target=work)
    worker.start()
    until(lambda: len(core.events) > 20, "events before the cut")
    mosquitto.kill()
    until(lambda: not edge.link.connected, "the cut noticed")
    mosquitto.start()
    until(lambda: edge.link.connected, "connected again")
    before = len(core.events)
    until(lambda: len(core.events) > before + 20, "events after the cut")
    stop.set()
    worker.join(10)
    everything_arrived(edge, core, appended)
    assert sorted(one.sequence for one in core.events.values()) == list(range(1, appended + 1))
    assert edge.counted("broker_lost") >= 1


def test_events_of_days_without_a_broker_wait_on_disk(
    tmp_path: Path, mosquitto: Mosquitto, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    port = free_port()
    nobody = BrokerConfig(host="127.0.0.1", port=port)
    edge = make_edge(configuration(nobody, mosquitto.login(EDGE), tmp_path))
    edge.link.start()
    for _ in range(30):
        edge.outbox.append(passage(), AT)
        edge.link.checkpoint_changed(CheckpointStateV1(checkpoint=GATE, gate=GateState.OPEN, since=AT))
    until(lambda: edge.counted("broker_unreachable") >= 3, "tried more than once")
    assert edge.outbox.waiting().rows == 30
    assert edge.link._untold == {GATE}
    assert len(edge.link._gates) == 1


def test_a_restarted_edge_sends_what_was_never_acknowledged(
    loaded: LoadedConfig, make_edge: Callable[[LoadedConfig], Edge], mosquitto: Mosquitto
) -> None:
    first = make_edge(loaded)
    core = Core(mosquitto, first.estate)
    core.acking = False
    first.outbox.append(passage(), AT)
    first.link.start()
    until(lambda: core.deliveries.total() >= 1, "delivered")
    first.close()
    core.acking = True
    second = make_edge(loaded)
    second.link.start()
    everything_arrived(second, core, 1)
    core.close()


@pytest.mark.parametrize("jump", [timedelta(days=-30), timedelta(days=30)])
def test_a_jump_of_the_wall_clock_changes_neither_order_nor_delivery(edge: Edge, core: Core, jump: timedelta) -> None:
    edge.outbox.append(passage(), datetime.now(UTC))
    edge.outbox.append(passage(), datetime.now(UTC) + jump)
    edge.outbox.append(passage(), datetime.now(UTC))
    edge.link.start()
    everything_arrived(edge, core, 3)
    assert core.order[:3] == [1, 2, 3]
    until(core.states, "a state")
    assert core.states()[0].outbox_oldest_s < 60


# -- what it says of itself ----------------------------------------------------------------------------------------


def test_an_edge_announces_itself_and_says_goodbye(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: core.last(Channel.EDGE_AVAILABILITY) == b"online", "online")
    until(lambda: core.last(Channel.LIST_RECEIPT), "the version of its lists")
    until(core.states, "its state")
    edge.outbox.append(passage(), AT)
    everything_arrived(edge, core, 1)
    edge.link.stop()
    until(lambda: core.last(Channel.EDGE_AVAILABILITY) == b"offline", "offline")


def cut(edge: Edge) -> None:
    """Its connection breaks, without good-bye; the broker and everybody else stay."""
    assert edge.link._client is not None
    connection = edge.link._client._client.socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)


def test_its_last_will_says_offline_when_it_dies(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: core.last(Channel.EDGE_AVAILABILITY) == b"online", "online")
    cut(edge)
    until(lambda: (b"offline", False) in core.said[Channel.EDGE_AVAILABILITY], "the last will")
    until(lambda: core.last(Channel.EDGE_AVAILABILITY) == b"online", "online again")


def test_states_are_retained_and_events_are_not(mosquitto: Mosquitto, edge: Edge, core: Core) -> None:
    edge.link.start()
    edge.link.checkpoint_changed(CheckpointStateV1(checkpoint=GATE, gate=GateState.CLOSED, since=AT))
    edge.outbox.append(passage(), AT)
    everything_arrived(edge, core, 1)
    until(lambda: core.last(Channel.CHECKPOINT_STATE) and core.states(), "states")
    late = Core(mosquitto, edge.estate)
    until(lambda: len(late.said) >= 3, "what is retained")
    kept = {channel for channel, said in late.said.items() for _, retained in said if retained}
    assert kept == {Channel.EDGE_AVAILABILITY, Channel.EDGE_STATE, Channel.CHECKPOINT_STATE}
    late.close()


def test_everything_is_said_again_after_a_reconnect(edge: Edge, core: Core) -> None:
    channels = (Channel.EDGE_AVAILABILITY, Channel.EDGE_STATE, Channel.LIST_RECEIPT, Channel.CHECKPOINT_STATE)
    edge.link.checkpoint_changed(CheckpointStateV1(checkpoint=GATE, gate=GateState.CLOSED, since=AT))
    edge.link.start()
    for channel in channels:
        until(lambda channel=channel: core.count(channel), f"{channel} at first")  # type: ignore[misc]
    heard = {channel: core.count(channel) for channel in channels}
    cut(edge)
    until(lambda: core.count(Channel.LIST_RECEIPT) > heard[Channel.LIST_RECEIPT], "a second receipt")
    for channel in channels:
        until(lambda channel=channel: core.count(channel) > heard[channel], f"{channel} again")  # type: ignore[misc]


def test_the_state_tells_what_was_counted_and_what_waits(edge: Edge, core: Core) -> None:
    core.acking = False
    edge.counters.add("outbox_append_failed", 2)
    edge.outbox.append(passage(), AT)
    edge.link.start()
    until(lambda: any(state.outbox_rows == 1 for state in core.states()), "a state with one event waiting")
    state = core.states()[-1]
    assert state.counters["outbox_append_failed"] == 2
    assert state.counters["broker_connected"] == 1
    assert state.edge == EDGE


# -- nonsense ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        (Channel.EDGE_ACK, b""),
        (Channel.EDGE_ACK, b"\xff\xfe\x00"),
        (Channel.EDGE_ACK, b"[" * 900),
        (Channel.EDGE_ACK, b'{"edge": "edge-2", "epoch": "12345678", "sequence": 1}'),
        (Channel.EDGE_ACK, b'{"edge": "edge-1", "epoch": "12345678", "sequence": -1}'),
        (Channel.EDGE_ACK, b'{"edge": "edge-1", "epoch": "12345678", "sequence": 1' + b" " * 2000 + b"}"),
        (Channel.LIST_DELTA, b"not json"),
        (Channel.LIST_DELTA, b'{"kind": "rumour", "edge": "edge-1"}'),
        (
            Channel.LIST_DELTA,
            b'{"kind": "roll", "edge": "edge-2", "version": 0, "templates": 0, "digest": "'
            + b"0" * 64
            + b'", "at": "2026-05-04T00:00:00Z", "signature_base64": ""}',
        ),
        (Channel.LIST_DELTA, b'{"kind": "snapshot", "edge": "edge-1", "part": 1, "parts": 99999}'),
        (Channel.LIST_DELTA, b'{"edge": "edge-1", "first": 0, "last": 0, "sealed_base64": ""}'),
        (Channel.LIST_DELTA, b"x" * 9_000),
    ],
)
def test_nonsense_is_refused_counted_and_harms_nobody(
    mosquitto: Mosquitto, edge: Edge, core: Core, channel: Channel, payload: bytes
) -> None:
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    shouting = Raw(mosquitto)
    with capture_logs() as logs:
        shouting.publish(topic(edge.estate, channel, EDGE), payload)
        until(lambda: edge.counted("messages_refused") == 1, "counted")
    shouting.close()
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["link.message_refused"]
    edge.outbox.append(passage(), AT)
    everything_arrived(edge, core, 1)
    assert edge.counted("link_failed") == 0


@pytest.mark.parametrize("embedded", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_a_message_of_ten_megabytes_is_refused_and_the_edge_goes_on(
    mosquitto: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge], embedded: bool
) -> None:
    broker = mosquitto.config.model_copy(update={"embedded": embedded})
    edge = make_edge(configuration(broker, mosquitto.login(EDGE), tmp_path))
    edge.link.start()
    until(lambda: edge.link.connected, "connected")
    shouting = Raw(mosquitto)
    shouting.publish(topic(edge.estate, Channel.LIST_DELTA, EDGE), b"x" * 10_000_000)
    if embedded:  # MQTT 3.1.1 can't tell the broker how much is too much
        until(lambda: edge.counted("messages_refused") == 1, "counted")
    core = Core(mosquitto, edge.estate)
    edge.outbox.append(passage(), AT)
    everything_arrived(edge, core, 1)
    assert edge.lists.threads == set()
    shouting.close()
    core.close()


def test_an_acknowledgement_of_what_was_never_sent_removes_nothing(edge: Edge, core: Core) -> None:
    edge.link.start()
    core.acking = False
    edge.outbox.append(passage(), AT)
    until(lambda: core.events, "delivered")
    [envelope] = core.events.values()
    core.acknowledge("some-other-life", 1)
    core.acknowledge(envelope.epoch, 999)
    until(lambda: edge.counted("acks_ignored") == 2, "both ignored")
    assert edge.outbox.waiting().rows == 1


def test_a_restarted_edge_with_nothing_to_say_knows_what_the_core_acknowledges(
    loaded: LoadedConfig, make_edge: Callable[[LoadedConfig], Edge], mosquitto: Mosquitto
) -> None:
    first = make_edge(loaded)
    core = Core(mosquitto, first.estate)
    first.outbox.append(passage(), AT)
    first.link.start()
    everything_arrived(first, core, 1)
    [envelope] = core.events.values()
    first.close()
    second = make_edge(loaded)
    second.link.start()
    until(lambda: second.link.connected, "connected")
    core.acknowledge(envelope.epoch, 1)
    core.acknowledge(envelope.epoch, 2)
    until(lambda: second.counted("acks_ignored") == 1, "only the one that nobody can have sent yet")
    core.close()


def test_a_retained_delta_or_acknowledgement_is_old_news_and_is_ignored(
    mosquitto: Mosquitto, edge: Edge, core: Core
) -> None:
    shouting = Raw(mosquitto)
    delta = ListDeltaV1(edge=EDGE, first=1, last=1, sealed_base64="QUFB", signature_base64="QUFB")
    where = topic(edge.estate, Channel.LIST_DELTA, EDGE)
    shouting.publish(where, delta.model_dump_json(), retain=True)
    until(lambda: core.count(Channel.LIST_DELTA), "at the broker")
    edge.link.start()
    until(lambda: edge.counted("messages_refused") == 1, "refused")
    assert edge.lists.version == 0
    shouting.publish(where, b"", retain=True)
    shouting.close()


# -- the broker's side ---------------------------------------------------------------------------------------------


def test_a_wrong_password_is_told_counted_and_tried_again_until_it_is_right(
    mosquitto: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    password = tmp_path / "edge.password"
    password.write_text("wrong\n")
    edge = make_edge(configuration(mosquitto.config, Login(user="edge-1", password_file=password), tmp_path))
    with capture_logs() as logs:
        edge.link.start()
        until(lambda: edge.counted("broker_login_refused") >= 2, "tried again")
    refusal = next(entry for entry in logs if entry["event"] == "broker.login_refused")
    assert refusal["user"] == "edge-1"
    assert "password_file" in refusal["advice"]
    assert "wrong" not in json.dumps(logs, default=str).replace("wrong password", "")
    password.write_text(mosquitto.password("edge-1"))
    until(lambda: edge.link.connected, "connected with the right password")


def test_a_missing_password_file_is_told_by_name_and_waited_for(
    mosquitto: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    password = tmp_path / "edge.password"
    edge = make_edge(configuration(mosquitto.config, Login(user="edge-1", password_file=password), tmp_path))
    with capture_logs() as logs:
        edge.link.start()
        until(lambda: edge.counted("broker_login_unusable") >= 2, "told")
    assert str(password) in next(entry for entry in logs if entry["event"] == "broker.login_unusable")["problem"]
    password.write_text(mosquitto.password("edge-1"))
    until(lambda: edge.link.connected, "connected once it is there")


def test_over_tls_the_broker_has_to_prove_itself(
    mosquitto_tls: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    edge = make_edge(configuration(mosquitto_tls.config, mosquitto_tls.login(EDGE), tmp_path))
    edge.link.start()
    core = Core(mosquitto_tls, edge.estate)
    edge.outbox.append(picture(), AT)
    everything_arrived(edge, core, 1)
    core.close()


# The MQTT library leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_another_authority_vouches_for_is_not_talked_to(
    mosquitto_tls: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    stranger = make_server_identity(tmp_path).ca_file
    broker = mosquitto_tls.config.model_copy(update={"tls_ca_file": stranger})
    edge = make_edge(configuration(broker, mosquitto_tls.login(EDGE), tmp_path))
    with capture_logs() as logs:
        edge.link.start()
        until(lambda: edge.counted("broker_unreachable") >= 1, "refused")
    problem = next(entry for entry in logs if entry["event"] == "broker.unreachable")["problem"]
    assert "certificate verify failed" in problem


def test_both_versions_of_mqtt_are_spoken(
    mosquitto: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    old = mosquitto.config.model_copy(update={"embedded": True})
    edge = make_edge(configuration(old, mosquitto.login(EDGE), tmp_path))
    with capture_logs() as logs:
        edge.link.start()
        until(lambda: edge.link.connected, "connected")
    assert next(entry for entry in logs if entry["event"] == "broker.connected")["protocol"] == "V311"


class OldBroker(threading.Thread):
    """A broker from before MQTT 5: refuses version 5, accepts 4 (which is MQTT 3.1.1), and remembers who asked."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[int] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self) -> None:
        while len(self.asked) < 2:
            caller, _ = self.listener.accept()
            with caller:
                hello = caller.recv(4096)
                version = hello[hello.index(b"MQTT") + 4]
                self.asked.append(version)
                caller.sendall(bytes([0x20, 2, 0, 1 if version == 5 else 0]))


def test_a_broker_that_knows_only_the_old_mqtt_is_spoken_to_in_it(
    mosquitto: Mosquitto, tmp_path: Path, make_edge: Callable[[LoadedConfig], Edge]
) -> None:
    old = OldBroker()
    old.start()
    edge = make_edge(configuration(BrokerConfig(port=old.port), mosquitto.login(EDGE), tmp_path))
    edge.link.start()
    old.join(20)
    old.listener.close()
    assert old.asked == [5, 4]


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "somebody listens and says nothing"])
def test_stopping_waits_for_nobody(
    tmp_path: Path, mosquitto: Mosquitto, make_edge: Callable[[LoadedConfig], Edge], listens: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if listens else free_port()
        edge = make_edge(configuration(BrokerConfig(port=port), mosquitto.login(EDGE), tmp_path))
        edge.link.start()
        if listens:
            caller, _ = silent.accept()
            assert caller.recv(1)
        else:
            until(lambda: edge.counted("broker_unreachable") >= 1, "tried")
        edge.link.stop()
        if listens:
            caller.close()
    assert not edge.link.thread.alive
