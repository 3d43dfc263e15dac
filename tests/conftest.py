"""Fixtures with real parts. What the machine lacks skips its tests, or fails them where ANJU_REQUIRE_SYSTEM is set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright

from core.storage.database import Database
from core.storage.migrate import upgrade
from models.directory import ModelDirectory
from models.errors import LicenceNotAcceptedError
from models.fetch import accepted_in_environment, fetch
from tests.support.browser import chromium_arguments, chromium_path
from tests.support.certificates import make_server_identity
from tests.support.clips import Codec, encode_clip
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import Postgres
from tests.support.rtsp import ClipServer, GstServer, GstStream, require_gstreamer
from tests.support.system import missing

_numbers = count(1)
BROWSER_TIMEOUT_MS = 15_000
MODELS = ("yunet", "sface", "clp-rec")

# No test says how long something may take: the machine may be busy with something else.
settings.register_profile("anju", deadline=None)
settings.load_profile("anju")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command sets up logging for its whole process, onto streams that end with its test: this process lives on."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def _mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def mosquitto(_mosquitto: Mosquitto) -> Mosquitto:
    """A running broker with passwords and access rules, shared by the session; started again if a test stopped it.

    Retained messages of earlier tests may still be there: use an estate id of your own.
    """
    _mosquitto.start()
    return _mosquitto


@pytest.fixture(scope="session")
def mosquitto_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """The same behind TLS, with a certificate by an authority made for this session."""
    folder = tmp_path_factory.mktemp("mosquitto-tls")
    broker = Mosquitto(folder, make_server_identity(folder))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster of this session's own."""
    cluster = Postgres()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """URL of one database of the session, without tables."""
    return postgres.create("session")


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[str]:
    """URL of a database for one test, without tables."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> str:
    name = "template_anju"
    upgrade(postgres.create(name))
    return name


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh database with the tables of the newest migration, on either kind."""
    if request.param == "sqlite":
        path = tmp_path / "anju.db"
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    name = f"test_{next(_numbers)}"
    yield cluster.create(name, template=request.getfixturevalue("_postgres_template"))
    cluster.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database with the tables of the newest migration, on either kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The model store with those models that an edge runs and that don't come with Anju; loaded where they miss."""
    directory = ModelDirectory()
    fetch(MODELS, directory=directory)
    return directory.root


@pytest.fixture(scope="session")
def clp_det_dir(models_dir: Path) -> Path:
    """The store with `clp-det` too, which takes somebody's yes to its licence; CI says it, for the tests alone."""
    try:
        fetch(["clp-det"], directory=ModelDirectory(models_dir), accepted=accepted_in_environment())
    except LicenceNotAcceptedError:
        missing("a plate detector to compare with, whose licence wants an explicit yes,", "ANJU_ACCEPT_LICENCE=clp-det")
    return models_dir


@pytest.fixture(scope="session")
def clips_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clips of this session lie."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def clip(clips_dir: Path) -> Callable[..., Path]:
    """``clip(codec="h264", seconds=2.0, width=320, height=240, fps=25) -> Path``: encoded once per session."""

    def get(codec: Codec = "h264", *, seconds: float = 2.0, width: int = 320, height: int = 240, fps: int = 25) -> Path:
        path = clips_dir / f"{codec}-{seconds:g}s-{width}x{height}-{fps}.mp4"
        if not path.exists():
            encode_clip(path, codec, seconds=seconds, width=width, height=height, fps=fps)
        return path

    return get


@pytest.fixture
def rtsp_server(tmp_path: Path) -> Iterator[Callable[[Path], ClipServer]]:
    """``rtsp_server(folder) -> ClipServer``: a running server of the folder's clips."""
    servers: list[ClipServer] = []

    def serve(folder: Path) -> ClipServer:
        server = ClipServer(folder, tmp_path / f"rtsp-{len(servers)}.log")
        server.start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def _gstreamer() -> None:
    require_gstreamer()


@pytest.fixture
def gst_rtsp_server(
    _gstreamer: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[GstStream], GstServer]]:
    """``gst_rtsp_server(GstStream(...)) -> GstServer``: a running GStreamer server with one stream."""
    servers: list[GstServer] = []

    def serve(stream: GstStream) -> GstServer:
        server = GstServer(stream, tmp_path_factory.mktemp("gst-rtsp"))
        server.start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the installed Chromium."""
    return chromium_path()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium. Of a module, not of the session: while it is open, no other event loop can run here."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=chromium_arguments())
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a browser context of its own: no cookies of another test."""
    context = browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
    context.set_default_timeout(BROWSER_TIMEOUT_MS)
    yield context.new_page()
    context.close()
