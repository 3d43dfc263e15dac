"""A template sealed again, for edges that were added after its owner enrolled."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from structlog.testing import capture_logs

from core.contract.ids import EdgeId, ModelId, TemplateId, new_id
from core.contract.sealing import TEMPLATE_INFO, SealError, fingerprint, unseal
from core.contract.signed import Recipient
from edge.enrol.sealing import RecipientError, Resealer, seal_for
from edge.health import Counters
from edge.lists.plain_template import unpack
from tests.edge.enrol.desk import NOON, MemoryOutbox
from tests.support.consents import standing_consent
from watchlists.faces.template import Template

NEW_GATE, NEW_DOOR = EdgeId("gate-9"), EdgeId("door-9")
NO_KEYS = {
    "not base64": "!",
    "too short": base64.b64encode(b"short").decode(),
    "a point that shares no secret": base64.b64encode(bytes(32)).decode(),
}


def a_template() -> Template:
    vector = np.random.default_rng(4).normal(size=128).astype(np.float32)
    return Template(
        TemplateId(new_id()), standing_consent(), ModelId("m@0123456789ab"), vector / np.linalg.norm(vector)
    )


def recipient(edge: EdgeId, key: X25519PrivateKey) -> Recipient:
    return Recipient(edge=edge, key_base64=base64.b64encode(key.public_key().public_bytes_raw()).decode())


class Desk:
    """A resealer, its outbox and its counters."""

    def __init__(self) -> None:
        self.outbox = MemoryOutbox()
        self.counters = Counters()
        self.reseal = Resealer(self.outbox, self.counters, lambda: NOON)


def test_the_edges_asked_for_can_open_it_and_it_is_the_same_template() -> None:
    desk, template = Desk(), a_template()
    keys = {NEW_GATE: X25519PrivateKey.generate(), NEW_DOOR: X25519PrivateKey.generate()}
    desk.reseal(template, [recipient(edge, key) for edge, key in keys.items()])
    [message] = desk.outbox.messages
    assert (message.template_id, message.subject, message.consent, message.model) == (
        template.template_id,
        template.subject,
        template.consent,
        template.model,
    )
    assert message.quality is None, "how good the portrait was, this edge never knew"
    assert [one.edge for one in message.sealed] == [NEW_GATE, NEW_DOOR]
    for one in message.sealed:
        key = keys[one.edge]
        assert one.key_fingerprint == fingerprint(key.public_key())
        opened = unpack(unseal(base64.b64decode(one.sealed_base64), key, TEMPLATE_INFO))
        assert (opened.template_id, opened.consent) == (template.template_id, template.consent)
        assert np.array_equal(opened.vector, template.vector)
        with pytest.raises(SealError):
            unseal(base64.b64decode(one.sealed_base64), X25519PrivateKey.generate(), TEMPLATE_INFO)


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_an_edge_whose_key_is_none_keeps_no_other_edge_waiting(text: str) -> None:
    desk, key = Desk(), X25519PrivateKey.generate()
    with capture_logs() as logs:
        desk.reseal(a_template(), [Recipient(edge=NEW_DOOR, key_base64=text), recipient(NEW_GATE, key)])
    [message] = desk.outbox.messages
    assert [one.edge for one in message.sealed] == [NEW_GATE]
    assert desk.counters.snapshot() == {"reseals_refused": 1}
    assert "door-9" in logs[0]["problem"]
    with pytest.raises(RecipientError, match="door-9"):
        seal_for(a_template(), Recipient(edge=NEW_DOOR, key_base64=text))


def test_with_nobody_to_seal_for_nothing_is_told() -> None:
    desk = Desk()
    desk.reseal(a_template(), [Recipient(edge=NEW_DOOR, key_base64="!")])
    assert desk.outbox.messages == []


def test_an_outbox_without_room_stops_no_list() -> None:
    desk = Desk()
    desk.outbox.full = True
    with capture_logs() as logs:
        desk.reseal(a_template(), [recipient(NEW_GATE, X25519PrivateKey.generate())])
    assert desk.counters.snapshot() == {"outbox_append_failed": 1}
    assert [entry["event"] for entry in logs] == ["lists.reseal_not_stored"]


def test_nothing_of_the_template_is_in_the_log() -> None:
    desk, template = Desk(), a_template()
    with capture_logs() as logs:
        desk.reseal(template, [Recipient(edge=NEW_DOOR, key_base64="!")])
    assert template.subject not in str(logs)
    assert template.consent not in str(logs)
