"""Where the core's database lies: copied as a backup would, and put back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Protocol

from tests.support.postgres import Postgres

_numbers = count(1)


class Shelf(Protocol):
    """A database; ``copy`` and ``put_back`` while nobody is connected to it."""

    @property
    def url(self) -> str: ...

    def copy(self) -> str:
        """Name of a copy of what it holds now."""
        ...

    def put_back(self, copy: str) -> None: ...

    def close(self) -> None: ...


class SqliteShelf:
    """A file in ``folder``, with the tables of ``template``."""

    def __init__(self, folder: Path, template: Path) -> None:
        self._path = folder / "anju.db"
        shutil.copyfile(template, self._path)

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def copy(self) -> str:
        copy = self._path.with_name(f"copy-{next(_numbers)}")
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return str(copy)

    def put_back(self, copy: str) -> None:
        for beside in self._path.parent.glob(f"{self._path.name}*"):
            beside.unlink()
        shutil.copyfile(copy, self._path)

    def close(self) -> None:
        """The folder goes as a whole."""


class PostgresShelf:
    """Databases of a cluster, each a copy of another."""

    def __init__(self, cluster: Postgres, template: str) -> None:
        self._cluster = cluster
        self._made: list[str] = []
        self._name = self._copy_of(template)

    @property
    def url(self) -> str:
        return self._cluster.url(self._name)

    def copy(self) -> str:
        return self._copy_of(self._name)

    def put_back(self, copy: str) -> None:
        self._name = self._copy_of(copy)

    def close(self) -> None:
        for name in self._made:
            self._cluster.drop(name)

    def _copy_of(self, template: str) -> str:
        name = f"sequences_{next(_numbers)}"
        self._cluster.create(name, template=template)
        self._made.append(name)
        return name
