"""What the parts of the API share in one process, and how a request finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Request

from api.live import LiveHub
from api.ratelimit import SigninLimiter
from core.contract.config import EstateConfig
from core.people.plates import PlateKeeper
from core.storage.database import Database


@dataclass(frozen=True, slots=True)
class ApiContext:
    config: EstateConfig
    state_dir: Path
    database: Database
    signing_key: Ed25519PrivateKey
    plates: PlateKeeper
    live: LiveHub
    limiter: SigninLimiter = field(default_factory=SigninLimiter)

    @property
    def secure(self) -> bool:
        """Whether browsers reach this over https, so that cookies may insist on it."""
        return (self.config.api.public_url or "").startswith("https://")

    @property
    def cookie_name(self) -> str:
        return "__Host-anju" if self.secure else "anju"

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)


def _of_request(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


Context = Annotated[ApiContext, Depends(_of_request)]
