"""The face gate's watcher with the real models, on drawn people."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contract.config import FaceGate
from demo.cast import make_cast
from demo.script import GATE_CAMERA, Act, ActKind, make_script
from edge.checkpoint.face_gate import FaceGateWatcher
from edge.evidence import FaceEvidence, Observation
from edge.vision.blur import blur_faces
from models.directory import ModelDirectory
from models.store import open_face_detector, open_face_embedder
from tests.edge.checkpoint.drawn import PortraitGallery, act_of, checkpoint, film_of, recorded
from tests.edge.checkpoint.watching import SHUT, ScriptedLists

CAST = make_cast(1)
SCRIPT = make_script(CAST, 1)


class Gate:
    def __init__(self, models_dir: Path) -> None:
        store = ModelDirectory(models_dir)
        self.detector = open_face_detector("yunet", store=store)
        embedder = open_face_embedder("sface", store=store)
        where = checkpoint("north-gate")
        assert isinstance(where, FaceGate)
        gallery = PortraitGallery(CAST, self.detector, embedder)
        self.watcher = FaceGateWatcher(where, self.detector, embedder, gallery, ScriptedLists())

    def watch(self, act: Act) -> list[Observation]:
        film = film_of(GATE_CAMERA, CAST, SCRIPT)
        looks = recorded(film, (act.first_frame + 30, act.decisive_frame + 6))
        return [seen for _, picture in looks for seen in self.watcher.look(picture, SHUT)]


@pytest.fixture
def gate(models_dir: Path) -> Gate:
    return Gate(models_dir)


def test_a_consenting_resident_is_recognised_once_and_leaves_no_picture(gate: Gate) -> None:
    act = act_of(SCRIPT, GATE_CAMERA, ActKind.FACE_ADMITTED)
    [seen] = gate.watch(act)
    assert isinstance(seen.seen, FaceEvidence)
    assert seen.seen.match is not None
    assert seen.seen.match.subject == act.expects.passages[0].subject
    assert seen.seen.match.score > 0.7
    assert seen.seen.match.margin > 0.2
    assert seen.picture is None


def test_nobody_is_found_in_a_gates_picture_once_it_is_blurred(gate: Gate) -> None:
    act = act_of(SCRIPT, GATE_CAMERA, ActKind.FACE_ADMITTED)
    film = film_of(GATE_CAMERA, CAST, SCRIPT)
    *_, (_, shown) = recorded(film, (act.decisive_frame, act.decisive_frame + 6))
    blurred = blur_faces(shown.bgr(), gate.detector)
    assert blurred.faces >= 1
    assert len(gate.detector.detect([blurred.image], max_side=1280)[0]) == 0


def test_somebody_not_enrolled_matches_nobody(gate: Gate) -> None:
    [seen] = gate.watch(act_of(SCRIPT, GATE_CAMERA, ActKind.FACE_UNKNOWN))
    assert isinstance(seen.seen, FaceEvidence)
    assert seen.seen.good_shots == 3
    assert seen.seen.match is not None
    assert seen.seen.match.score < seen.seen.match.threshold


def test_a_bystander_is_neither_embedded_nor_told(gate: Gate) -> None:
    assert gate.watch(act_of(SCRIPT, GATE_CAMERA, ActKind.BYSTANDER)) == []
    assert gate.watcher.counts.embedded == 0
