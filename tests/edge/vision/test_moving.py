"""Without a model whatever moves counts, told apart by its shape; what stands still does not."""

from __future__ import annotations

import numpy as np
import pytest

from edge.vision.moving import MovingBodies
from models.types import Bodies, BodyKind, Image, ModelInputError


def shown(*boxes: tuple[int, int, int, int]) -> Image:
    """A noisy grey ground, 640x360, with dark boxes (x, y, width, height) on it."""
    picture = np.random.default_rng(len(boxes)).normal(120, 3, (360, 640, 3)).clip(0, 255).astype(np.uint8)
    for x, y, wide, high in boxes:
        picture[y : y + high, x : x + wide] = 30
    return picture


def settled() -> MovingBodies:
    bodies = MovingBodies()
    for _ in range(10):
        bodies.detect([shown()])
    return bodies


def seen(bodies: MovingBodies, *boxes: tuple[int, int, int, int]) -> Bodies:
    return bodies.detect([shown(*boxes)])[0]


@pytest.mark.parametrize(
    ("box", "kind"), [((200, 100, 40, 110), BodyKind.PERSON), ((200, 200, 160, 70), BodyKind.VEHICLE)]
)
def test_what_is_higher_than_wide_is_a_person_and_the_rest_a_vehicle(
    box: tuple[int, int, int, int], kind: BodyKind
) -> None:
    found = seen(settled(), box)
    assert found.kinds.tolist() == [kind]
    x, y, wide, high = box
    assert np.abs(found.boxes[0] - np.array([x, y, x + wide, y + high])).max() < 16


def test_two_apart_are_two_and_specks_are_nobody() -> None:
    found = seen(settled(), (100, 100, 40, 110), (400, 120, 40, 110), (300, 300, 4, 4))
    assert len(found) == 2


def test_what_was_there_from_the_beginning_and_an_empty_ground_are_nobody() -> None:
    bodies = MovingBodies()
    for _ in range(10):
        assert len(seen(bodies, (200, 100, 40, 110))) == 0
    assert len(seen(settled())) == 0


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ModelInputError):
        MovingBodies().detect([np.zeros((5, 5), np.uint8)])
