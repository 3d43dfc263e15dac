"""From an observation to an open gate and a passage on disk, in that order, whatever else is broken."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from structlog.testing import capture_logs

from core.contract.base import Message
from core.contract.commands import COMMAND_LIFETIME_S
from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import CheckpointStateV1, PassageV1, PictureV1, PlateReading, SightingV1, StepTimes
from core.contract.ids import CameraId, ClipId
from core.contract.signed import QrPass
from core.contract.vocabulary import Credential, GateState, PlateColour, Reason, Verdict
from edge.aside import Aside
from edge.capture.picture import Picture
from edge.checkpoint import post as post_module
from edge.checkpoint.controllers import Controller, SimulatedGate
from edge.checkpoint.gate_counts import ENOUGH, Gate
from edge.checkpoint.post import Books, CheckpointPost
from edge.checkpoint.watcher import WatchCounts
from edge.evidence import Crossing, Evidence, FaceEvidence, FaceMatch, Moment, Observation, PassEvidence, PlateEvidence
from edge.health import Counters
from edge.outbox import DurableOutbox, OutboxError, OutboxRow
from edge.ports import Outbox
from models.types import Faces, Float, Image, ModelInputError
from tests.edge.checkpoint.test_decide import ANNA, DOOR, GATE, LANE, NOW, READING, TEMPLATE, Lists
from tests.edge.checkpoint.test_decide import PASS as PASS_ID
from tests.edge.checkpoint.watching import ScriptedCases
from tests.edge.link.parts import until
from watchlists.faces.change import Likeness

FRAME = np.full((120, 160, 3), 90, np.uint8)
FACE_AT = [[40.0, 20.0, 80.0, 70.0]]
ANNAS_FACE = FaceEvidence(FaceMatch(ANNA, 0.8, 0.5, 0.4, TEMPLATE), 2, 0)
NOBODYS_FACE = FaceEvidence(None, 2, 0)


class Detector:
    """Finds one face where the test says, or can't look."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.slow = threading.Event()
        self.slow.set()

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        assert self.slow.wait(20)
        if self.broken:
            raise ModelInputError("this picture can't be looked at")
        one = Faces(np.array(FACE_AT, np.float32), np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))
        return [one for _ in images]


class Script:
    """A watcher that sees what it is told to see."""

    def __init__(self) -> None:
        self.sees: list[Observation] = []
        self.counts = WatchCounts()
        self.in_pass = False
        self.wanted_fps = 10.0

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:
        self.counts.frames += 1
        seen, self.sees = self.sees, []
        return seen


class FullDisk:
    def append(self, message: Message, occurred_at: datetime) -> None:
        raise OutboxError("the disk is full")


class Clips:
    """Which were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def keep(self, clip: ClipId, camera: CameraId, at_s: float) -> None:
        self.asked.append(clip)


class Scene:
    """A post with everything around it."""

    def __init__(
        self,
        checkpoint: FaceGate | Door | PlateLane,
        folder: Path,
        *,
        lists: Lists | None = None,
        outbox: Outbox | None = None,
        detector: Detector | None = None,
        gate: Controller | None = None,
        cases: ScriptedCases | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.counters = Counters()
        self.states: list[CheckpointStateV1] = []
        self.gate = gate or SimulatedGate(checkpoint.id, 3.0, self.states.append)
        self.kept = DurableOutbox(folder / "outbox.db", max_rows=1000, max_bytes=10_000_000)
        self.pictures = Aside("pictures", 2, self.counters)
        self.detector = detector or Detector()
        self.watcher = Script()
        self.clips = Clips()
        books = Books(outbox or self.kept, self.pictures, self.detector, self.counters, self.clips)
        self.cases = cases or ScriptedCases()
        self.post = CheckpointPost(
            checkpoint,
            self.watcher,
            self.gate,
            lists or Lists(),
            books,
            cases=self.cases,
            wall_clock=lambda: NOW,
        )
        self.pictures.start()
        self.post.start()

    def see(self, seen: Evidence | Crossing, at_s: float | None = None, *, probes: Float | None = None) -> None:
        moment = Moment(1.0, datetime(2026, 5, 4, 12, 0, tzinfo=UTC), time.monotonic() if at_s is None else at_s)
        observation = Observation(
            self.checkpoint.id, self.checkpoint.camera, seen, moment, moment, StepTimes(detect=4.0), FRAME, probes
        )
        self.watcher.sees = [observation]
        self.post.look(cast(Picture, None))

    def finish(self) -> None:
        self.post.stop(10)
        self.pictures.stop(10)

    def rows(self) -> list[OutboxRow]:
        return self.kept.unacknowledged(0, 1000)

    def passages(self) -> list[PassageV1]:
        return [PassageV1.model_validate_json(row.data) for row in self.rows() if row.type == "anju.passage.v1"]

    def sightings(self) -> list[SightingV1]:
        return [SightingV1.model_validate_json(row.data) for row in self.rows() if row.type == "anju.sighting.v1"]

    def stored_pictures(self) -> list[PictureV1]:
        return [PictureV1.model_validate_json(row.data) for row in self.rows() if row.type == "anju.picture.v1"]

    def counted(self, name: str) -> int:
        return self.counters.snapshot().get(name, 0)


@pytest.fixture
def scenes() -> Iterator[list[Scene]]:
    made: list[Scene] = []
    yield made
    for scene in made:
        scene.kept.close()


def scene(scenes: list[Scene], *arguments: Any, **settings: Any) -> Scene:
    scenes.append(Scene(*arguments, **settings))
    return scenes[-1]


def test_a_recognised_resident_finds_the_gate_open_and_the_passage_on_disk(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, GATE, tmp_path)
    here.see(ANNAS_FACE)
    here.finish()
    [passage] = here.passages()
    assert (passage.verdict, passage.reason, passage.subject) == (Verdict.ADMIT, Reason.LISTED, ANNA)
    assert passage.template_id == TEMPLATE
    assert passage.passed
    assert passage.gate_opened
    assert passage.times.detect == 4.0
    assert passage.times.decision is not None
    assert [state.gate for state in here.states] == [GateState.OPEN]
    assert here.counted("gates_opened") == 1


def test_whoever_is_not_recognised_leaves_a_passage_without_a_name_and_the_gate_shut(
    scenes: list[Scene], tmp_path: Path
) -> None:
    here = scene(scenes, GATE, tmp_path)
    here.see(NOBODYS_FACE)
    here.finish()
    [passage] = here.passages()
    assert (passage.reason, passage.passed, passage.gate_opened) == (Reason.NO_MATCH, False, False)
    assert (passage.subject, passage.times.decision) == (None, None)
    assert here.states == []


@pytest.mark.parametrize(
    ("lists", "named"),
    [
        (Lists(Reason.OUTSIDE_WINDOW), True),
        (Lists(Reason.OUTSIDE_SCOPE), True),
        (Lists(Reason.UNLISTED), False),
        (Lists(fresh=False), False),
    ],
)
def test_which_reference_matched_is_told_of_those_who_were_recognised_and_of_nobody_else(
    scenes: list[Scene], tmp_path: Path, lists: Lists, named: bool
) -> None:
    here = scene(scenes, GATE, tmp_path, lists=lists)
    here.see(ANNAS_FACE)
    here.finish()
    [passage] = here.passages()
    assert (passage.subject, passage.template_id) == ((ANNA, TEMPLATE) if named else (None, None))


@pytest.mark.parametrize(
    ("score", "lists", "reason"),
    [
        (0.29, Lists(), Reason.NOT_HOLDER),
        (0.9, Lists(Reason.OUTSIDE_WINDOW), Reason.OUTSIDE_WINDOW),
        (0.9, Lists(fresh=False), Reason.LIST_STALE),
    ],
)
def test_beside_a_pass_no_reference_is_named_unless_it_was_its_holder(
    scenes: list[Scene], tmp_path: Path, score: float, lists: Lists, reason: Reason
) -> None:
    here = scene(scenes, DOOR, tmp_path, lists=lists)
    here.see(annas_pass(score))
    here.finish()
    [passage] = here.passages()
    assert (passage.reason, passage.subject, passage.template_id) == (reason, ANNA, None)


def test_no_picture_of_anybody_who_showed_a_face_is_kept(scenes: list[Scene], tmp_path: Path) -> None:
    gate, door = scene(scenes, GATE, tmp_path), scene(scenes, DOOR, _folder(tmp_path / "door"))
    for seen in (ANNAS_FACE, NOBODYS_FACE):
        gate.see(seen)
    door.see(PassEvidence(None, None, 0.3, 1, 0))
    for here in (gate, door):
        here.finish()
        assert here.stored_pictures() == []
        assert all(passage.picture is None for passage in here.passages())


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_plate_keeps_the_frame_that_was_read_with_every_face_blurred(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, LANE, tmp_path, lists=Lists(Reason.UNLISTED))
    here.see(PlateEvidence(READING))
    here.finish()
    [passage], [picture] = here.passages(), here.stored_pictures()
    assert passage.plate == READING
    assert (picture.picture_id, picture.passage_id) == (passage.picture, passage.passage_id)
    assert picture.faces_blurred == 1
    assert [row.type for row in here.rows()] == ["anju.passage.v1", "anju.picture.v1"]


def test_a_picture_that_could_not_be_searched_for_faces_is_not_kept(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, LANE, tmp_path, detector=Detector(broken=True))
    here.see(PlateEvidence(READING))
    here.finish()
    assert len(here.passages()) == 1
    assert here.stored_pictures() == []
    assert here.counted("pictures_not_blurred") == 1


def test_pictures_that_pile_up_are_skipped_and_passages_are_not(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, LANE, tmp_path)
    here.detector.slow.clear()
    for _ in range(6):
        here.see(PlateEvidence(READING))
    until(lambda: len(here.passages()) == 6, "all passages")
    until(lambda: here.counted("pictures_skipped") >= 3, "pictures skipped")
    here.detector.slow.set()
    here.finish()


def test_a_full_disk_keeps_nobody_out_and_is_counted(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, GATE, tmp_path, outbox=FullDisk())
    here.see(ANNAS_FACE)
    here.finish()
    assert [state.gate for state in here.states] == [GateState.OPEN]
    assert here.counted("outbox_append_failed") == 1


def test_a_pass_holder_and_somebody_behind_them_make_two_passages_and_not_three(
    scenes: list[Scene], tmp_path: Path
) -> None:
    here = scene(scenes, DOOR, tmp_path)
    here.see(annas_pass(), at_s=100.0)
    here.see(Crossing(1), at_s=101.0)
    here.see(Crossing(2), at_s=101.5)
    here.finish()
    admitted, followed = here.passages()
    assert (admitted.template_id, followed.template_id) == (TEMPLATE, None)
    assert (admitted.reason, admitted.credential, admitted.pass_id) == (Reason.VERIFIED, Credential.QR_FACE, PASS_ID)
    assert (followed.reason, followed.credential, followed.passed) == (Reason.FOLLOWED, Credential.NONE, True)
    assert (followed.subject, followed.gate_opened, followed.verdict) == (None, False, Verdict.USE_OTHER_METHOD)
    [picture] = here.stored_pictures()
    assert picture.passage_id == followed.passage_id
    assert picture.faces_blurred == 1


def test_a_clip_is_kept_of_who_followed_and_none_of_who_was_let_in(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, DOOR, tmp_path)
    here.see(annas_pass(), at_s=100.0)
    here.see(Crossing(1), at_s=101.0)
    here.see(Crossing(2), at_s=101.5)
    here.finish()
    _, followed = here.passages()
    assert here.clips.asked == [followed.passage_id]


def test_no_clip_is_kept_of_who_stood_at_a_face_gate(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, GATE, tmp_path)
    here.see(ANNAS_FACE)
    here.finish()
    assert len(here.passages()) == 1
    assert here.clips.asked == []


def test_a_clip_is_kept_of_a_vehicle_that_somebody_has_to_look_at(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, LANE, tmp_path, lists=Lists(Reason.LOOKS_LIKE))
    here.see(PlateEvidence(READING))
    here.finish()
    [passage] = here.passages()
    assert here.clips.asked == [passage.passage_id]


def test_a_pass_shown_twice_lets_one_person_through(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, DOOR, tmp_path)
    began_s = time.monotonic()
    for seen in (annas_pass(), annas_pass(), Crossing(1), Crossing(2)):
        here.see(seen, at_s=began_s)
    here.finish()
    assert [passage.reason for passage in here.passages()] == [Reason.VERIFIED, Reason.VERIFIED, Reason.FOLLOWED]


def annas_pass(score: float = 0.9) -> PassEvidence:
    return PassEvidence(QrPass(PASS_ID, ANNA, NOW, NOW + timedelta(hours=1)), Likeness(score, TEMPLATE), 0.3, 2, 0)


def test_a_decision_slept_through_is_written_down_and_opens_nothing(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, GATE, tmp_path)
    here.see(ANNAS_FACE, at_s=time.monotonic() - COMMAND_LIFETIME_S - 0.1)
    here.finish()
    [passage] = here.passages()
    assert (passage.reason, passage.gate_opened, passage.passed) == (Reason.LISTED, False, False)
    assert passage.times.decision is None
    assert here.states == []
    assert here.counted("gates_too_late") == 1


class StuckGate:
    """A controller that does not answer until it is let."""

    hold_s = 3.0

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked = 0

    def open(self) -> bool:
        self.asked += 1
        assert self.answer.wait(20)
        return False

    def state(self) -> CheckpointStateV1:
        return CheckpointStateV1(checkpoint=GATE.id, gate=GateState.UNKNOWN, since=NOW)


def test_looking_goes_on_while_a_gate_does_not_answer(scenes: list[Scene], tmp_path: Path) -> None:
    gate = StuckGate()
    here = scene(scenes, GATE, tmp_path, gate=gate)
    for _ in range(5):
        here.see(ANNAS_FACE)
    assert here.watcher.counts.frames == 5
    gate.answer.set()
    here.finish()
    assert gate.asked == 5
    assert [passage.gate_opened for passage in here.passages()] == [False] * 5
    assert not any(passage.passed for passage in here.passages())
    assert here.counted("gates_not_opened") == 5


def test_behind_a_gate_that_does_not_answer_nobody_looks_away_and_nothing_is_lost(
    scenes: list[Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_module, "MAX_WAITING", 2)
    gate = StuckGate()
    here = scene(scenes, GATE, tmp_path, gate=gate)
    for _ in range(8):
        here.see(ANNAS_FACE)
    assert here.counted("gate_jobs_in_vision_thread") >= 5
    assert len(here.passages()) >= 5, "written down although the gate has not answered yet"
    gate.answer.set()
    here.finish()
    assert len(here.passages()) == 8
    assert gate.asked <= 3


def test_openings_that_waited_too_long_for_their_gate_are_not_made_up_for(
    scenes: list[Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = StuckGate()
    here = scene(scenes, GATE, tmp_path, gate=gate)
    for _ in range(3):
        here.see(ANNAS_FACE)
    until(lambda: gate.asked == 1, "the first being asked for")
    monkeypatch.setattr(post_module, "COMMAND_LIFETIME_S", 0.0)
    gate.answer.set()
    here.finish()
    assert gate.asked == 1
    assert here.counted("gates_too_late") == 2
    assert len(here.passages()) == 3


def test_what_is_told_of_a_passage_holds_no_score(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, GATE, tmp_path)
    here.see(ANNAS_FACE)
    here.finish()
    assert not {"score", "margin", "threshold", "template"} & set(json.loads(here.rows()[0].data))


def test_a_reading_that_only_looks_like_a_listed_plate_names_no_vehicle(scenes: list[Scene], tmp_path: Path) -> None:
    here = scene(scenes, LANE, tmp_path, lists=Lists(Reason.LOOKS_LIKE))
    here.see(PlateEvidence(PlateReading(text="浙A12345", colour=PlateColour.BLUE, confidence=0.8, reads=3)))
    here.finish()
    [passage] = here.passages()
    assert (passage.verdict, passage.vehicle) == (Verdict.ASK_GUARD, None)


def test_a_gate_that_refuses_everybody_is_logged_once_and_stands_in_the_counters(
    scenes: list[Scene], tmp_path: Path
) -> None:
    here = scene(scenes, GATE, tmp_path)
    for _ in range(ENOUGH[Gate.THRESHOLD].always):
        here.watcher.counts.gates.ask(Gate.THRESHOLD, True)
    with capture_logs() as logs:
        here.see(NOBODYS_FACE)
        here.see(NOBODYS_FACE)
    here.finish()
    told = [one for one in logs if one["event"] == "gate.suspicious"]
    assert [(one["gate"], one["refuses"], one["log_level"]) for one in told] == [("threshold", "always", "warning")]
    assert here.post.counted["gate.threshold.always"] == 1
