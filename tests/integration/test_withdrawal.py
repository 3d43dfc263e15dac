"""A withdrawn consent ends recognition at the gate: real core, real API, a broker with TLS, an edge's own lists."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.accounts import create_service_token
from api.permissions import Role
from core.contract.base import Message
from core.contract.config_file import LoadedConfig, load_config
from core.contract.events import SealedFor, TemplateSealedV1
from core.contract.ids import CheckpointId, EdgeId, ModelId, TemplateId, new_id
from core.contract.sealing import TEMPLATE_INFO, edge_fingerprint, fingerprint, seal
from core.keys import load_public_key
from core.people.enrolment import issue_ticket
from core.people.notices import notice
from core.service import opened, prepare
from core.storage.schema import SealedTemplateRow
from edge.checkpoint.decide import MIN_MARGIN
from edge.health import Counters, EdgeHealth, EdgeIdentity
from edge.keys import load_or_create
from edge.link.client import EdgeLink, LinkParts
from edge.link.connection import LinkAddress
from edge.lists.mirror import ListMirror
from edge.lists.plain_template import pack
from edge.outbox import DurableOutbox
from models.types import Float
from tests.core.estates import estate_tree
from tests.core.lists.backups import backup, restore
from tests.support.consents import standing_consent
from tests.support.mosquitto import Mosquitto
from tests.support.system import Child, free_port, program
from watchlists.faces.template import Template
from watchlists.thresholds import SFACE

pytestmark = pytest.mark.integration

EDGE, GATE = EdgeId("edge-1"), CheckpointId("gate")
MODEL, DIMENSION = ModelId("sface@0ba9fbfa01b5"), 128
EFFECTIVE_WITHIN_S = 2.0
"""What is promised, from the API's answer on. A bound on how long the test waits, on a machine that may be busy."""
_SETUP_S = 60.0


def until(true: Callable[[], object], what: str, within_s: float = _SETUP_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


def face(seed: int) -> Float:
    raw = np.random.default_rng(seed).normal(size=DIMENSION)
    return np.asarray(raw / np.linalg.norm(raw), np.float32)


class Edge:
    """An edge without cameras: its own keys, outbox, lists and line to the broker."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self._loaded = loaded
        self.keys = load_or_create(loaded.state_dir, EDGE)
        self.public_key = self.keys.private.public_key()
        self.mirror = ListMirror(
            loaded.state_dir,
            EDGE,
            self.keys,
            core_public_key=load_public_key(loaded.file(Path("core-signing.key.pub"))),
            model=MODEL,
            dimension=DIMENSION,
            calibration=SFACE,
            margin=MIN_MARGIN,
            fresh_for=timedelta(hours=24),
            reseal=lambda template, recipients: pytest.fail(f"nobody asked for {template} for {recipients}"),
        )
        self.outbox = DurableOutbox(loaded.state_dir / "outbox.db", max_rows=1000, max_bytes=10_000_000)
        self.connect()

    def connect(self) -> None:
        counters = Counters()
        own_key = base64.b64encode(self.public_key.public_bytes_raw()).decode()
        signing_key = base64.b64encode(self.keys.signing.public_key().public_bytes_raw()).decode()
        health = EdgeHealth(
            EdgeIdentity(EDGE, datetime.now(UTC), own_key, signing_key, None),
            self.outbox,
            counters,
            lists=self.mirror,
            cameras=tuple,
            watched=dict,
        )
        self.link = EdgeLink(
            LinkAddress(self._loaded, EDGE), LinkParts(self.outbox, self.mirror, health.state, counters)
        )
        self.link.start()

    def close(self) -> None:
        self.link.stop()
        self.outbox.close()
        self.mirror.close()

    def say(self, message: Message) -> None:
        self.outbox.append(message, datetime.now(UTC))

    def enrols(self, subject: str, consent: str, vector: Float) -> None:
        """What enrolment ends with: the template, sealed to this edge, in the outbox."""
        template = Template(TemplateId(new_id()), standing_consent(subject, consent), MODEL, vector)
        sealed = base64.b64encode(seal(pack(template), self.public_key, TEMPLATE_INFO)).decode()
        here = SealedFor(edge=EDGE, key_fingerprint=fingerprint(self.public_key), sealed_base64=sealed)
        self.say(
            TemplateSealedV1(
                template_id=template.template_id,
                subject=template.subject,
                consent=template.consent,
                model=MODEL,
                quality=0.9,
                sealed=(here,),
            )
        )

    def recognises(self, vector: Float) -> str | None:
        match = self.mirror.identify(vector[None], GATE, datetime.now(UTC))
        return match.subject if match is not None and match.score >= match.threshold else None


class Core:
    """The core's process."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config, self._log = config, log
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [program("setpriv"), "--pdeathsig", "TERM", "--", sys.executable, "-m", "cli", "core"]
        command += ["--config", str(self._config)]
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def stop(self) -> None:
        assert self._running is not None
        assert self._running.poll() is None, f"the core ended:\n{self._log.read_text()[-2000:]}"
        self._running.terminate()
        self._running.wait(20)


@dataclass
class House:
    """A running core and API, and an edge whose key is approved."""

    loaded: LoadedConfig
    api: httpx.Client
    edge: Edge
    core: Core

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.api.request(method, f"/api/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def resident(self, vector: Float) -> tuple[str, str]:
        """Somebody who consents, is enrolled and recognised at the gate: their key, the consent's id."""
        who = new_id()
        self.call("PUT", f"subjects/{who}", {"name": "王小明", "kind": "resident", "checkpoints": [GATE]})
        consent: str = self.call("POST", f"subjects/{who}/consents", {"notice_version": notice().version})["id"]
        self.give_ticket(who)
        self.edge.enrols(who, consent, vector)
        until(lambda: self.edge.recognises(vector) == who, "the enrolled person is recognised")
        return who, consent

    def give_ticket(self, who: str) -> None:
        """Leave for the edge to enrol the person; it asks for no portrait here, so it needs no address for one."""
        with opened(self.loaded) as database, database.writing() as db:
            issue_ticket(db, who, EDGE, Ed25519PrivateKey.generate(), datetime.now(UTC))

    def everything_confirmed(self) -> bool:
        """The edge holds what the core holds, and has proved what it erased."""
        state = next(one for one in self.call("GET", "lists")["lists"] if one["edge"] == EDGE)
        in_step = state["acked"] == state["head"] == self.edge.mirror.version
        return bool(in_step and state["unconfirmed_erasures"] == 0)

    def templates_kept(self) -> int:
        with opened(self.loaded) as database, database.reading() as db:
            return db.query(SealedTemplateRow).count()


def configuration(folder: Path, broker: Mosquitto, database_url: str, api_port: int) -> LoadedConfig:
    def login(user: str) -> dict[str, Any]:
        return {"broker_login": json.loads(broker.login(user).model_dump_json())}

    tree = estate_tree(
        broker=json.loads(broker.config.model_dump_json()),
        core=login("core"),
        database={"url": database_url},
        api={"host": "127.0.0.1", "port": api_port},
    )
    tree["edges"] = [edge | login(edge["id"]) for edge in tree["edges"]]
    path = folder / "estate.yaml"
    path.write_text(json.dumps(tree))
    return load_config(path)


@contextmanager
def core_running(config: Path, log: Path) -> Iterator[Core]:
    core = Core(config, log)
    core.start()
    try:
        yield core
    finally:
        core.stop()


@pytest.fixture
def house(tmp_path: Path, mosquitto_tls: Mosquitto, database_url: str) -> Iterator[House]:
    port = free_port()
    loaded = configuration(tmp_path, mosquitto_tls, database_url, port)
    prepare(loaded)
    with opened(loaded) as database, database.writing() as db:
        token = create_service_token(db, "test", Role.ADMINISTRATOR, timedelta(hours=1))
    serving = [sys.executable, "-m", "cli", "api", "--config", str(loaded.path)]
    api = Child(serving, log=tmp_path / "api.log", port=port, wait_s=_SETUP_S)
    edge = Edge(loaded)
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, trust_env=False)
    try:
        with client, core_running(loaded.path, tmp_path / "core.log") as core:
            one = House(loaded, client, edge, core)
            shown = edge_fingerprint(edge.public_key, edge.keys.signing.public_key())
            until(lambda: one.call("GET", "edges")["edges"][0]["fingerprint"] == shown, "the edge is heard")
            one.call("PUT", f"edges/{EDGE}/approval", {"fingerprint": shown})
            yield one
    finally:
        edge.close()
        api.stop()


def test_a_withdrawal_at_the_api_ends_recognition_at_the_edge_within_two_seconds(house: House) -> None:
    mine, neighbours = face(1), face(2)
    (_, consent), (neighbour, _) = house.resident(mine), house.resident(neighbours)
    assert house.call("POST", f"consents/{consent}/withdrawal")["state"] == "withdrawn"
    until(lambda: house.edge.recognises(mine) is None, "the withdrawal is in force", EFFECTIVE_WITHIN_S)
    assert house.edge.recognises(neighbours) == neighbour, "only the one who withdrew is forgotten"
    assert house.templates_kept() == 1
    until(house.everything_confirmed, "the edge's receipt says that it holds nothing of it")


def test_who_withdraws_while_the_edge_is_away_is_forgotten_when_it_comes_back(house: House) -> None:
    mine = face(3)
    who, consent = house.resident(mine)
    house.edge.link.stop()
    house.call("POST", f"consents/{consent}/withdrawal")
    house.edge.enrols(who, consent, mine)  # was on its way when the consent was withdrawn
    house.edge.connect()
    until(lambda: house.edge.recognises(mine) is None, "the withdrawal is in force")
    until(lambda: house.edge.outbox.waiting().rows == 0, "the core has heard of the late template")
    until(house.everything_confirmed, "the edge confirms")
    assert house.edge.recognises(mine) is None
    assert house.templates_kept() == 0


def test_a_core_restored_from_yesterdays_backup_knows_nobody_who_left_since_and_nor_does_the_edge(
    house: House,
) -> None:
    stays, leaves, later = face(4), face(5), face(6)
    (kept, _), (_, consent) = house.resident(stays), house.resident(leaves)
    until(house.everything_confirmed, "the edge is in step")
    with opened(house.loaded) as database:
        yesterday = backup(database)
    house.call("POST", f"consents/{consent}/withdrawal")
    house.resident(later)
    until(house.everything_confirmed, "the edge is in step again")
    house.core.stop()
    with opened(house.loaded) as database:
        restore(database, yesterday)
    house.core.start()
    until(lambda: house.edge.recognises(later) is None, "who came after the backup is unknown again")
    until(house.everything_confirmed, "the edge holds what the restored core holds")
    until(lambda: house.edge.recognises(stays) == kept, "who stayed is recognised")
    assert house.edge.recognises(leaves) is None, "the journal kept who left"
    assert house.templates_kept() == 1
