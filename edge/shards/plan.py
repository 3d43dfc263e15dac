"""Which camera is looked at in which process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.contract.config import CameraConfig, Door, FaceGate, PlateLane
from core.contract.ids import CameraId

_RANK = {"face_gate": 0, "door": 1, "plate_lane": 2}
_OVERVIEW = 3


def spread(
    cameras: Iterable[CameraConfig], checkpoints: Iterable[FaceGate | Door | PlateLane], shards: int
) -> tuple[tuple[CameraId, ...], ...]:
    """The cameras of each of ``shards`` processes; fewer processes where there are fewer cameras.

    The same for the same configuration, whatever the order of its lines. Kind by kind, face gates first, each camera
    goes where fewest of its kind are, then where fewest cameras are: no process gets all the gates. A camera with
    several checkpoints counts as the most urgent of them and stays whole. Raises ValueError for less than one process.
    """
    if shards < 1:
        raise ValueError(f"cameras can't be spread over {shards} processes")
    rank: dict[CameraId, int] = {}
    for one in checkpoints:
        rank[one.camera] = min(_RANK[one.kind], rank.get(one.camera, _OVERVIEW))
    ordered = sorted((rank.get(camera.id, _OVERVIEW), camera.id) for camera in cameras)
    found: list[list[tuple[int, CameraId]]] = [[] for _ in range(min(shards, len(ordered)))]
    for kind, camera in ordered:
        target = min(range(len(found)), key=lambda number: (_of_kind(found[number], kind), len(found[number]), number))
        found[target].append((kind, camera))
    return tuple(tuple(camera for _, camera in shard) for shard in found)


def _of_kind(shard: Sequence[tuple[int, CameraId]], kind: int) -> int:
    return sum(other == kind for other, _ in shard)
