"""What is shipped for an installer is what Anju's own commands say, and starts."""

from __future__ import annotations

import configparser
import os
import re
import shlex
from pathlib import Path

import pytest

from cli.main import main
from core.contract.access import estate_access, mosquitto_acl
from core.contract.config_file import load_config
from tests.support.certificates import make_server_identity
from tests.support.mosquitto import Mosquitto, ServerIdentity
from tests.support.system import Child, free_port, program

CONFIGS = Path(__file__).parents[2] / "configs"
UNITS = sorted((CONFIGS / "systemd").iterdir())


def test_the_access_list_is_what_follows_from_the_example() -> None:
    rules = mosquitto_acl(estate_access(load_config(CONFIGS / "estate.example.yaml").config))
    assert rules in (CONFIGS / "mosquitto/anju.acl.example").read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_calls_anju_as_it_wants_to_be_called(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text())
    _, *arguments = shlex.split(parser["Service"]["ExecStart"])
    with pytest.raises(SystemExit) as ended:
        main([arguments[0], "--help"])
    assert ended.value.code == 0
    offered = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert all(option in offered for option in arguments if option.startswith("--"))


@pytest.mark.integration
def test_mosquitto_takes_the_shipped_configuration(tmp_path: Path) -> None:
    identity: ServerIdentity = make_server_identity(tmp_path)
    accounts = Mosquitto(tmp_path)  # only for its password file
    port = free_port()
    text = (CONFIGS / "mosquitto/anju.conf").read_text()
    for shipped, here in {
        "listener 8883": f"listener {port} 127.0.0.1" + ("\nuser root" if os.geteuid() == 0 else ""),
        "/etc/mosquitto/certs/server.pem": str(identity.certificate_file),
        "/etc/mosquitto/certs/server.key": str(identity.key_file),
        "/etc/mosquitto/anju.passwords": str(tmp_path / "passwords"),
        "/etc/mosquitto/anju.acl": str(CONFIGS / "mosquitto/anju.acl.example"),
        "/var/lib/mosquitto/": f"{tmp_path}/",
    }.items():
        text = text.replace(shipped, here)
    configuration = tmp_path / "anju.conf"
    configuration.write_text(text)
    assert accounts.password("core")
    broker = Child([program("mosquitto"), "-c", str(configuration)], log=tmp_path / "shipped.log", port=port)
    broker.stop()
    assert "Error" not in broker.tail()
