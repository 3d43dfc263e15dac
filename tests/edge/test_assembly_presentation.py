"""Which presentation check an edge runs, and what becomes of its gates without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contract.config import EdgeConfig, Login, ModelChoice
from core.contract.ids import EdgeId
from edge import assembly
from edge.assembly import open_models
from models.errors import ModelMissingError
from models.protocols import PresentationChecking
from tests.edge.checkpoint.test_shooting import ScriptedPresence
from tests.edge.checkpoint.watching import CountingEmbedder, ScriptedFaces


def edge(**choice: object) -> EdgeConfig:
    login = Login(user="edge-1", password_file=Path("edge-1.password"))
    return EdgeConfig(id=EdgeId("edge-1"), broker_login=login, models=ModelChoice.model_validate(choice))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float | None]]:
    """What was asked for, name and threshold; "missing" is not installed."""
    asked: list[tuple[str, float | None]] = []

    def opened(name: str, threads: int, *, threshold: float | None) -> PresentationChecking:
        asked.append((name, threshold))
        if name == "missing":
            raise ModelMissingError("model 'missing': not here")
        return ScriptedPresence(())

    monkeypatch.setattr(assembly, "open_presentation_check", opened)
    monkeypatch.setattr(assembly, "open_face_detector", lambda *_: ScriptedFaces([]))
    monkeypatch.setattr(assembly, "open_face_embedder", lambda *_: CountingEmbedder())
    return asked


def test_by_default_none_is_opened(asked: list[tuple[str, float | None]]) -> None:
    assert open_models(edge(), needs_plates=False).presence is None
    assert asked == []


def test_the_one_configured_is_opened_with_the_estates_threshold(asked: list[tuple[str, float | None]]) -> None:
    opened = open_models(edge(presentation_check="minifasnet", presentation_threshold=0.7), needs_plates=False)
    assert opened.presence is not None
    assert asked == [("minifasnet", 0.7)]


def test_one_that_is_not_installed_leaves_the_edge_running_without(asked: list[tuple[str, float | None]]) -> None:
    assert open_models(edge(presentation_check="missing"), needs_plates=False).presence is None
    assert asked == [("missing", None)]
