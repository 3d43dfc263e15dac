"""`anju watchlists` calibrates from scores or pictures, says what is in use, and exits so that a script can tell."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import main
from cli.volunteers import compare_volunteers, pictures_in
from cli.watchlists import watchlists_app
from demo.cast import make_cast
from demo.portraits import portrait
from models.errors import UnknownModelError
from tests.watchlists.thresholds.people import people
from watchlists.thresholds.errors import (
    BadTargetError,
    CalibrationUnreadableError,
    NoImpostorsError,
    ScoresUnreadableError,
    ThresholdError,
    TooFewPeopleError,
)
from watchlists.thresholds.file import read_calibration

Run = Callable[..., Any]
DRAWN = 4


@pytest.fixture
def run() -> Run:
    """``run(*arguments)`` gives exit code, output and exception."""
    return lambda *arguments: CliRunner().invoke(watchlists_app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scores of 320 people with two pictures each, everybody with everybody's first."""
    path = tmp_path_factory.mktemp("scores") / "scores.npz"
    vectors, names, references = people(320, seed=1, pictures=2)
    cosines = vectors @ vectors[references].T
    enrolled = [name for name, reference in zip(names, references, strict=True) if reference]
    pairs = [(probe, at) for probe in range(len(names)) for at in range(len(enrolled)) if probe != 2 * at]
    probe, gallery = np.array(pairs).T
    np.savez(
        path,
        score=cosines[probe, gallery],
        mated=np.array(names)[probe] == np.array(enrolled)[gallery],
        probe_subject=np.array(names)[probe],
        gallery_subject=np.array(enrolled)[gallery],
        probe=probe,
    )
    return path


@pytest.fixture(scope="module")
def volunteers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pictures each of people who were drawn, and what else lies about in such folders."""
    folder = tmp_path_factory.mktemp("volunteers")
    for number, resident in enumerate(make_cast(1).residents[:DRAWN]):
        own = folder / f"volunteer {number}"
        own.mkdir()
        cv2.imwrite(str(own / "1.jpg"), portrait(resident))
        cv2.imwrite(str(own / "2.png"), cv2.convertScaleAbs(portrait(resident), alpha=0.85))
    (folder / "volunteer 0" / "notes.txt").write_text("not a picture")
    (folder / "volunteer 0" / "broken.jpg").write_bytes(b"not a picture either")
    cv2.imwrite(str(folder / "volunteer 1" / "nobody.jpg"), np.full((200, 200, 3), 128, np.uint8))
    (folder / "stray.jpg").write_bytes(b"of nobody")
    return folder


def test_from_scores_to_a_calibration_a_report_and_a_plot(run: Run, scores: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "c.json", tmp_path / "c.png"
    done = run("calibrate", "--scores", scores, "--gallery", 100, "--out", out, "--plot", plot)
    assert done.exit_code == 0, done.output
    made = read_calibration(out)
    assert (made.gallery, made.fpir_target) == (100, 0.01)
    assert made.made_by.startswith("anju ")
    assert f"{made.chosen.cosine:.4f}" in done.stdout
    assert "320 people searched for among others (640 searches, 204160 comparisons)" in done.stdout
    assert "edges[].calibration_file" in done.stdout
    assert cv2.imread(str(plot)) is not None


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_number_of_the_table_is_cut_where_the_terminal_is_narrow(
    run: Run, scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    out = tmp_path / "c.json"
    run("calibrate", "--scores", scores, "--gallery", 100, "--out", out)
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = run("thresholds", "--gallery", 100, "--calibration", out).stdout
    made = read_calibration(out)
    words = shown.split()
    assert "…" not in shown
    for row in made.identify:
        rates = [f"{rate.estimate * 100:.3g}" for rate in (row.fpir, row.fnir) if rate is not None]
        assert {str(row.gallery), f"{row.cosine:.4f}", row.basis, *rates} <= set(words)
    assert {f"{made.verify.cosine:.4f}", "FMR", "FNMR"} <= set(words)


def test_a_script_gets_the_curves(run: Run, scores: Path, tmp_path: Path) -> None:
    done = run(
        "calibrate", "--scores", scores, "--gallery", 100, "--fpir", 0.02, "--out", tmp_path / "c.json", "--json"
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["calibration"]["fpir_target"] == 0.02
    assert told["curves"]["gallery"] == 100
    assert all(point["fpir"]["low"] <= point["fpir"]["high"] for point in told["curves"]["points"])


def test_nothing_but_figures_is_kept(run: Run, scores: Path, tmp_path: Path) -> None:
    run("calibrate", "--scores", scores, "--gallery", 100, "--out", tmp_path / "c.json", "--json")
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
    assert "person-" not in (tmp_path / "c.json").read_text()


def test_what_is_in_use_says_what_it_rests_on(run: Run) -> None:
    done = run("thresholds", "--gallery", 1000, "--json")
    assert json.loads(done.stdout)["identify"] == {"cosine": 0.469, "basis": "measured"}
    assert json.loads(done.stdout)["standing"] == "ok"
    outgrown = run("thresholds", "--gallery", 5000)
    assert outgrown.exit_code == 0
    assert "stale" in outgrown.stdout
    assert "--gallery 5000" in outgrown.stdout


def test_a_calibration_in_use_is_shown_with_its_standing(run: Run, scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    run("calibrate", "--scores", scores, "--gallery", 100, "--out", out)
    fresh = json.loads(run("thresholds", "--gallery", 100, "--calibration", out, "--json").stdout)
    assert (fresh["standing"], fresh["identify"]["basis"]) == ("ok", "measured")
    assert fresh["calibration"]["counts"]["people_searched"] == 320
    stale = run("thresholds", "--gallery", 150, "--calibration", out)
    assert "stale, face thresholds were calibrated for 100 templates, 150 are loaded (+50%)" in stale.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--gallery", "0"], BadTargetError),
        (["--gallery", "100", "--fpir", "0"], BadTargetError),
        (["--gallery", "100", "--fpir", "0.001"], TooFewPeopleError),
        (["--gallery", "100", "--model", "nobody"], UnknownModelError),
        (["--gallery", "100", "--model", "yunet"], UnknownModelError),
        (["--gallery", "100", "--plot", "curve.doc"], ThresholdError),
        (["--gallery", "100", "--out", "/nowhere/c.json"], ThresholdError),
    ],
)
def test_what_can_not_be_done_is_said_and_nothing_is_written(
    run: Run, scores: Path, tmp_path: Path, arguments: list[str], error: type[Exception]
) -> None:
    done = run("calibrate", "--scores", scores, "--out", tmp_path / "c.json", *arguments)
    assert isinstance(done.exception, error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--scores", "a.csv", "--pictures", "b"]])
def test_one_source_has_to_be_given(run: Run, arguments: list[str]) -> None:
    done = run("calibrate", "--gallery", 100, *arguments)
    assert done.exit_code == 2
    assert "--scores or --pictures" in done.output


def test_a_failure_is_a_sentence_and_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scores.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["score", "mated", "probe_subject", "gallery_subject"], [0.9, 1, "a", "a"]])
    with pytest.raises(SystemExit) as ended:
        main(["watchlists", "calibrate", "--scores", str(path), "--gallery", "10"])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("anju: nobody was compared with anybody else")
    assert "Traceback" not in told


def test_help_says_that_running_estates_are_never_asked(run: Run) -> None:
    told = " ".join(run("calibrate", "--help").output.split())
    assert "Faces of a running estate are never used" in told


def test_volunteers_are_compared_as_desk_and_gate_see_them(
    volunteers: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(models_dir))
    seen: list[tuple[int, int]] = []
    before = sorted(volunteers.rglob("*"))
    found = compare_volunteers(volunteers, "sface", 1, lambda done, total: seen.append((done, total)))
    assert found.pictures == 2 * DRAWN + 2
    assert found.refused == {"not_a_picture": 1, "no_face": 1}
    assert found.unused == 0
    assert len(found.scores.genuine) == DRAWN
    assert len(found.scores.impostor) == 2 * DRAWN * (DRAWN - 1)
    assert found.scores.genuine.min() > found.scores.impostor.max()
    assert seen[-1] == (found.pictures, found.pictures)
    assert sorted(volunteers.rglob("*")) == before


def test_a_handful_of_volunteers_is_too_few_and_the_command_says_how_many(
    run: Run, volunteers: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(models_dir))
    done = run("calibrate", "--pictures", volunteers, "--gallery", 100, "--out", tmp_path / "c.json")
    assert isinstance(done.exception, TooFewPeopleError)
    assert "296 more" in str(done.exception)


def test_one_volunteer_is_no_stranger(
    volunteers: Path, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(models_dir))
    (tmp_path / "alone").symlink_to(volunteers / "volunteer 2", target_is_directory=True)
    with pytest.raises(NoImpostorsError):
        compare_volunteers(tmp_path, "sface", 1, lambda done, total: None)


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.mkdir()])
def test_a_folder_without_people_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "volunteers")
    with pytest.raises(ScoresUnreadableError, match="folder"):
        pictures_in(tmp_path / "volunteers")


def test_a_damaged_calibration_is_not_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{}")
    done = run("thresholds", "--gallery", 100, "--calibration", tmp_path / "c.json")
    assert isinstance(done.exception, CalibrationUnreadableError)
