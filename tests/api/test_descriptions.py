"""The generated descriptions are those of this code, and say what is true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from api import openapi
from core.contract import asyncapi
from core.contract.envelope import Envelope
from core.contract.topics import Channel
from tests.core.estates import envelope, passage

ROOT = Path(__file__).parents[2]


def test_openapi_json_is_that_of_this_code() -> None:
    assert (ROOT / openapi.FILE).read_text(encoding="utf-8") == openapi.render(), "run python -m api.openapi"


def test_asyncapi_yaml_is_that_of_this_code() -> None:
    text = (ROOT / asyncapi.FILE).read_text(encoding="utf-8")
    assert text == asyncapi.render(), "run python -m core.contract.asyncapi"


@pytest.mark.parametrize("module", [openapi, asyncapi])
def test_check_tells_a_difference_by_its_exit_code(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "described"
    monkeypatch.setattr(module, "FILE", file)
    main = module.main  # type: ignore[attr-defined]
    assert main(["--check"]) == 1
    assert "differs from the code" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    file.write_text(file.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert main(["--check"]) == 1


def test_every_error_a_route_names_is_a_problem_document() -> None:
    document = json.loads(openapi.render())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], f"{method} {path} {status}"
    assert "Problem" in document["components"]["schemas"]


def test_every_route_of_the_api_says_how_to_sign_in() -> None:
    for path, operations in json.loads(openapi.render())["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) is path.startswith("/api/")


def test_every_channel_is_described_with_who_speaks_on_it() -> None:
    document = yaml.safe_load(asyncapi.render())
    assert len(document["channels"]) == len(document["operations"]) == len(Channel)
    for channel in Channel:
        assert document["channels"][channel.name.lower()]["address"] == f"anju/v1/{{estate}}/{channel.value}"


def resolved(document: dict[str, object], reference: str) -> dict[str, object]:
    return {"$ref": reference, "components": document["components"]}


def test_an_event_as_it_is_sent_fits_its_description() -> None:
    document = yaml.safe_load(asyncapi.render())
    payload = document["components"]["messages"]["PassageV1"]["payload"]
    sent = json.loads(envelope(passage(), 1).model_dump_json())
    validator = Draft202012Validator(payload | {"components": document["components"]})
    assert list(validator.iter_errors(sent)) == []
    assert list(validator.iter_errors(sent | {"type": "anju.picture.v1"}))
    assert Envelope.model_validate(sent)
