"""The door's watcher with the real models and codes, on drawn people."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contract.config import Door
from demo.cast import make_cast
from demo.script import DOOR_CAMERA, Act, ActKind, make_script
from edge.checkpoint.door import DoorWatcher
from edge.evidence import Crossing, Observation, PassEvidence
from models.directory import ModelDirectory
from models.store import open_face_detector, open_face_embedder
from tests.edge.checkpoint.drawn import EstatePasses, PortraitGallery, act_of, checkpoint, film_of, recorded
from tests.edge.checkpoint.watching import SHUT, ScriptedLists

CAST = make_cast(1)
SCRIPT = make_script(CAST, 1)
STANDS = 60


class Entrance:
    def __init__(self, models_dir: Path) -> None:
        store = ModelDirectory(models_dir)
        detector, embedder = open_face_detector("yunet", store=store), open_face_embedder("sface", store=store)
        where = checkpoint("building-3-door")
        assert isinstance(where, Door)
        gallery = PortraitGallery(CAST, detector, embedder)
        self.watcher = DoorWatcher(
            where, detector, embedder, gallery, EstatePasses(), lists=ScriptedLists(), enrolled=lambda _: True
        )

    def watch(self, act: Act, *, to_the_end: bool = False) -> list[Observation]:
        film = film_of(DOOR_CAMERA, CAST, SCRIPT)
        before = act.first_frame + STANDS, act.first_frame + STANDS + 36
        after = [(act.leave_frame - 2, act.last_frame)] if to_the_end else []
        looks = recorded(film, before, *after)
        return [seen for _, picture in looks for seen in self.watcher.look(picture, SHUT)]


@pytest.fixture
def entrance(models_dir: Path) -> Entrance:
    return Entrance(models_dir)


def test_a_resident_with_a_pass_is_verified_and_two_go_through(entrance: Entrance) -> None:
    act = act_of(SCRIPT, DOOR_CAMERA, ActKind.FOLLOWED)
    told = [seen.seen for seen in entrance.watch(act, to_the_end=True)]
    passes = [one for one in told if isinstance(one, PassEvidence)]
    through = [one for one in told if isinstance(one, Crossing)]
    assert len(passes) == 1
    assert passes[0].qr is not None
    assert passes[0].qr.subject == act.shows
    assert passes[0].likeness is not None
    assert passes[0].likeness.score > 0.7
    assert len(through) == len({one.track for one in through}) == 2
    assert told.index(passes[0]) == 0
    assert entrance.watcher.counts.embedded == 1


def test_somebody_with_another_persons_pass_is_not_its_holder(entrance: Entrance) -> None:
    act = act_of(SCRIPT, DOOR_CAMERA, ActKind.PASS_NOT_HOLDER)
    [seen] = entrance.watch(act)
    assert isinstance(seen.seen, PassEvidence)
    assert seen.seen.qr is not None
    assert seen.seen.likeness is not None
    assert seen.seen.likeness.score < seen.seen.threshold
    assert seen.seen.good_shots == 3


def test_somebody_who_only_waits_is_left_alone(entrance: Entrance) -> None:
    act = act_of(SCRIPT, DOOR_CAMERA, ActKind.DOOR_WAITING)
    assert entrance.watch(act) == []
    assert entrance.watcher.counts.embedded == 0
