"""Composed scenes on disk: shards of pictures as JPEG with the corners of their plates.

    python -m models.training.plate_detector.dataset FOLDER --fonts F --photographs P --scenes 16384

Scene n is the same on every machine with the same fonts, photographs and library versions. Shards that are there are
kept, so a run that was stopped goes on. One shard of 256 takes about ten seconds of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.training.plate_detector.photographs import HELD_OUT, load_photographs
from models.training.plate_detector.plate_pictures import draw_plates
from models.training.plate_detector.scene import Kit, Scene, compose
from models.types import Float, Image

SHARD = 256
WIDTH, HEIGHT = 512, 320
_QUALITY = 95
_PLATES, _VEHICLES, _LOOKALIKES = 400, 24, 80
"""Drawn anew for each shard, so that no two shards share a vehicle."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A scene as kept. packed: its JPEG; quads, ignored: as `Scene` has them."""

    packed: Image
    quads: Float
    ignored: Float

    def scene(self) -> Scene:
        return Scene(np.asarray(cv2.imdecode(self.packed, cv2.IMREAD_COLOR), np.uint8), self.quads, self.ignored)


def write_shard(folder: Path, number: int, fonts: Path, photographs: Sequence[Image]) -> None:
    """Compose scenes ``number * SHARD`` and following; the file is whole or not there."""
    random = np.random.default_rng((number, 1))
    plates = draw_plates(random, _PLATES, fonts, "train")
    kit = Kit.drawn(random, plates, photographs, vehicles=_VEHICLES, lookalikes=_LOOKALIKES)
    kept: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for index in range(SHARD):
        scene = compose(random, kit, WIDTH, HEIGHT)
        kept[f"{index}.picture"] = cv2.imencode(".jpg", scene.picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        kept[f"{index}.quads"], kept[f"{index}.ignored"] = scene.quads, scene.ignored
    partial = folder / f".{number:05}.partial.npz"
    np.savez(partial, **kept)  # type: ignore[arg-type]
    partial.replace(shard_path(folder, number))


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.npz"


def read_shard(path: Path) -> list[Packed]:
    """The scenes of one shard."""
    with np.load(path) as kept:
        return [
            Packed(kept[f"{index}.picture"].ravel(), kept[f"{index}.quads"], kept[f"{index}.ignored"])
            for index in range(SHARD)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=16_384)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    photographs = load_photographs(chosen.photographs, without=HELD_OUT)
    for number in range(-(-chosen.scenes // SHARD)):
        if not shard_path(chosen.folder, number).is_file():
            write_shard(chosen.folder, number, chosen.fonts, photographs)


if __name__ == "__main__":
    main()
