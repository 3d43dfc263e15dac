"""The doctor tells what keeps Anju from running from what is only worth knowing."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cli.doctor import (
    NEEDED_FREE_BYTES,
    Finding,
    check_clock,
    check_files,
    check_models,
    check_package,
    check_part,
    check_processor,
    check_python,
    check_space,
    check_state_dir,
    examine,
    summary,
    why_not_listen,
)
from cli.main import main
from core.clock.judge import RELEASED_AT
from core.contract.config_file import load_config
from models.directory import ModelDirectory
from models.manifest import load_manifest

EXAMPLE = Path(__file__).parents[2] / "configs/estate.example.yaml"


def test_an_old_python_is_not_enough() -> None:
    assert check_python((3, 10, 12)).finding is Finding.MISSING
    assert check_python((3, 11, 0)).finding is Finding.OK


def test_a_package_that_cannot_be_loaded_is_named_with_a_remedy() -> None:
    check = check_package("anju_never_heard_of")
    assert check.finding is Finding.MISSING
    assert "No module named 'anju_never_heard_of'" in check.detail
    assert check.remedy.startswith("make setup")


def test_a_clock_before_the_release_is_wrong() -> None:
    assert check_clock(0).finding is Finding.MISSING
    assert check_clock(RELEASED_AT.timestamp() + 1).finding is Finding.OK


def test_a_full_disk_keeps_it_from_running(tmp_path: Path) -> None:
    assert check_space(tmp_path, NEEDED_FREE_BYTES - 1).finding is Finding.MISSING
    assert check_space(tmp_path, NEEDED_FREE_BYTES).finding is Finding.OK


@pytest.mark.parametrize(("flags", "finding"), [("fpu sse avx2 aes", Finding.OK), ("fpu sse", Finding.NOTE)])
def test_a_processor_without_avx2_is_worth_knowing(flags: str, finding: Finding, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
    assert check_processor("x86_64", tmp_path / "cpuinfo").finding is finding
    assert check_processor("aarch64", tmp_path / "cpuinfo").finding is Finding.OK


def test_models_that_were_not_fetched_are_missing_each_with_its_command(tmp_path: Path) -> None:
    checks = {check.name: check for check in check_models(ModelDirectory(tmp_path), load_manifest().defaults)}
    bundled = {f"model {model.name}" for model in load_manifest().models if all(file.bundled for file in model.files)}
    assert {name for name, check in checks.items() if check.finding is Finding.OK} == bundled & set(checks)
    assert {check.finding for name, check in checks.items() if name not in bundled} == {Finding.MISSING}
    assert checks["model yunet"].remedy == "anju models fetch yunet"
    assert "model clp-det" not in checks


def test_a_part_anju_can_do_without_is_only_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_args, **_options: None)
    check = check_part("mosquitto")
    assert (check.finding, check.remedy) == (Finding.NOTE, "apt-get install mosquitto")


def test_a_state_folder_open_to_others_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    assert check_state_dir(folder).finding is Finding.OK
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    assert check_state_dir(folder).remedy == f"chmod 700 {folder}"
    folder.chmod(0o700)
    assert check_state_dir(folder).finding is Finding.OK


def test_a_taken_port_and_a_strange_host_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert why_not_listen("127.0.0.1", server.getsockname()[1]) == "Address already in use"
    assert why_not_listen("203.0.113.1", 8780) == "Cannot assign requested address"
    assert why_not_listen("127.0.0.1", 0) is None


def test_a_wrong_configuration_is_something_missing(tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text("estate: 1\n")
    last = list(examine(path))[-1]
    assert last.finding is Finding.MISSING
    assert "estate: " in last.detail


def test_files_the_configuration_names_are_wanted_where_their_process_runs(tmp_path: Path) -> None:
    estate = tmp_path / "estate.yaml"
    estate.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    password = tmp_path / "var/secrets/lane-cam.password"
    password.parent.mkdir(parents=True)
    password.write_text("hush")
    password.chmod(0o644)
    told = {check.detail.split(":")[0]: check for check in check_files(load_config(estate))}
    assert told["password_file of camera lane-cam"].remedy == f"chmod 600 {password}"
    assert "No such file or directory; needed by core" in told["core.broker_login"].detail
    assert "needed by edge edge-1" in told["enrol_tls_cert_file of edge edge-1"].detail
    assert {check.finding for check in told.values()} == {Finding.NOTE}
    assert "The notes say what is still wanted" in summary(list(told.values()))
    password.chmod(0o600)
    told = {check.detail.split(":")[0]: check for check in check_files(load_config(estate))}
    assert told["password_file of camera lane-cam"].finding is Finding.OK


def test_a_model_that_was_chosen_and_is_not_there_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(tmp_path / "empty"))
    estate = tmp_path / "estate.yaml"
    text = EXAMPLE.read_text(encoding="utf-8")
    estate.write_text(text.replace("plate_detector: anju-plate-det", "plate_detector: clp-det"), encoding="utf-8")
    missing = {check.name for check in examine(estate) if check.finding is Finding.MISSING}
    assert "model clp-det" in missing


def test_the_exit_code_says_whether_something_needed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(tmp_path / "empty"))
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    missing = [check["name"] for check in report["checks"] if check["finding"] == "missing"]
    assert missing[:1] == ["model yunet"]
