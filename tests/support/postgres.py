"""A PostgreSQL cluster of the test session's own, never run as root."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.system import Child, free_port, missing, program, run_as

_FOLDERS = ("/usr/lib/postgresql/*/bin",)
_OWNER = "anju_test"


class Postgres:
    """A cluster on a loopback port with one superuser and a password; gone with the session."""

    def __init__(self) -> None:
        self.port = free_port()
        self._user = _unprivileged_user()
        self._folder = Path(tempfile.mkdtemp(prefix="anju-postgres-"))
        self._password = secrets.token_urlsafe(18)
        self._create_cluster()
        self._child = Child(
            [program("postgres", *_FOLDERS), "-D", str(self._data), *self._options()],
            log=self._folder / "postgres.log",
            port=self.port,
            user=self._user,
            end_signal="INT",
        )
        self._await_ready()  # the port answers before the server takes queries

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database of this cluster, password included."""
        return f"postgresql+psycopg://{_OWNER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str | None = None) -> str:
        """Make a database, as a copy of ``template`` where given; its URL."""
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        if template is not None:
            command += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self._administer(command)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def close(self) -> None:
        self._child.stop()
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _create_cluster(self) -> None:
        passwords = self._folder / "password"
        passwords.write_text(self._password)
        if self._user is not None:
            shutil.chown(self._folder, self._user)
            shutil.chown(passwords, self._user)
        become = [program("setpriv"), *run_as(self._user)] if self._user else []
        command = [program("initdb", *_FOLDERS), "-D", str(self._data), "-U", _OWNER, "--pwfile", str(passwords)]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run([*become, *command], capture_output=True, text=True, timeout=60, check=False, cwd="/")
        if made.returncode:
            shutil.rmtree(self._folder)
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _options(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",  # a test's cluster has nothing to survive a power cut for
            "shared_buffers": "32MB",
            "max_connections": "60",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _administer(self, command: sql.Composed) -> None:
        url = self.url("postgres").replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(command)

    def _await_ready(self, wait_s: float = 20.0) -> None:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                self._administer(sql.SQL("SELECT {}").format(1))
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def _unprivileged_user() -> str | None:
    """Whom to run PostgreSQL as: it refuses root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    return missing("a system user other than root for PostgreSQL", "adduser --system postgres")
