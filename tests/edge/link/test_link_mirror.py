"""Real lists on a real broker: what the core says is applied, confirmed and answered, also after the line was cut."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.contract.events import TemplateSealedV1
from core.contract.ids import ConsentId, EdgeId, SubjectKey, new_id
from core.contract.lists import EraseTemplates, ListReceiptV1, ResealTemplate
from core.contract.sealing import TEMPLATE_INFO, unseal
from core.contract.signed import Recipient
from core.contract.topics import Channel
from edge.enrol.sealing import Resealer
from edge.health import Counters, EdgeHealth, EdgeIdentity
from edge.link.client import EdgeLink, LinkParts
from edge.link.connection import LinkAddress
from edge.lists.mirror import ListMirror
from edge.lists.plain_template import unpack
from edge.outbox import DurableOutbox
from tests.edge.link import parts
from tests.edge.link.parts import Core, configuration, until
from tests.edge.lists import estate as lists_estate
from tests.edge.lists.estate import GATE, Clock, Estate, face, resident, told, vector_of
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.integration
PERSON, CONSENT = SubjectKey(new_id()), ConsentId(new_id())
NEW_DOOR = EdgeId("door-9")


class Line:
    """An edge with its real lists, and the core at the other end."""

    def __init__(self, mosquitto: Mosquitto, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self.estate = Estate(folder, clock=Clock(self.now))
        loaded = configuration(mosquitto.config, mosquitto.login(parts.EDGE), folder)
        self.outbox = DurableOutbox(folder / "outbox.db", max_rows=100, max_bytes=10_000_000)
        counters = Counters()
        self.mirror = ListMirror(
            folder,
            lists_estate.EDGE,
            self.estate.keys,
            core_public_key=self.estate.core_key.public_key(),
            model=lists_estate.MODEL,
            dimension=lists_estate.DIMENSION,
            calibration=lists_estate.CALIBRATION,
            margin=lists_estate.MARGIN,
            fresh_for=timedelta(hours=24),
            reseal=Resealer(self.outbox, counters, lambda: self.now),
            clock=self.estate.clock,
        )
        identity = EdgeIdentity(parts.EDGE, self.now, "a" * 44, "b" * 44, None)
        health = EdgeHealth(identity, self.outbox, counters, lists=self.mirror, cameras=tuple, watched=dict)
        self.link = EdgeLink(
            LinkAddress(loaded, parts.EDGE), LinkParts(self.outbox, self.mirror, health.state, counters)
        )
        self.core = Core(mosquitto, loaded.config.estate.id)

    def receipts(self) -> list[ListReceiptV1]:
        with self.core.lock:
            said = list(self.core.said.get(Channel.LIST_RECEIPT, []))
        return [ListReceiptV1.model_validate_json(payload) for payload, _ in said]

    def holds(self, version: int) -> bool:
        receipts = self.receipts()
        return bool(receipts) and receipts[-1].version == version

    def close(self) -> None:
        self.link.stop()
        self.core.close()
        self.outbox.close()
        self.mirror.close()


@pytest.fixture
def line(mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    # The lists' helper and the broker's account name the edge differently; a message goes to the one on the topic.
    monkeypatch.setattr(lists_estate, "EDGE", parts.EDGE)
    here = Line(mosquitto, tmp_path)
    here.link.start()
    until(here.receipts, "the receipt on connecting")
    yield here
    here.close()


def test_an_enrolment_a_roll_and_an_erasure_on_their_way_through_an_edge(line: Line) -> None:
    template = face(1, PERSON, CONSENT)
    line.core.tell(Channel.LIST_DELTA, line.estate.delta(resident(PERSON), line.estate.put(template)))
    until(lambda: line.holds(2), "applied")
    assert not line.mirror.recogniser_may_run(line.now), "the core has not yet said that this is all"
    line.core.tell(Channel.LIST_DELTA, line.estate.roll(told(template)))
    until(lambda: line.mirror.recogniser_may_run(line.now), "confirmed")
    match = line.mirror.identify(vector_of(1)[None], GATE, line.now)
    assert match is not None
    assert match.template_id == template.template_id

    line.core.tell(Channel.LIST_DELTA, line.estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))
    until(lambda: line.holds(3), "erased")
    receipt = line.receipts()[-1]
    line.estate.check_receipt(receipt)
    assert receipt.templates == 0
    assert line.mirror.identify(vector_of(1)[None], GATE, line.now) is None


def test_an_acknowledgement_of_events_keeps_no_recogniser_running(line: Line) -> None:
    template = face(1, PERSON, CONSENT)
    line.core.tell(Channel.LIST_DELTA, line.estate.delta(resident(PERSON), line.estate.put(template)))
    until(lambda: line.holds(2), "applied")
    line.core.acknowledge(line.outbox.epoch, 0)
    until(lambda: len(line.core.states()) >= 3, "states")
    assert not line.mirror.recogniser_may_run(line.now)


def test_a_snapshot_in_many_parts_takes_the_lists_place(line: Line) -> None:
    old, new = face(1, PERSON, CONSENT), face(2, SubjectKey(new_id()), ConsentId(new_id()))
    line.core.tell(Channel.LIST_DELTA, line.estate.delta(resident(PERSON), line.estate.put(old)))
    until(lambda: line.holds(2), "the first state")
    people = [[resident(SubjectKey(new_id()))] for _ in range(20)]
    for part in line.estate.snapshot(90, *people, [resident(new.subject)], [line.estate.put(new)]):
        line.core.tell(Channel.LIST_DELTA, part)
    until(lambda: line.holds(90), "replaced")
    assert line.receipts()[-1].templates == 1
    until(lambda: line.core.states()[-1].counters.get("lists.snapshots_applied") == 1, "told")


def test_an_edge_that_came_later_gets_its_template_from_one_that_holds_it(line: Line) -> None:
    template, key = face(1, PERSON, CONSENT), X25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    asked = ResealTemplate(
        template_id=template.template_id,
        subject=PERSON,
        consent=CONSENT,
        recipients=(Recipient(edge=NEW_DOOR, key_base64=public),),
    )
    line.core.tell(Channel.LIST_DELTA, line.estate.delta(resident(PERSON), line.estate.put(template), asked))
    until(lambda: line.core.events, "the answer")
    [envelope] = line.core.events.values()
    answer = TemplateSealedV1.model_validate(envelope.data)
    assert (answer.template_id, answer.consent, answer.quality) == (template.template_id, CONSENT, None)
    [sealed] = answer.sealed
    opened = unpack(unseal(base64.b64decode(sealed.sealed_base64), key, TEMPLATE_INFO))
    assert (sealed.edge, opened.template_id) == (NEW_DOOR, template.template_id)
    assert (opened.vector == template.vector).all()


def test_a_list_that_the_core_never_signed_is_answered_with_what_is_wrong(line: Line) -> None:
    real = line.estate.delta(resident(PERSON))
    line.core.tell(Channel.LIST_DELTA, real.model_copy(update={"signature_base64": "QUFB"}))
    until(lambda: any(one.problem for one in line.receipts()), "a receipt with the problem")
    assert line.mirror.version == 0
