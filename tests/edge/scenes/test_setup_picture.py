"""The installer's picture shows every place where it is, in either language, whatever the picture's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.contract.config import EstateConfig
from core.contract.config_file import load_config
from core.contract.ids import CameraId
from edge.scenes.drawing import Hue, Sheet
from edge.scenes.setup_picture import MAX_SIDE, MIN_SIDE, Language, setup_picture
from models.types import Image

EXAMPLE = Path(__file__).parents[3] / "configs" / "estate.example.yaml"
YARD = CameraId("yard-cam")


@pytest.fixture(scope="module")
def config() -> EstateConfig:
    return load_config(EXAMPLE).config


def grey(width: int, height: int) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def near(picture: Image, at: tuple[float, float], hue: Hue) -> bool:
    """Whether that colour is found around the point (fractions of the picture)."""
    height, width = picture.shape[:2]
    x, y = round(at[0] * width), round(at[1] * height)
    patch = picture[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9].reshape(-1, 3).astype(int)
    return bool((np.abs(patch - np.array(hue.value)).max(axis=1) < 25).any())


@pytest.mark.parametrize("size", [(1920, 1080), (640, 360), (2688, 1520), (576, 1024)])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_lines_lanes_and_zones_are_where_they_were_configured(
    size: tuple[int, int], language: Language, config: EstateConfig
) -> None:
    picture = setup_picture(grey(*size), config, YARD, language)
    assert max(picture.shape[:2]) == min(max(MIN_SIDE, *size), MAX_SIDE)
    assert near(picture, (0.35, 0.6), Hue.ORANGE)
    assert near(picture, (0.72, 0.6), Hue.VERMILION)
    assert near(picture, (0.59, 0.97), Hue.VERMILION)
    assert near(picture, (0.645, 0.48), Hue.GREEN)
    assert not near(picture, (0.05, 0.5), Hue.ORANGE)


def test_the_arrow_points_to_the_lines_right(config: EstateConfig) -> None:
    picture = setup_picture(grey(1920, 1080), config, YARD, "en")
    assert near(picture, (0.35 - 0.02, 0.675), Hue.ORANGE)
    swapped = config.model_copy(
        update={
            "scenes": config.scenes.model_copy(
                update={
                    "counting_lines": tuple(
                        line.model_copy(update={"line": line.line[::-1]}) for line in config.scenes.counting_lines
                    )
                }
            )
        }
    )
    other = setup_picture(grey(1920, 1080), swapped, YARD, "en")
    tip = (0.35 - 0.034, 0.675)
    assert near(picture, tip, Hue.ORANGE)
    assert not near(other, tip, Hue.ORANGE)


def test_a_door_shows_its_zone_its_line_and_the_smallest_face(config: EstateConfig) -> None:
    picture = setup_picture(grey(1920, 1080), config, CameraId("door-3-cam"), "zh")
    assert near(picture, (0.10, 0.5), Hue.SKY)
    assert near(picture, (0.2, 0.60), Hue.ORANGE)
    assert near(picture, (0.5, 0.525 - 37.5 / 1080), Hue.YELLOW)


def test_a_camera_nobody_knows_is_refused(config: EstateConfig) -> None:
    with pytest.raises(KeyError):
        setup_picture(grey(64, 64), config, CameraId("nowhere"), "en")


def test_cards_never_hide_each_other_while_there_is_room() -> None:
    sheet = Sheet(grey(1920, 1080))
    for _ in range(12):
        sheet.label((300, 500), ["one", "two"], Hue.SKY)
    sheet.lay_cards()
    cards = sheet.taken
    assert len(set(cards)) == 12
    for index, (x0, y0, x1, y1) in enumerate(cards):
        assert 0 <= x0 < x1 <= 1920
        assert 0 <= y0 < y1 <= 1080
        for ox0, oy0, ox1, oy1 in cards[index + 1 :]:
            assert x1 <= ox0 or ox1 <= x0 or y1 <= oy0 or oy1 <= y0
