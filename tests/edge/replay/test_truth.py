"""A truth file is checked before anything is played, and says where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.replay.truth import Truth, TruthError, read_truth, write_truth

PASS: dict[str, Any] = {"name": "one", "checkpoint": "north-gate", "from_s": 1, "to_s": 4.5, "expects": {}}


def written(folder: Path, content: object) -> Path:
    path = folder / "truth.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    truth = Truth.model_validate(
        {
            "version": 1,
            "passes": [PASS | {"expects": {"verdict": "admit", "plate": "京A12345"}}],
            "people": [{"subject": "00000000-0000-7000-8000-00000000000a", "drawn_face": 71}],
        }
    )
    write_truth(tmp_path / "truth.json", truth)
    assert read_truth(tmp_path / "truth.json") == truth


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"version": 2}, "version"),
        ({"version": 1, "passes": [PASS | {"to_s": 0.5}]}, "passes[0]: pass 'one' ends at 0.5 s, before it begins"),
        ({"version": 1, "passes": [PASS | {"from_s": "x"}] * 7}, "passes[4].from_s: Input should be a valid number"),
        ({"version": 1, "passes": [PASS | {"from_s": "x"}] * 7}, "and 2 more"),
        ({"version": 1, "passes": [PASS, PASS]}, "two passes are called 'one'"),
        ({"version": 1, "passes": [PASS | {"checkpoint": ""}]}, "passes[0].checkpoint: "),
        ({"version": 1, "pass_key": "abc"}, "pass_key"),
        ({"version": 1, "people": [{"subject": "x", "portrait": "alice.jpg"}]}, "people[0].drawn_face: "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, content: object, told: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(TruthError) as refused:
        read_truth(path)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="can't be read"):
        read_truth(tmp_path / "none.json")
