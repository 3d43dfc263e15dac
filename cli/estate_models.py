"""Which models an estate's edges are configured with, and whether there are such models at all."""

from __future__ import annotations

from collections.abc import Iterator

from core.contract.config import EstateConfig, ModelChoice
from core.contract.config_file import Problem
from models.errors import UnknownModelError
from models.manifest import Task, load_manifest

_TASKS = {
    "face_detector": Task.FACE_DETECTION,
    "face_embedder": Task.FACE_EMBEDDING,
    "plate_detector": Task.PLATE_DETECTION,
    "plate_reader": Task.PLATE_READING,
    "body_detector": Task.BODY_DETECTION,
    "presentation_check": Task.PRESENTATION_CHECK,
}


def chosen(models: ModelChoice) -> Iterator[tuple[str, str]]:
    """(setting, model) of each model an edge runs."""
    for setting in _TASKS:
        name: str | None = getattr(models, setting)
        if name is not None:
            yield setting, name


def model_problems(config: EstateConfig) -> list[Problem]:
    """Every name that is no model's, or that of a model which does something else."""
    found: list[Problem] = []
    for index, edge in enumerate(config.edges):
        for setting, name in chosen(edge.models):
            try:
                load_manifest().model(name).file_for(_TASKS[setting])
            except UnknownModelError as error:
                found.append(Problem(f"edges[{index}].models.{setting}", None, str(error)))
    return found
