"""Debian's Mosquitto with passwords and access rules, as an estate would run it, on a port of its own."""

from __future__ import annotations

import os
import secrets
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.contract.access import Access, core_access, edge_access, mosquitto_acl, observer_access, relay_access
from core.contract.config import BrokerConfig, Login
from tests.support.system import Child, free_port, program

USERS: Mapping[str, Access] = {
    "core": core_access(),
    "edge-1": edge_access("edge-1"),
    "edge-2": edge_access("edge-2"),
    "observer": observer_access(),
    "relay": relay_access(),
}


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Certificate chain of a TLS server, PEM files."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


class Mosquitto:
    """A broker that tests can stop, start and cut. Accounts: those of ``USERS``; messages are not kept on disk."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, tls: ServerIdentity | None = None) -> None:
        self.port = free_port()
        self.tls = tls
        self._folder = folder
        self._child: Child | None = None
        for user in USERS:
            path = folder / f"{user}.password"
            path.write_text(secrets.token_urlsafe(18))
            path.chmod(0o600)
        self._configuration = self._write_configuration()

    def login(self, user: str) -> Login:
        """The account of ``user``, its password in a file."""
        return Login(user=user, password_file=self._folder / f"{user}.password")

    def password(self, user: str) -> str:
        return self.login(user).password_file.read_text()

    @property
    def config(self) -> BrokerConfig:
        """How an estate's configuration names this broker."""
        return BrokerConfig(host=self.host, port=self.port, tls_ca_file=self.tls.ca_file if self.tls else None)

    def ssl_context(self) -> ssl.SSLContext | None:
        """What a client needs to trust this broker and no other."""
        return ssl.create_default_context(cafile=self.tls.ca_file) if self.tls else None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        if self._child is None:
            command = [program("mosquitto"), "-c", str(self._configuration)]
            self._child = Child(command, log=self._log, port=self.port)

    def stop(self) -> None:
        """End it: clients are cut, and everything it remembered for them is gone."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """As a power cut would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def _log(self) -> Path:
        return self._folder / "mosquitto.log"

    def _write_configuration(self) -> Path:
        passwords = self._folder / "passwords"
        passwords.write_text("".join(f"{user}:{self.password(user)}\n" for user in USERS))
        passwords.chmod(0o600)
        subprocess.run([program("mosquitto_passwd"), "-U", str(passwords)], check=True, timeout=30)
        acl = self._folder / "acl"
        acl.write_text(mosquitto_acl(dict(USERS)))
        acl.chmod(0o600)
        lines = [
            f"listener {self.port} {self.host}",
            "allow_anonymous false",
            f"password_file {passwords}",
            f"acl_file {acl}",
            "persistence false",
            "log_dest stdout",
            "connection_messages true",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # the test's files belong to root; loopback only
        if self.tls is not None:
            lines += [f"certfile {self.tls.certificate_file}", f"keyfile {self.tls.key_file}", "tls_version tlsv1.2"]
        path = self._folder / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        return path
