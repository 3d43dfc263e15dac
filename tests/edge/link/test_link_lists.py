"""What the core says about the lists: heard, applied beside the loop, answered; never more than can be held."""

from __future__ import annotations

import pytest

from core.contract.ids import SnapshotId
from core.contract.lists import ListDeltaV1, ListHideV1, ListReceiptV1, ListRollV1, ListSnapshotV1
from core.contract.topics import Channel
from edge.link import waiting as waiting_module
from tests.edge.link.parts import EDGE, Core, Edge, until
from tests.edge.test_outbox import AT

pytestmark = pytest.mark.integration


def test_a_delta_is_applied_beside_the_loop_and_answered_with_a_receipt(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: core.count(Channel.LIST_RECEIPT) == 1, "the first receipt")
    core.tell(
        Channel.LIST_DELTA, ListDeltaV1(edge=EDGE, first=1, last=4, sealed_base64="QUFB", signature_base64="QUFB")
    )
    until(lambda: core.count(Channel.LIST_RECEIPT) == 2, "the receipt")
    assert ListReceiptV1.model_validate_json(core.last(Channel.LIST_RECEIPT) or b"").version == 4
    assert "edge-link" not in edge.lists.threads


def snapshot(part: int, *, parts: int = 3, version: int = 40) -> ListSnapshotV1:
    return ListSnapshotV1(
        edge=EDGE,
        snapshot_id=SnapshotId("00000000-0000-7000-8000-000000000001"),
        version=version,
        part=part,
        parts=parts,
        sealed_base64="QUFB",
        signature_base64="QUFB",
    )


def roll(version: int) -> ListRollV1:
    return ListRollV1(edge=EDGE, version=version, templates=0, digest="0" * 64, at=AT, signature_base64="QUFB")


def test_the_parts_of_a_snapshot_are_applied_in_order_and_answered_once_it_is_whole(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: core.count(Channel.LIST_RECEIPT) == 1, "the first receipt")
    for part in range(1, 31):
        core.tell(Channel.LIST_DELTA, snapshot(part, parts=30))
    until(lambda: core.count(Channel.LIST_RECEIPT) == 2, "the receipt of the whole")
    assert ListReceiptV1.model_validate_json(core.last(Channel.LIST_RECEIPT) or b"").version == 40
    assert edge.lists.parts == list(range(1, 31)), "a burst loses none"
    assert edge.counted("list_messages_refused") == 0


def test_a_roll_is_answered_only_when_the_lists_have_something_to_say(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: core.count(Channel.LIST_RECEIPT) == 1, "the first receipt")
    core.tell(Channel.LIST_DELTA, roll(0))
    until(lambda: len(edge.lists.rolls) == 1, "heard")
    core.tell(Channel.LIST_DELTA, roll(9))
    until(lambda: core.count(Channel.LIST_RECEIPT) == 2, "answered")
    assert [one.version for one in edge.lists.rolls] == [0, 9]


def test_what_comes_faster_than_it_can_be_applied_is_refused_and_the_receipt_tells_how_far_the_edge_is(
    edge: Edge, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "MAX_WAITING", 4)
    edge.link.start()
    until(lambda: core.count(Channel.LIST_RECEIPT) == 1, "the first receipt")
    edge.lists.may_apply.clear()
    for part in range(1, 11):
        core.tell(Channel.LIST_DELTA, snapshot(part, parts=99))
    until(lambda: edge.counted("list_messages_refused") >= 5, "refused")
    until(lambda: core.count(Channel.LIST_RECEIPT) == 2, "a receipt")
    edge.lists.may_apply.set()
    until(lambda: len(edge.lists.parts) >= 4, "those that waited")
    assert edge.lists.parts[:4] == [1, 2, 3, 4]


def test_whom_to_hide_is_hidden_while_the_lists_are_still_busy_with_something_else(edge: Edge, core: Core) -> None:
    edge.link.start()
    until(lambda: core.count(Channel.LIST_RECEIPT) == 1, "the first receipt")
    edge.lists.may_apply.clear()
    try:
        for part in range(1, 6):
            core.tell(Channel.LIST_DELTA, snapshot(part, parts=5))
        core.tell(Channel.LIST_DELTA, ListHideV1(edge=EDGE, last=41, sealed_base64="QUFB", signature_base64="QUFB"))
        until(lambda: len(edge.lists.hides) == 1, "hidden")
        assert edge.lists.parts == [], "and nothing of what came before it is applied"
    finally:
        edge.lists.may_apply.set()
    assert "edge-link" not in edge.lists.threads
