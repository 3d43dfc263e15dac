"""A score set is read from CSV or NPZ, means the same in any order, and refuses what can't be a score."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlists.thresholds import read_scores as reading
from watchlists.thresholds.errors import BadScoresError, NoImpostorsError, ScoresUnreadableError, ThresholdError
from watchlists.thresholds.read_scores import read_scores
from watchlists.thresholds.scores import Comparisons, score_set

HEADER = "score,mated,probe_subject,gallery_subject"
ROWS = ["0.91,1,ann,ann", "0.12,0,ann,bob", "0.08,0,bob,ann", "0.85,1,bob,bob"]


def written(folder: Path, *lines: str, name: str = "scores.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_csv_is_read(tmp_path: Path) -> None:
    scores = read_scores(written(tmp_path, HEADER, *ROWS))
    assert scores.people == 2
    assert scores.impostor.tolist() == [0.12, 0.08]
    assert sorted(scores.genuine.tolist()) == [0.85, 0.91]


def test_an_npz_means_the_same_as_the_csv(tmp_path: Path) -> None:
    fields = [row.split(",") for row in ROWS]
    np.savez(
        tmp_path / "scores.npz",
        score=np.array([float(row[0]) for row in fields]),
        mated=np.array([int(row[1]) for row in fields]),
        probe_subject=np.array([row[2] for row in fields]),
        gallery_subject=np.array([row[3] for row in fields]),
    )
    csv = read_scores(written(tmp_path, HEADER, *ROWS))
    assert read_scores(tmp_path / "scores.npz").sha256 == csv.sha256


@given(st.permutations(ROWS))
def test_the_order_of_rows_means_nothing(tmp_path_factory: pytest.TempPathFactory, rows: list[str]) -> None:
    folder = tmp_path_factory.mktemp("scores")
    hashes = {read_scores(written(folder, HEADER, *order)).sha256 for order in (ROWS, rows)}
    assert len(hashes) == 1


def test_another_score_is_another_set(tmp_path: Path) -> None:
    first = read_scores(written(tmp_path, HEADER, *ROWS))
    other = read_scores(written(tmp_path, HEADER, "0.92,1,ann,ann", *ROWS[1:]))
    assert first.sha256 != other.sha256


def test_searches_of_one_person_are_told_apart_by_probe(tmp_path: Path) -> None:
    rows = ["0.1,0,ann,bob", "0.2,0,ann,bob"]
    as_one = read_scores(written(tmp_path, HEADER, *rows))
    as_two = read_scores(written(tmp_path, HEADER + ",probe", rows[0] + ",morning", rows[1] + ",evening"))
    assert (len(as_one.search_person), len(as_two.search_person)) == (1, 2)


def test_of_several_references_of_a_person_the_best_counts(tmp_path: Path) -> None:
    scores = read_scores(written(tmp_path, HEADER, "0.1,0,ann,bob", "0.3,0,ann,bob", "0.2,0,ann,bob"))
    assert scores.impostor.tolist() == [0.3]


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "1.5", "-2"])
def test_what_is_no_cosine_is_refused_with_its_row(tmp_path: Path, score: str) -> None:
    with pytest.raises(BadScoresError, match=r"row 2 \(1 such rows\)"):
        read_scores(written(tmp_path, HEADER, ROWS[0], f"{score},0,ann,bob"))


@pytest.mark.parametrize("row", ["0.5,1,ann,bob", "0.5,0,ann,ann"])
def test_labels_that_contradict_themselves_are_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(BadScoresError, match=r"row 5 .*correct the labels"):
        read_scores(written(tmp_path, HEADER, *ROWS, row))


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScoresError, match="no score"):
        read_scores(written(tmp_path, HEADER))


def test_without_strangers_nothing_can_be_said(tmp_path: Path) -> None:
    with pytest.raises(NoImpostorsError):
        read_scores(written(tmp_path, HEADER, ROWS[0], ROWS[3]))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["score,mated", "0.1,0"], "no column probe_subject, gallery_subject"),
        ([], "no column"),
        ([HEADER, "high,0,ann,bob"], "line 2: score is a number"),
        ([HEADER, "0.1,yes,ann,bob"], "line 2: score is a number and mated is 0 or 1"),
        ([HEADER, "0.1,0,ann"], "line 2: 3 fields, the header has 4"),
    ],
)
def test_a_file_that_is_no_table_of_scores_says_what_is_wrong(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(ScoresUnreadableError, match=message):
        read_scores(written(tmp_path, *lines))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScoresUnreadableError, match=r"nowhere\.csv: No such file"):
        read_scores(tmp_path / "nowhere.csv")


def test_too_many_scores_are_refused_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_COMPARISONS", 3)
    with pytest.raises(ScoresUnreadableError, match="more than 3 scores"):
        read_scores(written(tmp_path, HEADER, *ROWS))


def test_an_npz_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", score=np.array([object()]), mated=[0], probe_subject=["a"], gallery_subject=["b"])
    with pytest.raises(ScoresUnreadableError, match="plain arrays"):
        read_scores(tmp_path / "scores.npz")


def test_an_npz_whose_array_says_it_is_larger_than_any_memory_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "scores.npz", "w") as archive:
        for name in HEADER.split(","):
            archive.writestr(f"{name}.npy", header.getvalue())
    with pytest.raises(ScoresUnreadableError, match="plain arrays"):
        read_scores(tmp_path / "scores.npz")


@pytest.mark.parametrize("change", [{"mated": [0, 2]}, {"score": ["a", "b"]}, {"mated": [0]}])
def test_an_npz_of_the_wrong_columns_is_refused(tmp_path: Path, change: dict[str, list[object]]) -> None:
    columns: dict[str, list[object]] = {
        "score": [0.1, 0.2],
        "mated": [0, 0],
        "probe_subject": ["a", "b"],
        "gallery_subject": ["b", "a"],
    }
    arrays: dict[str, Any] = {name: np.array(column) for name, column in (columns | change).items()}
    np.savez(tmp_path / "scores.npz", **arrays)
    with pytest.raises(ScoresUnreadableError):
        read_scores(tmp_path / "scores.npz")


@given(st.binary(max_size=300), st.sampled_from(["scores.csv", "scores.npz"]))
def test_whatever_a_file_holds_it_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("scores") / name
    path.write_bytes(content)
    with pytest.raises(ThresholdError):
        read_scores(path)


def test_a_set_larger_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchlists.thresholds.scores.MAX_COMPARISONS", 1)
    two = np.array([0, 1])
    with pytest.raises(BadScoresError, match="more than 1"):
        score_set(Comparisons(np.array([0.1, 0.2]), two < 0, two, two + 2, two))
