"""The estate's configuration: one YAML for the whole, checked before anything starts.

Each process reads the parts it needs. Secrets are never in it, only the names of the files that hold them.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from core.contract.base import Message
from core.contract.config_scenes import DoorContact, Scenes
from core.contract.config_shapes import Name as Name  # noqa: PLC0414 - told on from here
from core.contract.config_shapes import Polygon as Polygon  # noqa: PLC0414 - told on from here
from core.contract.config_shapes import UnitPoint as UnitPoint  # noqa: PLC0414 - told on from here
from core.contract.config_video import ClipSettings
from core.contract.ids import CameraId, CheckpointId, EdgeId, EstateId, RuleId
from core.contract.vocabulary import Direction, Ring, Severity

Port = Annotated[int, Field(ge=1, le=65535)]


def is_loopback(host: str) -> bool:
    """True for a name or address that only this machine reaches."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Estate(Message):
    id: EstateId
    name: Name
    timezone: Annotated[str, Field(max_length=64)] = "Asia/Shanghai"


class BrokerConfig(Message):
    """The MQTT broker. ``embedded``: Anju starts its own on loopback (a demo, a very small estate)."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    port: Port = 1883
    tls_ca_file: Path | None = None
    embedded: bool = False

    @model_validator(mode="after")
    def _embedded_stays_on_loopback(self) -> Self:
        if self.embedded and not is_loopback(self.host):
            raise ValueError("the embedded broker has no TLS and listens on 127.0.0.1 only; use Mosquitto or EMQX")
        return self


class Login(Message):
    """A broker account: name here, password in a file only its owner can read."""

    user: Annotated[str, Field(min_length=1, max_length=64)]
    password_file: Path


class DatabaseConfig(Message):
    url: Annotated[str, Field(max_length=500)] = "sqlite:///anju.db"
    """SQLAlchemy URL; ``sqlite:///`` paths are relative to ``state_dir``. A password goes in ``password_file``."""
    password_file: Path | None = None


class CoreConfig(Message):
    broker_login: Login
    signing_key_file: Path = Path("core-signing.key")
    """Ed25519 private key, PEM; made at first start. Its public half lies beside it as ``.pub``."""
    plate_key_file: Path = Path("core-plates.key")
    """Key that listed plates are sealed under in the database, 32 bytes in base64; made at first start."""
    disputes_suspend_after: Annotated[int, Field(ge=1, le=1000)] = 3
    """A face template is suspended when this many of its matches were disputed within ``disputes_within_days``."""
    disputes_within_days: Annotated[int, Field(ge=1, le=366)] = 7


class ApiConfig(Message):
    host: str = "127.0.0.1"
    port: Port = 8780
    public_url: Annotated[str, Field(max_length=200)] | None = None

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        """Requests are held against its host, so there has to be one."""
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ValueError("is https://host[:port], as browsers reach the pages, without user or query")
        return url


class ModelChoice(Message):
    """Which models of ``models/manifest.toml`` an edge runs."""

    face_detector: str = "yunet"
    face_embedder: str = "sface"
    plate_detector: str = "anju-plate-det"
    plate_reader: str = "anju-plates"
    body_detector: str | None = "nanodet-g"
    """Finds people and vehicles; None: bodies are counted by face tracks at doors and by what moves elsewhere."""
    presentation_check: str | None = None
    """Looks whether a face is one or a picture of one (docs/presentation.md); None: nothing is looked at."""
    presentation_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """The score from which on it counts as a face, measured at your own gates; None: the model's own."""


class EdgeConfig(Message):
    id: EdgeId
    broker_login: Login
    core_public_key_file: Path = Path("core-signing.key.pub")
    enrol_host: Annotated[str, Field(min_length=1, max_length=100)] = "127.0.0.1"
    """Address the edge listens on for portraits; beyond loopback only with the two TLS files."""
    enrol_port: Port = 8791
    enrol_tls_cert_file: Path | None = None
    """Certificate (chain) of the endpoint, PEM."""
    enrol_tls_key_file: Path | None = None
    """Its private key, PEM, without a passphrase."""
    enrol_public_url: Annotated[str, Field(max_length=200)] | None = None
    """Where browsers reach the endpoint, when that is not ``enrol_host`` and ``enrol_port``."""
    site_key: Literal["file", "keystore", "credential"] = "file"
    """Where the key that protects faces at rest is kept: ``site.key`` beside the lists, the system's keystore, or a
    systemd credential named ``anju-site-key``."""
    models: ModelChoice = ModelChoice()
    calibration_file: Path | None = None
    """Face thresholds made for this estate by ``anju watchlists calibrate``; without it, those that come with Anju."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads each model computes on; more cameras gain more from ``looking_threads``."""
    providers: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=8)] = ()
    """ONNX Runtime execution providers to compute models with, first choice first; those not there are passed over,
    the processor comes last. Without any: CUDA or OpenVINO where installed, else the processor."""
    looking_threads: Annotated[int, Field(ge=1, le=64)] | None = None
    """Threads that look at pictures, each at another camera; none named: one a core, at most four."""
    shards: Annotated[int, Field(ge=0, le=64)] = 0
    """Processes of their own that the cameras are spread over, which hold no list, no face and no key of the edge's;
    0: everything in one process. ``looking_threads`` are shared out. When it is worth it: docs/cameras.md."""
    outbox_max_rows: Annotated[int, Field(ge=100)] = 200_000
    outbox_max_bytes: Annotated[int, Field(ge=1_000_000)] = 2_000_000_000
    clips: ClipSettings = ClipSettings()
    holds: Literal["gate", "site_server"] = "gate"
    """``site_server``: templates are held apart from the gates, so only of people who consented to just that."""
    recogniser_needs_lists_within_h: Annotated[int, Field(ge=1)] = 24

    @property
    def enrol_url(self) -> str:
        """Where portraits are sent, without a slash at the end."""
        if self.enrol_public_url is not None:
            return self.enrol_public_url.rstrip("/")
        scheme = "http" if self.enrol_tls_cert_file is None else "https"
        host = f"[{self.enrol_host}]" if ":" in self.enrol_host else self.enrol_host
        return f"{scheme}://{host}:{self.enrol_port}"

    @field_validator("enrol_public_url")
    @classmethod
    def _portraits_travel_protected(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        bare = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not bare:
            raise ValueError("is https://host[:port], without user, path or query")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("portraits would cross the network unprotected: use https://")
        return url

    @model_validator(mode="after")
    def _portraits_arrive_protected(self) -> Self:
        if (self.enrol_tls_cert_file is None) != (self.enrol_tls_key_file is None):
            raise ValueError("enrol_tls_cert_file and enrol_tls_key_file go together: name both or neither")
        if self.enrol_tls_cert_file is None and not is_loopback(self.enrol_host):
            raise ValueError(
                f"enrol_host {self.enrol_host} would take portraits over the network unprotected: name "
                "enrol_tls_cert_file and enrol_tls_key_file, or listen on 127.0.0.1 behind a proxy with TLS"
            )
        if self.enrol_public_url is None and self.enrol_host in {"0.0.0.0", "::"}:  # noqa: S104 - refused, not bound
            raise ValueError(f"enrol_host {self.enrol_host} is no address to send to: name enrol_public_url too")
        if self.enrol_tls_cert_file is not None and self.enrol_url.startswith("http:"):
            raise ValueError("enrol_public_url is http:// but the endpoint speaks TLS: use https://")
        return self


class CameraConfig(Message):
    """One RTSP stream. ``kind`` is what it may be used for: an overview camera never runs the face recogniser."""

    id: CameraId
    edge: EdgeId
    name: Name
    kind: Literal["gate", "plate", "overview"]
    url: Annotated[str, Field(max_length=500)]
    sub_url: Annotated[str, Field(max_length=500)] | None = None
    """The camera's second, small stream (640x360 or so) of the same view: with it far less has to be decoded."""
    user: Annotated[str, Field(max_length=64)] | None = None
    password_file: Path | None = None
    decoder: Literal["cpu", "vaapi", "cuda", "auto"] = "cpu"
    """What decodes its streams; the processor where that is not to be had, which the edge then says."""

    @field_validator("url", "sub_url")
    @classmethod
    def _plain_rtsp(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"rtsp", "rtsps"} or not parts.hostname:
            raise ValueError("a camera's url is rtsp://host[:port]/path")
        if parts.username or parts.password:
            raise ValueError("no user or password in the url: use 'user' and 'password_file'")
        return url


class SimulatedGate(Message):
    """A gate that exists only in the edge's memory: opens when told, closes after ``hold_s``."""

    kind: Literal["simulated"] = "simulated"
    hold_s: Annotated[float, Field(gt=0, le=60)] = 3.0


class MqttRelay(Message):
    """A relay that listens on the checkpoint's ``cmd`` topic and answers on ``cmd/result``."""

    kind: Literal["mqtt_relay"] = "mqtt_relay"
    hold_s: Annotated[float, Field(gt=0, le=60)] = 3.0
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 2.0


class _Checkpoint(Message):
    id: CheckpointId
    name: Name
    camera: CameraId
    ring: Ring
    direction: Direction = Direction.IN
    zone: Polygon
    """Where something has to be to be looked at; the rest of the picture is masked before detection."""
    controller: SimulatedGate | MqttRelay = Field(default=SimulatedGate(), discriminator="kind")


PresentationPolicy = Literal["required", "if_available"]
"""What follows where nothing could say whether a face was a picture of one: ``required`` opens to nobody then."""


class FaceGate(_Checkpoint):
    """A one-person zone whose walkers are compared with the consenting people (1:N, opt-in per gate)."""

    kind: Literal["face_gate"] = "face_gate"
    min_face_px: Annotated[int, Field(ge=24, le=1000)] = 60
    presentation: PresentationPolicy = "if_available"


class Door(_Checkpoint):
    """A door opened by a QR pass whose holder's face agrees (1:1). ``threshold_line``: crossing it is going through."""

    kind: Literal["door"] = "door"
    min_face_px: Annotated[int, Field(ge=24, le=1000)] = 60
    presentation: PresentationPolicy = "if_available"
    threshold_line: tuple[UnitPoint, UnitPoint]
    """Going from the line's left side to its right side (seen from first to second point) is going through."""
    contact: DoorContact | None = None


class PlateLane(_Checkpoint):
    kind: Literal["plate_lane"] = "plate_lane"
    min_plate_px: Annotated[int, Field(ge=40, le=1000)] = 80


Checkpoint = Annotated[FaceGate | Door | PlateLane, Field(discriminator="kind")]


class RuleConfig(Message):
    """When to raise an alert. No ``checkpoints``: every one the trigger can happen at."""

    id: RuleId
    name: Name
    trigger: Literal["stranger_at_door", "unlisted_vehicle"]
    checkpoints: tuple[CheckpointId, ...] = ()
    severity: Severity = Severity.WARNING


class EstateConfig(Message):
    """The whole file."""

    estate: Estate
    state_dir: Path = Path("var")
    """Databases, keys and secrets; relative to this file. Created with mode 0700."""
    broker: BrokerConfig = BrokerConfig()
    database: DatabaseConfig = DatabaseConfig()
    core: CoreConfig
    api: ApiConfig = ApiConfig()
    edges: Annotated[tuple[EdgeConfig, ...], Field(max_length=1000)] = ()
    cameras: Annotated[tuple[CameraConfig, ...], Field(max_length=10_000)] = ()
    checkpoints: Annotated[tuple[Checkpoint, ...], Field(max_length=10_000)] = ()
    rules: Annotated[tuple[RuleConfig, ...], Field(max_length=10_000)] = ()
    scenes: Scenes = Scenes()

    def edge(self, edge: EdgeId) -> EdgeConfig:
        """The edge with that id. Raises KeyError."""
        return {one.id: one for one in self.edges}[edge]

    def camera(self, camera: CameraId) -> CameraConfig:
        """The camera with that id. Raises KeyError."""
        return {one.id: one for one in self.cameras}[camera]

    def checkpoint(self, checkpoint: CheckpointId) -> FaceGate | Door | PlateLane:
        """The checkpoint with that id. Raises KeyError."""
        return {one.id: one for one in self.checkpoints}[checkpoint]

    def edge_of(self, checkpoint: CheckpointId) -> EdgeId:
        """The edge that decides at that checkpoint."""
        return self.camera(self.checkpoint(checkpoint).camera).edge
