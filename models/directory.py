"""Where model files lie on this machine, and the record of what was fetched and which licences were accepted.

<root>/<model>/<file>.onnx        as its authors published it
<root>/<model>/<file>.anju.onnx   rewritten by `models.rewrite`, where the manifest says so
<root>/<model>/record.json        sha256 of what was derived, licence accepted

Files that come with Anju lie in ``models/weights`` of the installation and are used from there.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import (
    LicenceNotAcceptedError,
    ModelDamagedError,
    ModelMissingError,
    StoreBusyError,
    StoreFullError,
    StoreUnusableError,
)
from models.manifest import Model, ModelFile, Rewrite, Sha256, Task

WEIGHTS = Path(__file__).parent / "weights"
LOCK_TIMEOUT_S = 900.0
_BLOCK = 1 << 20


class Derived(BaseModel):
    """A rewritten file: what it was made from, how, and what came out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    original_sha256: Sha256
    rewrite: Rewrite
    sha256: Sha256


class Record(BaseModel):
    """What this store remembers of one model; ``derived`` by the original's file name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    licence_accepted: str | None = None
    derived: dict[str, Derived] = {}


class State(StrEnum):
    """Condition of one file in the store."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Condition:
    """What `verify` found; ``detail`` says what is wrong and what to do, empty when ready."""

    model: str
    file: str
    state: State
    detail: str = ""


def default_root() -> Path:
    """``ANJU_MODELS_DIR``, else ``~/.cache/anju/models``."""
    chosen = os.environ.get("ANJU_MODELS_DIR")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "anju" / "models"


def sha256_of(path: Path) -> str:
    """Hex sha256 of the file at ``path``, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class ModelDirectory:
    """A folder of models. Readers need no lock: files appear whole, by rename."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else default_root()

    def original(self, model: Model, file: ModelFile) -> Path:
        return WEIGHTS / file.file if file.bundled else self.root / model.name / file.file

    def runnable(self, model: Model, file: ModelFile) -> Path:
        """The file a session loads: the rewritten one where the manifest asks for it."""
        path = self.original(model, file)
        return path if file.rewrite is None else path.with_suffix(f".anju{path.suffix}")

    def ready(self, model: Model, task: Task) -> Path:
        """Checked path of the file of ``model`` that does ``task``.

        Raises UnknownModelError, LicenceNotAcceptedError, ModelMissingError or ModelDamagedError.
        """
        file = model.file_for(task)
        if model.acceptance and self.record(model).licence_accepted != model.licence:
            raise LicenceNotAcceptedError(
                f"the licence of model {model.name!r} was not accepted in {self.root} ({model.licence}); "
                f"run: anju models fetch {model.name} --accept-licence {model.name}"
            )
        found = self.condition(model, file)
        if found.state is State.MISSING:
            raise ModelMissingError(f"model {model.name!r}: {found.detail}")
        if found.state is State.DAMAGED:
            raise ModelDamagedError(f"model {model.name!r}: {found.detail}")
        return self.runnable(model, file)

    def condition(self, model: Model, file: ModelFile) -> Condition:
        """Condition of what a session would load: the original, or the rewritten file that stands for it."""
        if file.rewrite is None:
            return self.condition_of_original(model, file)
        path = self.runnable(model, file)
        derived = self.record(model).derived.get(file.file)
        if derived is None or not path.is_file():
            return _condition(model, path, State.MISSING)
        expected = (file.sha256, file.rewrite)
        if (derived.original_sha256, derived.rewrite) != expected or sha256_of(path) != derived.sha256:
            return _condition(model, path, State.DAMAGED)
        return Condition(model.name, path.name, State.READY)

    def condition_of_original(self, model: Model, file: ModelFile) -> Condition:
        """Condition of the file as published."""
        path = self.original(model, file)
        if not path.is_file():
            return _condition(model, path, State.MISSING, bundled=file.bundled)
        found = path.stat().st_size
        wrong_size = found > file.size if file.size_is_limit else found != file.size
        if wrong_size or sha256_of(path) != file.sha256:
            return _condition(model, path, State.DAMAGED, bundled=file.bundled)
        return Condition(model.name, path.name, State.READY)

    def verify(self, model: Model) -> list[Condition]:
        """Every file of ``model``: as published and, where there is one, as rewritten."""
        found = []
        for file in model.files:
            found.append(self.condition_of_original(model, file))
            if file.rewrite is not None:
                found.append(self.condition(model, file))
        return found

    def record(self, model: Model) -> Record:
        """What is remembered of ``model``; an unreadable record remembers nothing."""
        try:
            return Record.model_validate_json((self.root / model.name / "record.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return Record()
        except OSError as error:
            raise StoreUnusableError(f"{self.root}: {error.strerror}; choose another with ANJU_MODELS_DIR") from error

    def remember(self, model: Model, record: Record) -> None:
        text = record.model_dump_json(indent=1).encode()
        self.write(self.root / model.name / "record.json", text)

    def write(self, path: Path, content: bytes) -> None:
        """Put ``content`` at ``path`` whole or not at all. Raises StoreFullError, StoreUnusableError."""
        with store_errors(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
                temporary = Path(stream.name)
                try:
                    os.fchmod(stream.fileno(), 0o644)
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)

    def place(self, model: Model, file: ModelFile, candidate: Path) -> None:
        """Move ``candidate``, whose checksum the caller has compared, to where ``file`` belongs."""
        path = self.original(model, file)
        with store_errors(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            candidate.replace(path)

    @property
    def partial(self) -> Path:
        """Folder for what is still being loaded; the next fetch goes on with what a broken one left."""
        return self.root / ".partial"

    def reserve(self, size: int) -> None:
        """Make the folder and see that ``size`` bytes fit. Raises StoreFullError, StoreUnusableError."""
        with store_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.root).free
        if free < size:
            raise StoreFullError(_full(self.root, f"{size / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free"))

    @contextmanager
    def lock(self, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        """Keep other fetches out of this store. Raises StoreBusyError after ``timeout_s``."""
        with store_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            _take(descriptor, self.root, time.monotonic() + timeout_s)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def store_errors(root: Path) -> Iterator[None]:
    """Turn an OSError inside into StoreFullError or StoreUnusableError about ``root``."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreFullError(_full(root, error.strerror or "disk full")) from error
        raise StoreUnusableError(
            f"models can't be kept in {root}: {error.strerror or error}; choose another folder with ANJU_MODELS_DIR"
        ) from error


def _full(root: Path, how: str) -> str:
    return f"no room for models in {root} ({how}): free some, or choose another folder with ANJU_MODELS_DIR"


def _condition(model: Model, path: Path, state: State, *, bundled: bool = False) -> Condition:
    if bundled:
        wrong = "is missing" if state is State.MISSING else "was changed"
        return Condition(model.name, path.name, state, f"{path} {wrong}: it comes with Anju, install Anju again")
    wrong = "has not been fetched" if state is State.MISSING else "is not what was fetched"
    return Condition(model.name, path.name, state, f"{path} {wrong}; run: anju models fetch {model.name}")


def _take(descriptor: int, root: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreBusyError(f"another process has been fetching into {root} for too long; end it") from None
            time.sleep(0.1)
        else:
            return
