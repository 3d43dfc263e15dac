"""A manifest of models small enough to make in a test, and an internet to fetch them from."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from models.manifest import Manifest

FIRST_HOST, SECOND_HOST = "official.example", "mirror.example"
CONTENT = bytes(range(256)) * 40
MEMBER = "tiny_models/weights/tiny.onnx"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(*, content: bytes = CONTENT, acceptance: bool = False, archive: bytes | None = None) -> Manifest:
    """One model "tiny" with sources at two hosts, in a package and, if given, in ``archive``."""
    sources: list[dict[str, Any]] = [
        {"kind": "https", "url": f"https://{FIRST_HOST}/tiny.onnx"},
        {"kind": "https", "url": f"https://{SECOND_HOST}/tiny.onnx"},
        {"kind": "wheel", "package": "tiny-models", "version": "1.0", "member": MEMBER},
    ]
    if archive is not None:
        url = f"https://{FIRST_HOST}/pack.zip"
        packed = {"url": url, "sha256": sha256(archive), "size": len(archive), "member": "pack/tiny.onnx"}
        sources = [{"kind": "archive", **packed}]
    file = {
        "task": "face_embedding",
        "file": "tiny.onnx",
        "sha256": sha256(content),
        "size": len(content),
        "input": "none",
        "source": sources,
    }
    model = {
        "name": "tiny",
        "default": True,
        "licence": "Small Licence 1.0",
        "licence_url": "https://licence.example",
        "note": "Made in a test.",
        "acceptance": acceptance,
        "file": [file],
    }
    return Manifest.model_validate({"model": [model]})


def bundled() -> Manifest:
    """The model "tiny" as one that comes with Anju."""
    fetched = manifest().model_dump(mode="json", by_alias=True)
    (model,) = fetched["model"]
    (file,) = model["file"]
    model["file"] = [file | {"bundled": True, "source": []}]
    return Manifest.model_validate(fetched)


def wheel(folder: Path, content: bytes = CONTENT, member: str = MEMBER) -> Path:
    """A wheel of tiny-models 1.0 with ``content`` in it."""
    path = folder / "tiny_models-1.0-py3-none-any.whl"
    info = "tiny_models-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr("tiny_models/__init__.py", "raise SystemExit('a package must not be run')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


Answer = Callable[[httpx.Request], httpx.Response]


class Internet:
    """Answers by host; hosts nobody put there can't be reached. ``asked`` lists what was asked for."""

    def __init__(self, **hosts: Answer) -> None:
        self.hosts = hosts
        self.asked: list[httpx.Request] = []

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def at(self, host: str, answer: Answer) -> Internet:
        self.hosts[host] = answer
        return self

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.host not in self.hosts:
            raise httpx.ConnectTimeout("nobody there", request=request)
        return self.hosts[request.url.host](request)


class _Stream(httpx.SyncByteStream):
    """``content`` in blocks of 1000 bytes, and then, if it ``breaks``, a dead line."""

    def __init__(self, content: bytes, *, breaks: bool = False) -> None:
        self.content = content
        self.breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]
        if self.breaks:
            raise httpx.ReadError("the line went dead")


def serve(content: bytes, *, ranges: bool = True, breaks_after: int | None = None) -> Answer:
    """Answers with ``content``, from where it is asked to go on if it knows ``ranges``."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("Range") if ranges else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        stream = _Stream(content[start:][:breaks_after], breaks=breaks_after is not None)
        if asked is None:
            return httpx.Response(200, stream=stream)
        told = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return httpx.Response(206, stream=stream, headers=told)

    return answer
