"""The page on cameras says of each condition what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.contract.vocabulary import CameraCondition
from edge.capture.conditions.watch import PATIENCE
from edge.shards.limits import LIMITS, Kind

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `(\w+)` \| (\d+) s \| (\d+) s \|", re.MULTILINE)


@pytest.mark.parametrize("page", ["cameras.md", "cameras.zh-CN.md"])
def test_every_condition_is_explained_with_its_patience(page: str) -> None:
    said = {name: (float(begin), float(end)) for name, begin, end in ROW.findall((DOCS / page).read_text("utf-8"))}
    assert said == {one.value: (PATIENCE[one].begin_s, PATIENCE[one].end_s) for one in CameraCondition}


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            "cameras.md",
            "{searches} searches a second and checkpoint ({at_once} at once), {seen} observations, {scenes} events",
        ),
        (
            "cameras.zh-CN.md",
            "每秒 {searches} 次查找（一次最多 {at_once}）、{seen} 次通行，每台摄像机每秒 {scenes} 次场景事件",
        ),
    ],
)
def test_the_limits_of_a_process_of_cameras_are_those_in_the_code(page: str, said: str) -> None:
    limits = {
        "searches": LIMITS[Kind.SEARCH][1],
        "at_once": LIMITS[Kind.SEARCH][0],
        "seen": LIMITS[Kind.OBSERVATION][1],
        "scenes": LIMITS[Kind.SCENE][1],
    }
    assert said.format(**{name: round(limit) for name, limit in limits.items()}) in (DOCS / page).read_text("utf-8")
