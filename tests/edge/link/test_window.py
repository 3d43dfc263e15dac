"""What is on its way, what is to be sent again, and how long to wait: without a broker, without a clock."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.contract.envelope import decode
from core.contract.ids import EdgeId, EstateId
from core.contract.topics import ROOT, Channel, topic
from edge.link import sender as sender_module
from edge.link.backoff import MOST_S, delays
from edge.link.inbox import RefusedMessageError, SensorSaid, read
from edge.link.sender import OutboxSender
from edge.link.window import SendWindow
from edge.outbox import DurableOutbox
from tests.edge.test_outbox import AT, passage, picture

EDGE, ESTATE = EdgeId("edge-1"), EstateId("estate")


def test_what_was_sent_is_overdue_after_a_while_and_not_before() -> None:
    window = SendWindow(resend_after_s=5.0)
    window.sent(1, 0.0)
    window.sent(2, 3.0)
    assert window.overdue(4.9) == []
    assert window.overdue(5.0) == [1]
    assert window.overdue(8.0) == [1, 2]


def test_sending_again_begins_the_wait_anew() -> None:
    window = SendWindow(resend_after_s=5.0)
    window.sent(1, 0.0)
    window.sent(1, 5.0)
    assert window.overdue(9.9) == []


def test_an_acknowledgement_makes_room_and_one_of_what_was_never_sent_does_nothing() -> None:
    window = SendWindow(size=3)
    for sequence in (1, 2, 3):
        window.sent(sequence, 0.0)
    assert not window.acknowledged(4)
    assert window.room == 0
    assert window.acknowledged(2)
    assert window.room == 2


def test_after_a_reconnect_everything_is_sent_again_but_old_acknowledgements_still_count() -> None:
    window = SendWindow(size=3)
    window.sent(1, 0.0)
    window.reconnected()
    assert (window.room, window.last) == (3, 0)
    assert window.acknowledged(1)


class AnyTraffic(RuleBasedStateMachine):
    """A sender, a wire that loses things, and a core that acknowledges what has no gap."""

    def __init__(self) -> None:
        super().__init__()
        self.window = SendWindow(size=4, resend_after_s=5.0)
        self.at_s = 0.0
        self.arrived: set[int] = set()
        self.acknowledged = 0

    @rule(seconds=st.floats(0, 6))
    def time_goes_by(self, seconds: float) -> None:
        self.at_s += seconds

    @rule(lost=st.booleans())
    def what_is_due_is_sent(self, lost: bool) -> None:
        start = max(self.window.last, self.acknowledged) + 1
        for sequence in [*self.window.overdue(self.at_s), *range(start, start + self.window.room)]:
            self.window.sent(sequence, self.at_s)
            if not lost:
                self.arrived.add(sequence)

    @rule()
    def the_core_acknowledges(self) -> None:
        while self.acknowledged + 1 in self.arrived:
            self.acknowledged += 1
        assert self.window.acknowledged(self.acknowledged)

    @rule()
    def the_connection_breaks(self) -> None:
        self.window.reconnected()

    @invariant()
    def no_more_than_the_window_is_on_its_way(self) -> None:
        assert self.window.room >= 0

    def teardown(self) -> None:
        """On a wire that loses nothing, everything sent so far arrives."""
        wanted = self.window.highest_sent
        for _ in range(10):
            self.time_goes_by(6.0)
            self.what_is_due_is_sent(lost=False)
            self.the_core_acknowledges()
        assert self.acknowledged >= wanted


TestAnyTraffic = AnyTraffic.TestCase


@pytest.fixture
def outbox(tmp_path: Path) -> DurableOutbox:
    return DurableOutbox(tmp_path / "outbox.db", max_rows=5, max_bytes=1_000_000)


def test_the_floor_tells_the_core_what_will_never_come(outbox: DurableOutbox) -> None:
    sender = OutboxSender(outbox, ESTATE, EDGE)
    for _ in range(30):
        outbox.append(picture(), AT)
    parcels = sender.due()
    envelopes = [decode(parcel.wire).envelope for parcel in parcels]
    assert [envelope.sequence for envelope in envelopes] == list(range(21, 31))
    assert {envelope.floor for envelope in envelopes} == {21}
    assert sender.due() == []
    outbox.close()


def test_an_event_dropped_while_on_its_way_goes_again_as_a_mark_under_its_id(
    outbox: DurableOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "SendWindow", lambda: SendWindow(resend_after_s=0.0))
    sender = OutboxSender(outbox, ESTATE, EDGE)
    for make in (picture, passage, passage, passage, passage):
        outbox.append(make(), AT)
    before = decode(sender.due()[0].wire).envelope
    outbox.append(passage(), AT)
    after = decode(sender.due()[0].wire).envelope
    assert (before.id, before.sequence, before.type) == (after.id, after.sequence, "anju.picture.v1")
    assert after.type == "anju.outbox.dropped.v1"
    outbox.close()


def test_numbers_the_outbox_let_go_are_not_waited_for(outbox: DurableOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "SendWindow", lambda: SendWindow(size=8, resend_after_s=0.0))
    sender = OutboxSender(outbox, ESTATE, EDGE)
    for _ in range(5):
        outbox.append(picture(), AT)
    sender.due()
    for _ in range(20):
        outbox.append(picture(), AT)
    seen = {parcel.sequence for _ in range(5) for parcel in sender.due()}
    assert seen == set(range(16, 24))
    outbox.close()


def test_waits_grow_to_a_limit_and_are_never_all_the_same() -> None:
    waits = list(islice(delays(random.Random(1)), 40))
    assert all(0.25 <= wait <= MOST_S for wait in waits)
    assert max(waits[:2]) < 1.0 < min(waits[4:])
    assert len(set(waits)) == len(waits)


@given(
    where=st.one_of(
        st.text(max_size=60),
        st.sampled_from([topic(ESTATE, channel, EDGE) for channel in Channel] + [f"{ROOT}/other/edge/edge-1/ack"]),
    ),
    payload=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=8,
        ).map(lambda value: repr(value).replace("'", '"').encode()),
    ),
    retained=st.booleans(),
)
def test_whatever_arrives_is_a_message_of_ours_or_refused(where: str, payload: bytes, retained: bool) -> None:
    if where == topic(ESTATE, Channel.SENSOR_STATE, EDGE):
        # What a sensor means is in its own words: whoever listens to it knows them, and asks again for others.
        said = read(where, payload, retained=retained, estate=ESTATE, edge=EDGE)
        assert isinstance(said, SensorSaid)
        assert (str(said.sensor), said.retained) == (EDGE, retained)
        return
    with pytest.raises(RefusedMessageError):
        read(where, payload, retained=retained, estate=ESTATE, edge=EDGE)


def test_a_message_for_another_edge_is_refused_on_our_topic() -> None:
    payload = b'{"edge": "edge-2", "epoch": "12345678", "sequence": 1}'
    with pytest.raises(RefusedMessageError, match="for another"):
        read(topic(ESTATE, Channel.EDGE_ACK, EDGE), payload, retained=False, estate=ESTATE, edge=EDGE)
