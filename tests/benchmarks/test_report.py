"""Results are rows with a ratio, and the README is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.timing import in_turns_ms, medians_ms


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    return tmp_path


@pytest.mark.parametrize(
    ("row", "ratio", "met"),
    [
        (report.against_peer("ms", ours=5.0, peer=10.0, goal=1.5), 2.0, True),
        (report.against_peer("ms", ours=10.0, peer=5.0, goal=1.0), 0.5, False),
        (report.against_peer("streams", ours=8, peer=4, goal=2, lower_is_better=False), 2.0, True),
        (report.against_limit("ms to open", ours=150, limit=300), 2.0, True),
        (report.against_limit("share found, %", ours=98, limit=99, lower_is_better=False), 0.99, False),
    ],
)
def test_the_ratio_says_how_many_times_better(row: report.Row, ratio: float, met: bool) -> None:
    assert row.ratio == pytest.approx(ratio, rel=1e-2)
    assert row.met is met


def test_a_file_is_written_for_each_benchmark_and_a_readme_for_all(folder: Path) -> None:
    report.write("one", [report.against_limit("ms to open", ours=1 / 3, limit=300)], quick=False)
    other = {"what": "a | b", "ours": 2, "peer": None, "ratio": None, "goal": "none", "met": None}
    path = report.write("two", [other], quick=False)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert set(written) == {"machine", "rows"}
    assert list(written["rows"][0]) == ["what", "ours", "peer", "ratio", "goal", "met"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.index("## one") < text.index("## two")
    assert "| 900 | ms to open | 0.333 | – | at most 300 | yes |" in text
    assert r"a \| b" in text


def test_a_quick_run_replaces_no_figures_of_a_whole_one(folder: Path) -> None:
    report.write("one", [report.against_limit("ms to open", ours=100, limit=300)], quick=False)
    files = [folder / "README.md", folder / "results" / "one.json"]
    before = [one.read_bytes() for one in files]
    quick = report.write("one", [report.against_limit("ms to open", ours=200, limit=300)], quick=True)
    assert [one.read_bytes() for one in files] == before
    assert json.loads(quick.read_text(encoding="utf-8"))["rows"][0]["ours"] == 200


def test_a_row_of_another_form_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="a row has the keys what, ours, peer, ratio, goal, met"):
        report.write("bad", [{"what": "x", "ours": 1}], quick=False)


def test_the_committed_readme_is_the_one_made_of_the_committed_results() -> None:
    committed = report.FOLDER / "README.md"
    if not report.RESULTS.is_dir():
        pytest.skip("no results yet: python -m benchmarks.<name>")
    assert committed.read_text(encoding="utf-8") == report.readme(report.RESULTS)


def test_rivals_take_turns_of_several_in_a_row() -> None:
    called: list[tuple[str, int]] = []
    rivals = {"a": lambda one: called.append(("a", one)), "b": lambda one: called.append(("b", one))}
    spent = in_turns_ms(rivals, [1, 2, 3], in_a_row=2)
    assert called == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("a", 3), ("b", 3)]
    assert set(spent) == {"a", "b"}


def test_rivals_take_turns() -> None:
    called: list[str] = []
    spent = medians_ms({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, rounds=3, warm_up=1)
    assert called == ["a", "b"] * 4
    assert set(spent) == {"a", "b"}
