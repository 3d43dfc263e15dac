"""A drawn scene through the eyes of an edge: real packets, real models, decisions, and why one was not made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.pipelines import Runners, checkpoint, enrolled, lists_of
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import Filmed, Scene, filmed
from cli.main import main
from core.contract.config import FaceGate
from core.contract.vocabulary import Reason, Verdict
from demo.script import NORTH_GATE
from edge.checkpoint.gate_counts import Gate
from edge.replay.clip import ClipError, ClipStream, open_clip
from edge.replay.clock import ReplayClock
from edge.replay.player import play
from edge.replay.report import Report, report
from edge.replay.score import Result
from edge.replay.truth import Truth, write_truth


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Filmed:
    """Somebody who is in the picture for two and a half seconds."""
    return filmed(Scene(Place.GATE, Kind.BRIEF, passes=1), tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def runners(models_dir: Path) -> Runners:
    return Runners()


def gate(**changed: object) -> FaceGate:
    found = checkpoint(NORTH_GATE)
    assert isinstance(found, FaceGate)
    return found.model_copy(update=changed)


def replayed(scene: Filmed, runners: Runners, watched: FaceGate, *, sub: bool = False) -> Report:
    clock = ReplayClock()
    pictures = ClipStream(scene.main, clock, sub=scene.sub if sub else None, zones=[watched.zone])
    lists = lists_of(scene.truth, enrolled(scene.truth, runners), runners)
    played = play(pictures, clock, [watched], runners.ours, lists)
    pictures.close()
    return report(scene.truth, played, pictures.seen_in)


@pytest.mark.parametrize("sub", [False, True], ids=["one stream", "with a sub stream"])
def test_who_is_enrolled_and_comes_by_is_caught_while_still_there(scene: Filmed, runners: Runners, sub: bool) -> None:
    made = replayed(scene, runners, gate(), sub=sub)
    (one,) = made.passes
    assert one.scored.result is Result.CAUGHT, one.why
    assert one.scored.told is not None
    assert one.scored.told.at_s <= one.scored.true.to_s
    assert not made.extra
    assert not made.advice


def test_the_same_clip_comes_to_the_same_at_every_replay(scene: Filmed, runners: Runners) -> None:
    first, second = (replayed(scene, runners, gate()) for _ in range(2))
    assert [one.scored for one in first.passes] == [one.scored for one in second.passes]
    assert first.counts == second.counts


def test_a_limit_that_costs_the_pass_is_named_and_how_far_to_move_it(scene: Filmed, runners: Runners) -> None:
    made = replayed(scene, runners, gate(min_face_px=300))
    (one,) = made.passes
    assert one.scored.result is Result.MISSED
    assert one.why is not None
    assert one.why.stopped_by is Gate.SIZE
    widest = one.why.findings[0].best
    assert widest is not None
    assert 100 < widest < 300
    assert f"lower min_face_px to {int(widest)}" in made.advice[0]


def test_a_stranger_is_told_to_use_another_way_and_counts_as_the_truth_says(scene: Filmed, runners: Runners) -> None:
    expects = {"verdict": Verdict.USE_OTHER_METHOD, "reason": Reason.NO_MATCH, "subject": None}
    (one,) = scene.truth.passes
    stranger = one.model_copy(update={"expects": one.expects.model_copy(update=expects)})
    gone = tuple(person for person in scene.truth.people if person.subject != one.expects.subject)
    truth = scene.truth.model_copy(update={"passes": (stranger,), "people": gone})
    unknown = Filmed(scene.scene, scene.main, scene.sub, scene.truth_file, truth, scene.seconds)
    assert replayed(unknown, runners, gate()).all_caught


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["edge", "replay", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("models_dir")
def test_the_command_says_by_its_exit_code_whether_every_pass_was_caught(
    scene: Filmed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(scene.main, "--truth", scene.truth_file, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["caught"], told["missed"], told["wrong"]) == (1, 0, 0)
    assert told["passes"][0]["told"]["reason"] == "listed"
    nobody = tmp_path / "nobody.json"
    write_truth(nobody, Truth(passes=scene.truth.passes))
    assert exit_code(scene.main, "--truth", nobody) == 1
    shown = capsys.readouterr().out
    assert "0 of 1 caught" in shown
    assert "like nobody enrolled" in shown


def test_what_can_t_be_replayed_is_said_in_words_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(tmp_path / "none.mp4", "--truth", tmp_path / "none.json") == 2
    assert "can't be read" in capsys.readouterr().err
    assert exit_code(tmp_path / "none.mp4") == 2
    assert "--checkpoint north-gate or" in capsys.readouterr().err


def test_a_file_that_is_no_video_is_told_apart_from_one_that_is_missing(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    with pytest.raises(ClipError, match="can't be opened as a video"):
        open_clip(text)
    with pytest.raises(ClipError, match="No such file"):
        open_clip(tmp_path / "none.mp4")
