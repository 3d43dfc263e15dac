"""`anju people` does on the database what it says, and says why when it can't."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.consent import consent_app
from cli.people import EnrolmentFailedError, people_app, post_portrait
from core.contract.config_file import LoadedConfig, load_config
from core.contract.signed import verify_pass, verify_ticket
from core.errors import CoreError
from core.keys import load_public_key
from core.people.edges import do_note_edge_state
from core.service import opened, prepare
from tests.core.estates import EdgeKey, edge_state, estate_tree


class FakeEdge(BaseHTTPRequestHandler):
    """Answers like an edge's enrolment endpoint; keeps what was posted."""

    posted: list[bytes]
    status = 201
    answer: bytes = b'{"template_id": "t", "quality": 0.9}'

    def do_POST(self) -> None:
        self.posted.append(self.path.encode() + b"\n" + self.rfile.read(int(self.headers["content-length"])))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def fake_edge() -> Iterator[tuple[str, type[FakeEdge]]]:
    handler = type("Handler", (FakeEdge,), {"posted": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedConfig:
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(estate_tree()))
    found = load_config(path)
    prepare(found)
    return found


def anju(loaded: LoadedConfig, *arguments: str) -> Any:
    """What `anju people ... --json` (or `anju consent ...`) printed. Raises what it raises."""
    app, rest = (consent_app, arguments[1:]) if arguments[0] == "consent" else (people_app, arguments)
    command = [*rest, "--config", str(loaded.path), "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_person_consents_enrols_and_withdraws(
    loaded: LoadedConfig, fake_edge: tuple[str, type[FakeEdge]], tmp_path: Path
) -> None:
    url, handler = fake_edge
    key = EdgeKey.make()
    with opened(loaded) as database, database.writing() as db:
        state = edge_state("edge-1", key.public_base64, enrol_url=url)
        do_note_edge_state(db, state, datetime.now(UTC))
    portrait = tmp_path / "portrait.jpg"
    portrait.write_bytes(b"\xff\xd8\xff portrait")

    assert anju(loaded, "edge", "approve", "edge-1", key.fingerprint)["approved"] is True
    who = anju(loaded, "add", "王小明", "--checkpoint", "gate")["key"]
    with pytest.raises(CoreError, match="no active consent"):
        anju(loaded, "enrol", "--subject", who, "--portrait", str(portrait))
    assert anju(loaded, "consent", "give", "--subject", who, "--notice-shown")["state"] == "active"
    assert anju(loaded, "enrol", "--subject", who, "--portrait", str(portrait))["edge"] == "edge-1"
    (posted,) = handler.posted
    assert posted.startswith(b"/v1/enrolments\n")
    assert portrait.read_bytes() in posted
    ticket = posted.split(b'name="ticket"')[1].split(b"\r\n\r\n")[1].split(b"\r\n")[0].decode()
    public = load_public_key(loaded.file(Path("core-signing.key.pub")))
    assert verify_ticket(ticket, public).subject == who

    assert anju(loaded, "consent", "withdraw", "--subject", who)["state"] == "withdrawn"
    assert [one["state"] for one in anju(loaded, "consent", "show", "--subject", who)] == ["withdrawn"]
    issued = anju(loaded, "pass", "issue", "--subject", who)
    assert verify_pass(issued["text"], public).subject == who
    assert anju(loaded, "pass", "revoke", issued["id"])["revoked_at"]
    assert [one["consent"] for one in anju(loaded, "list")] == ["withdrawn"]
    anju(loaded, "remove", who)
    assert anju(loaded, "list") == []


def test_a_vehicle_is_entered_listed_and_removed(loaded: LoadedConfig) -> None:
    entered = anju(loaded, "vehicle", "add", "京a12345", "--checkpoint", "lane")
    assert entered["plate"] == "京A12345"
    assert [one["key"] for one in anju(loaded, "vehicle", "list")] == [entered["key"]]
    anju(loaded, "vehicle", "remove", entered["key"])
    assert anju(loaded, "vehicle", "list") == []
    assert {one["id"]: one["list_head"] for one in anju(loaded, "edge", "list")} == {"edge-1": 1, "edge-2": 2}


def test_a_time_without_an_offset_is_refused(loaded: LoadedConfig) -> None:
    with pytest.raises(CoreError, match="offset"):
        anju(loaded, "add", "李", "--checkpoint", "gate", "--until", "2027-01-01")


def test_consent_is_not_recorded_unless_somebody_says_the_notice_was_read(loaded: LoadedConfig) -> None:
    who = anju(loaded, "add", "王小明", "--checkpoint", "gate")["key"]
    command = ["give", "--subject", who, "--config", str(loaded.path)]
    refused = CliRunner().invoke(consent_app, command, input="n\n")
    assert refused.exit_code == 1
    assert "撤回" in refused.stderr
    assert anju(loaded, "consent", "show", "--subject", who) == []


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (422, b'{"detail": "No face was found."}', "No face was found."),
        (500, b"{}", "500"),
        (200, b"<html>", "not as an edge would"),
    ],
)
def test_what_the_edge_says_is_passed_on(
    status: int, answer: bytes, said: str, fake_edge: tuple[str, type[FakeEdge]]
) -> None:
    url, handler = fake_edge
    handler.status, handler.answer = status, answer
    with pytest.raises(EnrolmentFailedError, match=said):
        post_portrait(url, "ticket", b"picture")


def test_an_edge_that_is_off_is_said_to_be_out_of_reach() -> None:
    with pytest.raises(EnrolmentFailedError, match="can't be reached"):
        post_portrait("http://127.0.0.1:9", "ticket", b"picture")
