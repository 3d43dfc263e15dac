"""How long after a withdrawal an edge still finds the person: in step, while it is sent its whole list, behind a queue.

    python -m benchmarks.erasure [--quick]

The core is a process of its own on SQLite, the broker is Mosquitto, the edge has its real lists and link in this one;
all three share the machine. People withdraw one after the other; each is looked for, 1:N and 1:1, about every 5 ms.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.report import Row, against_limit, write
from core.contract.config_file import LoadedConfig, load_config
from core.contract.consent import vouch
from core.contract.ids import CheckpointId, ConsentId, EdgeId, ModelId, SubjectKey, TemplateId, new_id
from core.contract.sealing import TEMPLATE_INFO, fingerprint, seal
from core.keys import load_or_create_signing_key
from core.lists.changes import ChangeOp, do_ask_for_snapshot, note_change
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import do_approve_edge
from core.people.notices import notice
from core.service import opened, prepare
from core.storage.database import Database
from core.storage.schema import ConsentRow, EdgeRow, SealedTemplateRow, SubjectRow
from edge.health import Counters, EdgeHealth, EdgeIdentity
from edge.keys import EdgeKeys, load_or_create
from edge.link.client import EdgeLink, LinkParts
from edge.link.connection import LinkAddress
from edge.lists.mirror import ListMirror
from edge.lists.plain_template import pack
from edge.outbox import DurableOutbox
from models.types import Float
from tests.support.mosquitto import Mosquitto
from watchlists.faces.template import Template
from watchlists.thresholds import Calibration

PEOPLE, QUICK_PEOPLE = 20_000, 2_000
LIMIT_S = 2.0
"""An erasure is effective at every edge that is online within this time."""
IN_STEP = 20
EVERY_S = 0.25
"""Between two withdrawals."""
LOOK_EVERY_S = 0.005
PATIENCE_S = 300.0
EDGE, GATE = EdgeId("edge-1"), CheckpointId("gate")
MODEL, DIMENSION = ModelId("synthetic@000000000000"), 128
CALIBRATION = Calibration(identify=((10, 0.6), (1_000_000, 0.6)), verify=0.6)


@dataclass(frozen=True, slots=True)
class Resident:
    """Somebody enrolled. vector: float32 (128,), unit length."""

    subject: SubjectKey
    consent: ConsentId
    vector: Float


@dataclass(slots=True)
class Withdrawn:
    """Who withdrew, when that was committed (monotonic seconds), and how long they were found after it."""

    who: Resident
    at_s: float
    gone_after_s: float | None = None


@dataclass(slots=True)
class Watch:
    """Looks for everybody who withdrew. found_again: how often somebody was who had not been found before that."""

    mirror: ListMirror
    withdrawn: list[Withdrawn] = field(default_factory=list)
    found_again: int = 0

    def look(self) -> bool:
        """For those who were still found; whether any of them is."""
        for one in self.withdrawn:
            if one.gone_after_s is None and not self.finds(one.who):
                one.gone_after_s = time.monotonic() - one.at_s
        return any(one.gone_after_s is None for one in self.withdrawn)

    def look_again(self) -> None:
        """For those who were not found any more."""
        gone = (one for one in self.withdrawn if one.gone_after_s is not None)
        self.found_again += sum(self.finds(one.who) for one in gone)

    def finds(self, who: Resident) -> bool:
        probes, now = who.vector[None], datetime.now(UTC)
        match = self.mirror.identify(probes, GATE, now)
        by_face = match is not None and match.subject == who.subject
        return by_face or self.mirror.compare(who.subject, probes) is not None


@dataclass(slots=True)
class Estate:
    """A core, its database, and an edge that holds everybody; all running. left: who has not withdrawn yet."""

    database: Database
    mirror: ListMirror
    left: list[Resident]

    @property
    def head(self) -> int:
        with self.database.reading() as db:
            return db.get_one(EdgeRow, EDGE).list_head

    @property
    def in_step(self) -> bool:
        """The edge has everything, and has been told that it has."""
        return self.mirror.version == self.head and self.mirror.recogniser_may_run(datetime.now(UTC))

    def withdraw(self, watch: Watch) -> None:
        who = self.left.pop()
        if not watch.finds(who):
            raise SystemExit("somebody who had not withdrawn was not found: these figures would mean nothing")
        with self.database.writing() as db:
            do_withdraw_consent(db, check_withdraw(db, who.consent), "desk", datetime.now(UTC))
        watch.withdrawn.append(Withdrawn(who, time.monotonic()))

    def send_whole(self) -> None:
        """As when the edge asks for its list whole, or has been away for so long that changes don't reach back."""
        with self.database.writing() as db:
            do_ask_for_snapshot(db.get_one(EdgeRow, EDGE, with_for_update=True))

    def send_everybody_again(self) -> None:
        """A change for each person, as when the opening hours of a gate are others now."""
        with self.database.writing() as db:
            for one in self.left:
                note_change(db, [EDGE], ChangeOp.PUT_SUBJECT, one.subject, now=datetime.now(UTC))


def measure(estate: Estate, withdrawals: int, begin: Callable[[], None] | None = None) -> tuple[Watch, float]:
    """People withdraw one after the other while what ``begin`` asks for is on its way to the edge, or so many of them.

    What was seen, and for how many seconds it went on.
    """
    watch = Watch(estate.mirror)
    if begin is not None:
        begin()
    began_s = next_s = again_s = time.monotonic()
    done_at = estate.head + (withdrawals if begin is None else 0)
    while estate.mirror.version < done_at:
        now_s = time.monotonic()
        if now_s - began_s > PATIENCE_S:
            raise SystemExit("the edge does not get there: its figures would mean nothing")
        if now_s >= next_s and (begin is not None or len(watch.withdrawn) < withdrawals):
            estate.withdraw(watch)
            next_s = now_s + EVERY_S
        if now_s >= again_s:
            watch.look_again()
            again_s = now_s + EVERY_S
        watch.look()
        time.sleep(LOOK_EVERY_S)
    took_s = time.monotonic() - began_s
    until(lambda: not watch.look() and estate.in_step, "in step again")
    watch.look_again()
    return watch, took_s


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"never {what}: the figures would mean nothing")
        time.sleep(LOOK_EVERY_S)


def rows(estate: Estate, people: int) -> Iterator[Row | dict[str, Any]]:
    """The table."""
    cases: list[tuple[str, Callable[[], None] | None]] = [
        ("nothing else on its way to the edge", None),
        (f"a whole list of {people:,} people on its way to the edge", estate.send_whole),
        (f"{people:,} changes on their way to the edge", estate.send_everybody_again),
    ]
    again = 0
    for what, begin in cases:
        watch, took_s = measure(estate, IN_STEP, begin)
        again += watch.found_again
        spent = [one.gone_after_s for one in watch.withdrawn if one.gone_after_s is not None]
        many = f"{len(spent)} withdrawals"
        yield against_limit(
            f"withdrawal committed to nobody found, worst of {many}, s; {what}", ours=max(spent), limit=LIMIT_S
        )
        yield told(f"the same, median, s; {what}", median(spent))
        if begin is not None:
            yield told(f"how long that was on its way, s; {what}", took_s)
    row = told("people found again after they had not been, until core and edge agreed", float(again))
    yield row | {"goal": "0", "met": again == 0}


def told(what: str, figure: float) -> dict[str, Any]:
    """A figure without peer or limit."""
    return {"what": what, "ours": float(f"{figure:.3g}"), "peer": None, "ratio": None, "goal": "none", "met": None}


# What all this runs on


def tree(broker: Mosquitto) -> dict[str, Any]:
    """An estate with one gate."""
    name = {"zh": "东门", "en": "East gate"}
    login = {one: {"user": one, "password_file": str(broker.login(one).password_file)} for one in ("core", EDGE)}
    zone = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
    gate = {"id": GATE, "camera": "cam", "kind": "face_gate", "ring": "perimeter", "name": name, "zone": zone}
    return {
        "estate": {"id": "estate", "name": name},
        "state_dir": "var",
        "broker": {"host": broker.host, "port": broker.port},
        "core": {"broker_login": login["core"]},
        "edges": [{"id": EDGE, "enrol_port": 8791, "broker_login": login[EDGE]}],
        "cameras": [{"id": "cam", "edge": EDGE, "name": name, "kind": "gate", "url": "rtsp://cameras/gate"}],
        "checkpoints": [gate],
    }


def everybody(database: Database, people: int, keys: EdgeKeys) -> list[Resident]:
    """People who consented and are enrolled at the edge: their rows, as after years of enrolling."""
    now, words = datetime.now(UTC), notice()
    vectors = np.random.default_rng(1).normal(size=(people, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    residents = [Resident(SubjectKey(new_id()), ConsentId(new_id()), vector) for vector in vectors]
    known = {"valid_from": now, "created_at": now, "kind": "resident", "checkpoints": [GATE], "name": "王小明"}
    words_of = {"notice_version": words.version, "notice_sha256": words.sha256, "scope": words.scope.value}
    given = {"state": "active", "channel": "desk", "given_by": "self", "granted_at": now, "state_since": now}
    public = keys.private.public_key()
    with database.writing() as db:
        db.add_all(SubjectRow(key=one.subject, **known) for one in residents)
        db.flush()
        until_then = {"expires_at": now + timedelta(days=300), "events": []}
        db.add_all(
            ConsentRow(id=one.consent, subject=one.subject, **words_of, **given, **until_then) for one in residents
        )
        db.flush()
        for one in residents:
            template = Template(TemplateId(new_id()), vouch(one.subject, one.consent), MODEL, one.vector)
            db.add(
                SealedTemplateRow(
                    template_id=template.template_id,
                    edge_id=EDGE,
                    subject=one.subject,
                    consent_id=one.consent,
                    model=MODEL,
                    key_fingerprint=fingerprint(public),
                    sealed=seal(pack(template), public, TEMPLATE_INFO),
                )
            )
    Random(1).shuffle(residents)
    return residents


@contextmanager
def running_core(loaded: LoadedConfig) -> Iterator[None]:
    with (loaded.state_dir / "core.log").open("wb") as log:
        command = [sys.executable, "-m", "cli", "core", "--config", str(loaded.path)]
        core = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            core.terminate()
            core.wait(30)


@contextmanager
def running_edge(loaded: LoadedConfig, keys: EdgeKeys, core_key: Ed25519PublicKey) -> Iterator[ListMirror]:
    state_dir, now = loaded.state_dir / "edge", datetime.now(UTC)
    mirror = ListMirror(
        state_dir,
        EDGE,
        keys,
        core_public_key=core_key,
        model=MODEL,
        dimension=DIMENSION,
        calibration=CALIBRATION,
        margin=0.0,
        fresh_for=timedelta(hours=24),
        reseal=lambda template, recipients: None,  # noqa: ARG005 - nobody asks for it here
    )
    outbox, counters = DurableOutbox(state_dir / "outbox.db", max_rows=100, max_bytes=10_000_000), Counters()
    identity = EdgeIdentity(EDGE, now, public_text(keys.private), public_text(keys.signing), None)
    health = EdgeHealth(identity, outbox, counters, lists=mirror, cameras=tuple, watched=dict)
    link = EdgeLink(LinkAddress(loaded, EDGE), LinkParts(outbox, mirror, health.state, counters))
    with closing(mirror), closing(outbox):
        link.start()
        try:
            yield mirror
        finally:
            link.stop()


@contextmanager
def running(folder: Path, people: int) -> Iterator[Estate]:
    """Everything; the edge holds everybody and recognises them."""
    with ExitStack() as stack:
        broker = Mosquitto(folder)
        broker.start()
        stack.callback(broker.stop)
        path = folder / "estate.yaml"
        path.write_text(json.dumps(tree(broker)))
        loaded = load_config(path)
        prepare(loaded)
        core_key = load_or_create_signing_key(loaded.file(loaded.config.core.signing_key_file)).public_key()
        keys = load_or_create(loaded.state_dir / "edge", EDGE)
        database = stack.enter_context(opened(loaded))
        residents = everybody(database, people, keys)
        stack.enter_context(running_core(loaded))
        estate = Estate(database, stack.enter_context(running_edge(loaded, keys, core_key)), residents)
        until(lambda: _introduced(database), "introduced")
        with database.writing() as db:
            do_approve_edge(db, EDGE, keys.fingerprint, datetime.now(UTC))
        estate.send_whole()
        until(lambda: estate.in_step, "in step")
        yield estate


def public_text(key: X25519PrivateKey | Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _introduced(database: Database) -> bool:
    with database.reading() as db:
        return db.get_one(EdgeRow, EDGE).signing_key_base64 is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PEOPLE:,} people instead of {PEOPLE:,}")
    quick = parser.parse_args().quick
    people = QUICK_PEOPLE if quick else PEOPLE
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), people) as estate:
        write("erasure", list(rows(estate, people)), quick=quick)


if __name__ == "__main__":
    main()
