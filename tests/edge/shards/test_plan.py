"""Which camera is looked at in which process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.config import CameraConfig, Door, FaceGate, PlateLane
from core.contract.ids import CameraId, CheckpointId, EdgeId
from core.contract.vocabulary import Ring
from edge.shards.plan import spread
from tests.edge.checkpoint.watching import NAME

ZONE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
KINDS = ("gate", "door", "lane", "overview")


def camera(name: str) -> CameraConfig:
    return CameraConfig(id=CameraId(name), edge=EdgeId("e"), name=NAME, kind="gate", url="rtsp://camera/1")


def checkpoint(kind: str, through: str, name: str) -> FaceGate | Door | PlateLane:
    common = {"id": CheckpointId(name), "name": NAME, "camera": through, "ring": Ring.PERIMETER, "zone": ZONE}
    match kind:
        case "gate":
            return FaceGate.model_validate(common)
        case "door":
            return Door.model_validate(common | {"threshold_line": ((0.0, 0.5), (1.0, 0.5))})
        case _:
            return PlateLane.model_validate(common)


def site(kinds: list[str]) -> tuple[list[CameraConfig], list[FaceGate | Door | PlateLane]]:
    cameras = [camera(f"cam-{number}") for number in range(len(kinds))]
    posts = [
        checkpoint(kind, one.id, f"at-{one.id}") for kind, one in zip(kinds, cameras, strict=True) if kind != "overview"
    ]
    return cameras, posts


@given(st.lists(st.sampled_from(KINDS), max_size=40), st.integers(1, 8), st.randoms())
def test_every_camera_is_in_one_process_and_each_kind_is_spread(kinds: list[str], shards: int, random: object) -> None:
    cameras, posts = site(kinds)
    plan = spread(cameras, posts, shards)
    assert sorted(one for shard in plan for one in shard) == sorted(one.id for one in cameras)
    assert all(shard for shard in plan)
    for kind in KINDS:
        own = {one.id for one, what in zip(cameras, kinds, strict=True) if what == kind}
        numbers = [len(own & set(shard)) for shard in plan]
        assert not numbers or max(numbers) - min(numbers) <= 1
    shuffled = list(cameras)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert spread(shuffled, posts[::-1], shards) == plan


def test_a_camera_with_several_checkpoints_stays_whole_and_counts_as_the_most_urgent() -> None:
    cameras = [camera("a"), camera("b"), camera("c")]
    posts = [checkpoint("lane", "a", "1"), checkpoint("gate", "a", "2"), checkpoint("gate", "b", "3")]
    assert spread(cameras, posts, 2) == (("a", "c"), ("b",))


def test_without_a_process_nothing_can_be_spread() -> None:
    with pytest.raises(ValueError, match="over 0 processes"):
        spread([], [], 0)
