"""The page on cameras says of each condition what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.contract.vocabulary import CameraCondition
from edge.capture.conditions.watch import PATIENCE

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `(\w+)` \| (\d+) s \| (\d+) s \|", re.MULTILINE)


@pytest.mark.parametrize("page", ["cameras.md", "cameras.zh-CN.md"])
def test_every_condition_is_explained_with_its_patience(page: str) -> None:
    said = {name: (float(begin), float(end)) for name, begin, end in ROW.findall((DOCS / page).read_text("utf-8"))}
    assert said == {one.value: (PATIENCE[one].begin_s, PATIENCE[one].end_s) for one in CameraCondition}
