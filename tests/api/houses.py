"""A running API over a small estate, and things that happen there."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.accounts import create_service_token
from api.context import ApiContext
from api.live import DatabaseLiveTable, LiveHub
from api.permissions import Role
from core.contract.base import Message
from core.contract.config import EstateConfig
from core.contract.events import EdgeStateV1, PassageV1, PictureV1
from core.contract.ids import CameraId, new_id
from core.ingest.arrivals import read
from core.ingest.batch import Rulebook, commit_batch
from core.lists.sync_places import do_sync_places
from core.people.edges import do_note_availability, do_note_edge_state
from core.storage.database import Database
from tests.core.estates import PLATES, EdgeKey, estate, event

ESTATE = "test-estate"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class House:
    """An estate's database with the API's view of it. Things that happen are committed as the core commits them."""

    database: Database
    config: EstateConfig
    state_dir: Path
    edge_key: EdgeKey = field(default_factory=EdgeKey.make)
    signing_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    _sequence: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def settle(self) -> None:
        """Edges, places, and both edges online."""
        with self.database.writing() as db:
            do_sync_places(db, self.config)
        for edge in self.config.edges:
            self.edge_says(edge.id)

    def edge_says(
        self, edge: str, *, enrol_url: str | None = None, moved: CameraId | None = None, **cameras: str
    ) -> None:
        """A state of the edge: online, its cameras as given, else online; ``moved``: one that looks elsewhere."""
        names = [one.id for one in self.config.cameras if one.edge == edge]
        health: list[dict[str, object]] = [
            {"camera": name, "state": cameras.get(name.replace("-", "_"), "online")} for name in names
        ]
        trouble = {"condition": "moved", "since": now(), "blind": True, "detail": "turn it back"}
        health = [one | {"conditions": [trouble], "blind": True} if one["camera"] == moved else one for one in health]
        state = EdgeStateV1.model_validate(
            {
                "edge": edge,
                "at": now(),
                "started_at": now() - timedelta(minutes=1),
                "key_base64": self.edge_key.public_base64,
                "enrol_url": enrol_url,
                "list_version": 0,
                "outbox_rows": 0,
                "cameras": [one | {"frames_per_s": 25.0} for one in health],
            }
        )
        with self.database.writing() as db:
            do_note_edge_state(db, state, now())
            do_note_availability(db, edge, True, now())

    def happen(self, *messages: Message, edge: str = "edge-1") -> None:
        """Events of an edge, committed in one transaction."""
        reads = [read(event(one, next(self._sequence), edge=edge), ESTATE) for one in messages]
        with self.database.writing() as db:
            committed = commit_batch(db, reads, Rulebook.of(self.config), now())
        assert committed.counts["stored"] == len(messages), committed.counts

    def context(self, live: LiveHub | None = None) -> ApiContext:
        return ApiContext(
            config=self.config,
            state_dir=self.state_dir,
            database=self.database,
            signing_key=self.signing_key,
            plates=PLATES,
            live=live or LiveHub(DatabaseLiveTable(self.database), poll_s=0.02),
        )

    def token(self, role: Role = Role.ADMINISTRATOR) -> dict[str, str]:
        """Headers of a service that may do what ``role`` may."""
        with self.database.writing() as db:
            secret = create_service_token(db, f"test-{role}", role, timedelta(hours=1))
        return {"Authorization": f"Bearer {secret}"}


def make_house(database: Database, state_dir: Path, **changes: Any) -> House:
    house = House(database, estate(**changes), state_dir)
    house.settle()
    return house


def jpeg(width: int = 320, height: int = 180) -> bytes:
    """A picture of nothing: two bands of grey."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[height // 2 :] = 160
    return bytes(cv2.imencode(".jpg", picture)[1])


def picture_of(passage: PassageV1, content: bytes | None = None) -> PictureV1:
    """The picture that ``passage`` announces."""
    assert passage.picture is not None
    return PictureV1.model_validate(
        {
            "picture_id": passage.picture,
            "passage_id": passage.passage_id,
            "checkpoint": passage.checkpoint,
            "taken_at": passage.occurred_at,
            "width_px": 320,
            "height_px": 180,
            "faces_blurred": 1,
            "jpeg_base64": base64.b64encode(content or jpeg()).decode(),
        }
    )


def new_picture_id() -> str:
    return new_id()
