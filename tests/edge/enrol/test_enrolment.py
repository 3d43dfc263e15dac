"""Enrolment over HTTP with real models: one good portrait and one ticket make one sealed template, nothing else."""

from __future__ import annotations

import base64
import sqlite3
import ssl
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.ids import EdgeId, ModelId
from core.contract.lists import PutTemplate
from core.contract.sealing import TEMPLATE_INFO, fingerprint, unseal
from core.contract.signed import Recipient, sign_ticket
from edge.checkpoint.decide import MIN_MARGIN
from edge.enrol.endpoint import MAX_BODY_BYTES, MAX_WAITING, make_app
from edge.enrol.enroller import CLOCK_TOLERANCE, Enrolled
from edge.enrol.refusals import ADVICE, RefusalReason
from edge.enrol.server import EnrolServer, EnrolServerError, TlsFiles
from edge.lists.mirror import ListMirror
from edge.lists.plain_template import unpack
from models.alignment import align
from models.types import Image
from tests.edge.enrol.desk import EDGE, NOON, Client, Desk, astronaut, encoded
from tests.edge.lists.estate import EDGE as GATE_EDGE
from tests.edge.lists.estate import GATE, Estate, answered, resident
from tests.support.certificates import make_server_identity
from watchlists.thresholds import calibration_of

GOOD = encoded(astronaut())


def assert_refused(answer: httpx.Response, reason: RefusalReason) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["reason"] == reason.value
    assert answer.status_code == problem["status"] == ADVICE[reason].status
    assert problem["detail"]
    assert problem["detail_zh"]


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp"])
def test_a_portrait_becomes_a_template_sealed_for_every_recipient(desk: Desk, client: Client, kind: str) -> None:
    ticket = desk.ticket()
    answer = client.send(sign_ticket(ticket, desk.core_key), encoded(astronaut(), kind))

    assert answer.status_code == 201
    (message,) = desk.outbox.messages
    assert answer.json() == {"template_id": message.template_id, "quality": message.quality}
    assert (message.subject, message.consent) == (ticket.subject, ticket.consent)
    assert message.model == desk.reader.embedder.model
    assert message.quality is not None
    assert 0.3 < message.quality <= 1.0
    (faces,) = desk.reader.detector.detect([astronaut()])
    expected = desk.reader.embedder.embed(align(astronaut(), faces.landmarks[0])[None])[0]
    assert [one.edge for one in message.sealed] == list(desk.recipients)
    for one in message.sealed:
        key = desk.recipients[one.edge]
        assert one.key_fingerprint == fingerprint(key.public_key())
        template = unpack(unseal(base64.b64decode(one.sealed_base64), key, TEMPLATE_INFO))
        assert (template.template_id, template.subject, template.consent) == (
            message.template_id,
            ticket.subject,
            ticket.consent,
        )
        assert float(template.vector @ expected) > 0.98


def test_the_enrolled_person_is_recognised_by_an_edge_that_mirrors_the_template(
    desk: Desk, client: Client, tmp_path: Path
) -> None:
    gate = Estate(tmp_path / "gate")
    desk.recipients = {GATE_EDGE: gate.keys.private}
    ticket = desk.ticket()
    assert client.send(sign_ticket(ticket, desk.core_key), GOOD).status_code == 201
    (message,) = desk.outbox.messages
    embedder = desk.reader.embedder
    model = ModelId(embedder.model)
    mirror = ListMirror(
        gate.folder,
        GATE_EDGE,
        gate.keys,
        core_public_key=gate.core_key.public_key(),
        model=model,
        dimension=embedder.dimension,
        calibration=calibration_of(model),
        margin=MIN_MARGIN,
        fresh_for=timedelta(hours=24),
        reseal=lambda template, recipients: pytest.fail(f"nobody asked for {template} for {recipients}"),
        clock=gate.clock,
    )
    put = PutTemplate(
        template_id=message.template_id,
        subject=message.subject,
        consent=message.consent,
        model=message.model,
        sealed_base64=message.sealed[0].sealed_base64,
    )
    assert answered(mirror, gate.delta(resident(ticket.subject), put)).problem is None

    mirrored = np.ascontiguousarray(astronaut()[:, ::-1])
    (faces,) = desk.reader.detector.detect([mirrored])
    match = mirror.identify(embedder.embed(align(mirrored, faces.landmarks[0])[None]), GATE, NOON)

    assert match is not None
    assert match.subject == ticket.subject
    assert match.score > match.threshold
    mirror.close()


def test_a_ticket_works_once_also_after_a_restart(desk: Desk, client: Client) -> None:
    ticket = desk.signed()
    assert client.send(ticket, GOOD).status_code == 201
    assert_refused(client.send(ticket, GOOD), RefusalReason.TICKET_USED)

    restarted = desk.enroller()
    server = EnrolServer(make_app(restarted), "127.0.0.1", 0)
    server.start()
    assert_refused(Client(server.port).send(ticket, GOOD), RefusalReason.TICKET_USED)
    server.stop()
    restarted.tickets.close()
    assert len(desk.outbox.messages) == 1


def test_a_ticket_sent_many_times_at_once_makes_one_template(desk: Desk, client: Client) -> None:
    ticket = desk.signed()
    with ThreadPoolExecutor(MAX_WAITING) as pool:
        answers = [one.status_code for one in pool.map(lambda _: client.send(ticket, GOOD), range(MAX_WAITING))]
    assert sorted(answers) == [201, *[409] * (MAX_WAITING - 1)]
    assert len(desk.outbox.messages) == 1


def test_a_forged_or_foreign_or_expired_ticket_is_refused(desk: Desk, client: Client) -> None:
    forged = sign_ticket(desk.ticket(), Ed25519PrivateKey.generate())
    body, _, signature = desk.signed().partition(".")
    other_body = desk.signed().partition(".")[0]
    broken_key = (Recipient(edge=EDGE, key_base64="AAAA"),)
    for ticket, reason in (
        (forged, RefusalReason.TICKET_INVALID),
        (f"{other_body}.{signature}", RefusalReason.TICKET_INVALID),
        (body, RefusalReason.TICKET_INVALID),
        ("", RefusalReason.TICKET_INVALID),
        ("门票.é", RefusalReason.TICKET_INVALID),
        (desk.signed(recipients=broken_key), RefusalReason.TICKET_INVALID),
        (desk.signed(edge=EdgeId("gate-2")), RefusalReason.TICKET_OTHER_EDGE),
        (desk.signed(expires_at=NOON - CLOCK_TOLERANCE - timedelta(seconds=1)), RefusalReason.TICKET_EXPIRED),
    ):
        assert_refused(client.send(ticket, GOOD), reason)
    assert not desk.outbox.messages
    assert client.send(desk.signed(expires_at=NOON - CLOCK_TOLERANCE), GOOD).status_code == 201


def side_by_side(picture: Image) -> Image:
    return np.hstack([picture, picture])


def tilted(degrees: float) -> npt.NDArray[Any]:
    return cv2.warpAffine(astronaut(), cv2.getRotationMatrix2D((220, 110), degrees, 1), (512, 512))


BAD_PICTURES: dict[str, tuple[npt.NDArray[Any], RefusalReason]] = {
    "nobody": (np.full((480, 640, 3), 128, np.uint8), RefusalReason.NO_FACE),
    "two people": (side_by_side(astronaut()), RefusalReason.SEVERAL_FACES),
    "far away": (cv2.resize(astronaut(), None, fx=0.7, fy=0.7), RefusalReason.TOO_SMALL),
    "in the dark": ((astronaut() * 0.12).astype(np.uint8), RefusalReason.DARK),
    "shaken": (cv2.GaussianBlur(astronaut(), (0, 0), 4), RefusalReason.BLURRED),
    "on one side": (tilted(-55), RefusalReason.TURNED),
    "on the other side": (tilted(60), RefusalReason.TURNED),
}


@pytest.mark.parametrize("case", BAD_PICTURES)
def test_a_poor_portrait_is_refused_with_advice_and_the_ticket_stays_good(
    desk: Desk, client: Client, case: str
) -> None:
    picture, reason = BAD_PICTURES[case]
    ticket = desk.signed()
    assert_refused(client.send(ticket, encoded(picture)), reason)
    assert not desk.outbox.messages
    assert client.send(ticket, GOOD).status_code == 201


@pytest.mark.parametrize("scale", [0.95, 2.0, 6.0])
def test_portraits_of_every_size_are_read(desk: Desk, client: Client, scale: float) -> None:
    picture = cv2.resize(astronaut()[:256, 92:348], None, fx=scale, fy=scale)
    assert client.send(desk.signed(), encoded(picture, ".jpg")).status_code == 201


def test_an_upload_that_is_no_form_or_too_large_is_refused(desk: Desk, client: Client) -> None:
    ticket = desk.signed()
    for answer, reason in (
        (client.post(content=b"hello"), RefusalReason.BAD_FORM),
        (client.post(json={"ticket": ticket}), RefusalReason.BAD_FORM),
        (client.post(files={"portrait": GOOD}), RefusalReason.BAD_FORM),
        (client.post(data={"ticket": ticket, "portrait": "x"}), RefusalReason.BAD_FORM),
        (client.post(files={"ticket": b"x", "portrait": GOOD}), RefusalReason.BAD_FORM),
        (
            client.post(content=b"--b\r\n", headers={"content-type": "multipart/form-data"}),
            RefusalReason.BAD_FORM,
        ),
        (client.send("x" * 100_000, GOOD), RefusalReason.BAD_FORM),
        (client.send(ticket, bytes(MAX_BODY_BYTES)), RefusalReason.TOO_LARGE),
        (client.send(ticket, b"not a picture"), RefusalReason.NOT_A_PICTURE),
    ):
        assert_refused(answer, reason)
    assert client.send(ticket, GOOD).status_code == 201


def test_an_upload_of_unknown_length_is_cut_off_at_the_limit(client: Client) -> None:
    def endless() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="portrait"; filename="x"\r\n\r\n'
        for _ in range(20):
            yield bytes(1_000_000)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post(content=endless(), headers=headers)
    assert_refused(answer, RefusalReason.TOO_LARGE)


def test_a_slow_upload_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.enrol.endpoint.UPLOAD_TIMEOUT_S", 0.05)
    go_on = threading.Event()

    def slow() -> Any:
        yield b"--b\r\n"
        go_on.wait(0.5)
        yield b"--b--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post(content=slow(), headers=headers)
    assert_refused(answer, RefusalReason.TOO_SLOW)


def test_no_portrait_is_ever_written_to_disk(desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette writes uploads above 1 MB to a temporary file; ours never gets there."""
    written: list[object] = []
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", written.append)
    noisy = np.random.default_rng(0).integers(0, 256, (1100, 1100, 3), np.uint8)
    noisy[:512, :512] = astronaut()
    large = encoded(noisy)
    assert 2_000_000 < len(large) < MAX_BODY_BYTES
    assert client.send(desk.signed(), large).status_code == 201
    assert not written
    for path in desk.folder.iterdir():
        assert large[1000:1100] not in path.read_bytes()


def test_a_book_of_tickets_that_cannot_be_read_enrols_nobody_and_says_so(desk: Desk, client: Client) -> None:
    with sqlite3.connect(desk.folder / "tickets.db") as book:
        book.execute("DROP TABLE used")
    book.close()
    assert_refused(client.send(desk.signed(), GOOD), RefusalReason.NOT_STORED)
    assert desk.outbox.messages == []


def test_a_full_outbox_keeps_the_ticket_good(desk: Desk, client: Client) -> None:
    ticket = desk.signed()
    desk.outbox.full = True
    assert_refused(client.send(ticket, GOOD), RefusalReason.NOT_STORED)
    desk.outbox.full = False
    assert client.send(ticket, GOOD).status_code == 201


def test_a_crowd_is_told_to_come_back(desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    working, go_on = threading.Semaphore(0), threading.Event()

    def slowly(*_: object) -> Enrolled:
        working.release()
        assert go_on.wait(20)
        return Enrolled(template_id="00000000-0000-0000-0000-000000000000", quality=1.0)  # type: ignore[arg-type]

    monkeypatch.setattr("edge.enrol.enroller.Enroller.enrol", slowly)
    with ThreadPoolExecutor(MAX_WAITING + 1) as pool:
        sent = [pool.submit(client.send, desk.signed(), GOOD) for _ in range(MAX_WAITING + 1)]
        assert working.acquire(timeout=20)
        refused = next(one for one in sent if _done(one)).result()
        go_on.set()
        statuses = sorted(one.result().status_code for one in sent)
    assert_refused(refused, RefusalReason.BUSY)
    assert refused.headers["retry-after"] == "5"
    assert statuses == [201] * MAX_WAITING + [503]


def _done(sent: Any) -> bool:
    try:
        sent.result(timeout=1)
    except TimeoutError:
        return False
    return True


def test_pages_of_the_estate_and_no_others_may_post_from_a_browser(client: Client) -> None:
    def preflight(origin: str) -> httpx.Response:
        headers = {"origin": origin, "access-control-request-method": "POST"}
        return httpx.options(client.url, headers=headers, timeout=30, trust_env=False)

    allowed = preflight("https://estate.example")
    assert allowed.headers["access-control-allow-origin"] == "https://estate.example"
    assert "access-control-allow-origin" not in preflight("https://elsewhere.example").headers


def test_the_endpoint_says_it_is_well_and_shows_nothing_else(client: Client) -> None:
    base = f"http://127.0.0.1:{client.port}"
    answer = httpx.get(f"{base}/healthz", timeout=30, trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    for path in ("/docs", "/openapi.json", "/v1/enrolments", "/"):
        assert httpx.get(base + path, timeout=30, trust_env=False).status_code in {404, 405}


def test_a_taken_port_is_named(desk: Desk, client: Client) -> None:
    enroller = desk.enroller()
    with pytest.raises(EnrolServerError, match=f"127.0.0.1:{client.port}: .*enrol_port"):
        EnrolServer(make_app(enroller), "127.0.0.1", client.port)
    enroller.tickets.close()


def test_with_a_certificate_the_endpoint_speaks_tls_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    identity = make_server_identity(tmp_path)
    enroller = desk.enroller()
    tls = TlsFiles(identity.certificate_file, identity.key_file)
    server = EnrolServer(make_app(enroller), "127.0.0.1", 0, tls)
    server.start()
    trusted = ssl.create_default_context(cafile=identity.ca_file)
    where = f"127.0.0.1:{server.port}/healthz"
    assert httpx.get(f"https://{where}", timeout=30, trust_env=False, verify=trusted).json() == {"status": "ok"}
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{where}", timeout=30, trust_env=False)
    server.stop()
    enroller.tickets.close()


def test_a_certificate_that_cannot_be_used_is_told_before_anything_is_served(desk: Desk, tmp_path: Path) -> None:
    identity, other = make_server_identity(tmp_path), make_server_identity(_folder(tmp_path / "other"))
    key = serialization.load_pem_private_key(identity.key_file.read_bytes(), None)
    locked = tmp_path / "locked.key"
    protection = serialization.BestAvailableEncryption(b"passphrase")
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))
    enroller = desk.enroller()
    for wrong in (tmp_path / "missing.key", other.key_file, identity.certificate_file, locked):
        with pytest.raises(EnrolServerError, match=f"{wrong.name} can't be used: .*PEM"):
            EnrolServer(make_app(enroller), "127.0.0.1", 0, TlsFiles(identity.certificate_file, wrong))
    enroller.tickets.close()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
