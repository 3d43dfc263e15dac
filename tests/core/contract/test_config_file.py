"""A configuration is right as a whole, or every mistake in it is named with its place and line."""

from __future__ import annotations

import json
import stat
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core.contract.config import Login
from core.contract.config_file import MAX_CONFIG_BYTES, ConfigError, LoadedConfig, config_schema, load_config

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "configs/estate.example.yaml"
EXAMPLE_CONTENT: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())


@pytest.fixture
def example() -> dict[str, Any]:
    return deepcopy(EXAMPLE_CONTENT)


def load(folder: Path, content: str | bytes | dict[str, Any]) -> LoadedConfig:
    path = folder / "estate.yaml"
    if isinstance(content, dict):
        content = yaml.safe_dump(content, allow_unicode=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_config(path)


def complaints(folder: Path, content: str | bytes | dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, content)
    return [str(problem) for problem in caught.value.problems]


def test_the_example_is_right() -> None:
    loaded = load_config(EXAMPLE)
    assert loaded.config.estate.id == "green-garden"
    assert loaded.path == EXAMPLE
    assert loaded.state_dir == ROOT / "configs/var"


def test_the_example_shows_every_kind_of_checkpoint_and_camera(example: dict[str, Any]) -> None:
    assert {one["kind"] for one in example["checkpoints"]} == {"face_gate", "door", "plate_lane"}
    assert {one["kind"] for one in example["cameras"]} == {"gate", "plate", "overview"}


def test_the_published_schema_is_the_codes_and_takes_the_example(example: dict[str, Any]) -> None:
    published = (ROOT / "docs/config.schema.json").read_text()
    assert published == config_schema()
    Draft202012Validator(json.loads(published)).validate(example)


@pytest.mark.parametrize(
    ("written", "instead", "place", "words"),
    [
        (
            "    camera: door-3-cam",
            "    camera: door-3-can",
            "checkpoints[2].camera",
            "'door-3-can' is not defined; did you mean 'door-3-cam'?",
        ),
        (
            "    camera: gate-cam",
            "    camera: yard-cam",
            "checkpoints[0].camera",
            "'yard-cam' is an overview camera: faces are never recognised there",
        ),
        (
            "    camera: door-3-cam",
            "    presentation: required\n    camera: door-3-cam",
            "checkpoints[2].presentation",
            "is 'required', but the edge of its camera has no models.presentation_check: it would open to nobody",
        ),
        (
            "    camera: lane-cam",
            "    camera: yard-cam",
            "checkpoints[1].camera",
            "a plate_lane needs a camera of kind 'plate'; 'yard-cam' is 'overview'",
        ),
        (
            "    camera: door-3-cam",
            "    camera: gate-cam",
            "checkpoints[2].camera",
            "'gate-cam' serves checkpoints[0] already: one checkpoint a camera",
        ),
        (
            "    id: door-3\n",
            "    id: east-gate\n",
            "checkpoints[2].id",
            "'east-gate' is the id of checkpoints[0] already",
        ),
        (
            "    checkpoints: [east-lane]",
            "    checkpoints: [east-lanes]",
            "rules[1].checkpoints[0]",
            "'east-lanes' is not defined; did you mean 'east-lane'?",
        ),
        (
            "    checkpoints: [east-lane]",
            "    checkpoints: [door-3]",
            "rules[1].checkpoints[0]",
            "unlisted_vehicle happens at a plate_lane; 'door-3' is a door",
        ),
        (
            "  timezone: Asia/Shanghai",
            "  timezone: Asia/Shanghi",
            "estate.timezone",
            "'Asia/Shanghi' is no time zone; did you mean 'Asia/Shanghai'?",
        ),
        (
            "  timezone: Asia/Shanghai",
            "  timezone: ../../etc/passwd",
            "estate.timezone",
            "'../../etc/passwd' is no time zone; China has Asia/Shanghai",
        ),
        ("    threads: 2", "    thread: 2", "edges[0].thread", "'thread' is no setting here; did you mean 'threads'?"),
        (
            "    threads: 2",
            "    threads: many",
            "edges[0].threads",
            "input should be a valid integer, unable to parse string as an integer, not 'many'",
        ),
        ("    threads: 2", "    threads: 99", "edges[0].threads", "input should be less than or equal to 64, not 99"),
        ("  port: 8883", "  port: 88833", "broker.port", "input should be less than or equal to 65535, not 88833"),
        (
            "  - kind: door",
            "  - kind: dor",
            "checkpoints[2].kind",
            "'dor' is not one of face_gate, door, plate_lane; did you mean 'door'?",
        ),
        (
            "    ring: building",
            "    ring: bilding",
            "checkpoints[2].ring",
            "'bilding' is not one of perimeter, inner, building, dwelling; did you mean 'building'?",
        ),
        (
            "    trigger: unlisted_vehicle",
            "    trigger: vehicle",
            "rules[1].trigger",
            "'vehicle' is not one of stranger_at_door, unlisted_vehicle; did you mean 'unlisted_vehicle'?",
        ),
        (
            "  id: green-garden",
            "  id: Green Garden",
            "estate.id",
            "'Green Garden' is no id: lower-case letters, digits and hyphens inside, at most 64 of them",
        ),
        ("    id: east-gate", "    id: 2024", "checkpoints[0].id", "text is wanted here, not 2024: put it in quotes"),
        (
            "rtsp://192.168.10.21:554/stream1",
            "rtsp://anju:hunter2@192.168.10.21/stream1",
            "cameras[0].url",
            "no user or password in the url: use 'user' and 'password_file'",
        ),
        (
            "rtsp://192.168.10.21:554/stream1",
            "http://192.168.10.21/",
            "cameras[0].url",
            "a camera's url is rtsp://host[:port]/path",
        ),
        ("    password_file: secrets/gate-cam.password\n", "", "cameras[0].user", "has no 'password_file' beside it"),
        (
            "threshold_line: [[0.90, 0.60], [0.10, 0.60]]",
            "threshold_line: [[0.9, 0.6], [0.9, 0.6]]",
            "checkpoints[2].threshold_line",
            "needs two different points",
        ),
        (
            "{ kind: mqtt_relay, hold_s: 5, timeout_s: 2 }",
            "{ kind: mqtt_relay, hold_s: 5, timeot_s: 2 }",
            "checkpoints[2].controller.timeot_s",
            "'timeot_s' is no setting here; did you mean 'timeout_s'?",
        ),
        (
            "    - id: yard-exit",
            "    - id: garden-path",
            "scenes.one_way_lines[0].id",
            "'garden-path' is the id of counting_lines[0] already",
        ),
        (
            "line: [[0.35, 0.55], [0.35, 0.80]]",
            "line: [[0.35, 0.55], [0.35, 0.55]]",
            "scenes.counting_lines[0].line",
            "needs two different points",
        ),
        (
            "      camera: yard-cam\n      line: [[0.70, 0.60]",
            "      camera: yart-cam\n      line: [[0.70, 0.60]",
            "scenes.one_way_lines[0].camera",
            "'yart-cam' is not defined; did you mean 'yard-cam'?",
        ),
        (
            "      line: [[0.70, 0.60]",
            "      checkpoint: east-lanes\n      line: [[0.70, 0.60]",
            "scenes.one_way_lines[0].checkpoint",
            "'east-lanes' is not defined; did you mean 'east-lane'?",
        ),
        (
            "      kinds: [vehicle, two_wheeler]",
            "      kinds: [vehicle, bicycle]",
            "scenes.one_way_lines[0].kinds[1]",
            "'bicycle' is not one of person, vehicle, two_wheeler",
        ),
        (
            "zone: [[0.40, 0.30], [0.65, 0.30], [0.65, 0.50], [0.40, 0.50]]",
            "zone: [[0.40, 0.30], [0.65, 0.50], [0.65, 0.30], [0.40, 0.50]]",
            "scenes.zones[0].zone",
            "its border crosses itself: name the corners in order, around the zone",
        ),
        (
            "zone: [[0.40, 0.30], [0.65, 0.30], [0.65, 0.50], [0.40, 0.50]]",
            "zone: [[0.40, 0.30], [0.41, 0.30], [0.41, 0.31]]",
            "scenes.zones[0].zone",
            "is so small that nobody stands in it",
        ),
        (
            "exit_button: door-3-button",
            "exit_button: door-3-contact",
            "checkpoints[2].contact.exit_button",
            "'door-3-contact' is sensor of 'door-3' already",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(written: str, instead: str, place: str, words: str, tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    assert written in text
    number = text[: text.index(written)].count("\n") + 1
    if not instead:  # the line is gone: what is left incomplete stands above it
        number -= 1
    assert complaints(tmp_path, text.replace(written, instead, 1)) == [f"{place}: {words} (line {number})"]


def test_something_missing_is_named_with_the_line_of_what_lacks_it(example: dict[str, Any], tmp_path: Path) -> None:
    del example["checkpoints"][2]["threshold_line"]
    (complaint,) = complaints(tmp_path, example)
    assert complaint.startswith("checkpoints[2].threshold_line: is required (line ")


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("port: 8883", "port: 0").replace("threads: 2", "threads: 0")
    assert len(complaints(tmp_path, text)) == 2


def test_two_processes_never_share_an_account(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("user: edge-1,", "user: core,")
    (complaint,) = complaints(tmp_path, text)
    assert complaint.startswith("edges[0].broker_login.user: 'core' is the account of somebody else already")


def test_the_embedded_broker_stays_on_this_machine(example: dict[str, Any], tmp_path: Path) -> None:
    example["broker"] = {"embedded": True, "host": "0.0.0.0"}
    (complaint,) = complaints(tmp_path, example)
    assert "listens on 127.0.0.1 only" in complaint


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no settings in it"),
        ("- a\n- b\n", "no settings in it: the file starts with 'estate:' (line 1)"),
        ("estate: {id: x\n", "no YAML: "),
        ("estate:\n\tid: x\n", "(line 2)"),
        (b"estate: \xff\n", "not UTF-8 text: save it as UTF-8 (line 1)"),
        ("estate: \x07\n", "no YAML"),
        ("estate: 1\nestate: 2\n", "estate: stands twice, first in line 1 (line 2)"),
        ("a: &a [1]\nb: *a\n", "anchors and aliases (&, *) are not read: write the value out (line 2)"),
        ("estate: !!python/object/apply:os.system [ls]\n", "no value: "),
        ("estate: 2024-13-45\n", "no value: "),
        ("[" * 100_000, "nested deeper than 20 levels"),
        ("#" * (MAX_CONFIG_BYTES + 1), "larger than 1000000 bytes"),
    ],
)
def test_what_is_no_configuration_is_refused_in_a_sentence(
    content: str | bytes, complaint: str, tmp_path: Path
) -> None:
    (found,) = complaints(tmp_path, content)
    assert complaint in found


def test_a_missing_file_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file or directory; configs/estate\.example\.yaml is one"):
        load_config(tmp_path / "nowhere.yaml")


def test_the_state_folder_is_made_on_request_for_its_owner_alone(tmp_path: Path, example: dict[str, Any]) -> None:
    loaded = load(tmp_path, example)
    assert not loaded.state_dir.exists()
    assert loaded.prepare_state_dir() == tmp_path / "var"
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_a_password_comes_from_its_file(tmp_path: Path, example: dict[str, Any]) -> None:
    loaded = load(tmp_path, example)
    login = loaded.config.core.broker_login
    with pytest.raises(ConfigError, match=r"core\.password: No such file"):
        loaded.password(login)
    folder = loaded.prepare_state_dir() / "secrets"
    folder.mkdir()
    (folder / "core.password").write_text("correct horse\n")
    assert loaded.password(login) == "correct horse"
    (folder / "empty").touch()
    with pytest.raises(ConfigError, match="is empty"):
        loaded.password(Login(user="core", password_file=Path("secrets/empty")))


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
@settings(max_examples=200)
def test_any_content_is_taken_or_refused_but_never_breaks(content: str | bytes) -> None:
    raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    with TemporaryDirectory() as folder, pytest.raises(ConfigError):
        load(Path(folder), raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=200)
def test_any_value_anywhere_is_taken_or_named(data: st.DataObject) -> None:
    content: Any = deepcopy(EXAMPLE_CONTENT)
    here = content
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], (dict, list)) or not here[key] or data.draw(st.booleans()):
            here[key] = data.draw(VALUES)
            break
        here = here[key]
    with TemporaryDirectory() as folder:
        try:
            load(Path(folder), content)
        except ConfigError as error:
            assert all(problem.message for problem in error.problems)  # noqa: PT017


@pytest.mark.parametrize("url", ["anju.green", "ftp://anju.green", "https://", "https://me:secret@anju.green"])
def test_an_address_of_the_pages_that_is_none_is_a_mistake(example: dict[str, Any], url: str, tmp_path: Path) -> None:
    found = complaints(tmp_path, example | {"api": {"public_url": url}})
    assert any("api.public_url: is https://host[:port]" in one for one in found), found
    assert not any("secret" in one for one in found)


TLS = {"enrol_tls_cert_file": "tls/e.pem", "enrol_tls_key_file": "tls/e.key"}


@pytest.mark.parametrize(
    ("endpoint", "advice"),
    [
        ({"enrol_host": "192.168.1.20"}, "unprotected: name enrol_tls_cert_file"),
        ({"enrol_host": "edge.internal"}, "unprotected: name enrol_tls_cert_file"),
        ({"enrol_host": "0.0.0.0"}, "unprotected: name enrol_tls_cert_file"),
        ({"enrol_host": "0.0.0.0", **TLS}, "name enrol_public_url too"),
        ({"enrol_host": "::", **TLS}, "name enrol_public_url too"),
        ({"enrol_tls_cert_file": "tls/e.pem"}, "go together"),
        ({"enrol_tls_key_file": "tls/e.key"}, "go together"),
        ({"enrol_public_url": "http://edge.internal:8791"}, "use https://"),
        ({"enrol_public_url": "http://127.0.0.1:8791", **TLS}, "speaks TLS"),
        ({"enrol_public_url": "https://me:secret@edge.internal"}, "without user"),
        ({"enrol_public_url": "https://edge.internal/enrol"}, "without user, path"),
        ({"enrol_public_url": "ftp://edge.internal"}, "is https://host"),
    ],
)
def test_portraits_never_cross_the_network_unprotected(
    example: dict[str, Any], endpoint: dict[str, str], advice: str, tmp_path: Path
) -> None:
    edge = {name: value for name, value in example["edges"][0].items() if not name.startswith("enrol_")}
    found = complaints(tmp_path, example | {"edges": [edge | endpoint]})
    assert any(advice in one for one in found), found
    assert not any("secret" in one for one in found)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ({}, "http://127.0.0.1:8791"),
        ({"enrol_host": "::1", "enrol_port": 9000}, "http://[::1]:9000"),
        ({"enrol_host": "192.168.1.20", **TLS}, "https://192.168.1.20:8791"),
        ({"enrol_host": "0.0.0.0", "enrol_public_url": "https://e.internal:1/", **TLS}, "https://e.internal:1"),
        ({"enrol_public_url": "https://proxy.internal"}, "https://proxy.internal"),
    ],
)
def test_where_portraits_go_is_an_address_others_can_use(
    example: dict[str, Any], endpoint: dict[str, str], url: str, tmp_path: Path
) -> None:
    edge = {name: value for name, value in example["edges"][0].items() if not name.startswith("enrol_")}
    assert load(tmp_path, example | {"edges": [edge | endpoint]}).config.edges[0].enrol_url == url


def test_a_zero_character_is_told_where_it_stands(tmp_path: Path) -> None:
    content = deepcopy(EXAMPLE_CONTENT) | {"state_dir": "va\0r"}
    with pytest.raises(ConfigError) as error:
        load(tmp_path, content)
    assert [(problem.path, problem.message) for problem in error.value.problems] == [
        ("state_dir", "holds a zero character")
    ]
