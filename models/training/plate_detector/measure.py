"""What an exported detector finds in scenes it was not trained on, by the limit put on scores.

    python -m models.training.plate_detector.measure anju_plate_det.onnx SCENES

Uses the first shard of SCENES, which `train` leaves out.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from models.plate_detector_own import OwnPlateDetector
from models.training.plate_detector.dataset import WIDTH, read_shard, shard_path
from models.training.plate_detector.scene import Scene
from models.types import Float, Plates

LOWEST = 0.1
LIMITS = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))
MIN_OVERLAP = 0.5
BINS_PX = (36, 56, 80, 120, 420)


@dataclass(slots=True)
class Tally:
    """widths: of all plates there are; hits: score and width of each plate found; apart: corner errors, plate heights;

    invented: scores of boxes where no plate is.
    """

    widths: list[float] = field(default_factory=list)
    hits: list[tuple[float, float]] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    invented: list[float] = field(default_factory=list)
    pictures: int = 0

    def add(self, scene: Scene, found: Plates) -> None:
        self.pictures += 1
        open_quads = list(scene.quads)
        self.widths += [width_of(quad) for quad in scene.quads]
        for quad, score in zip(found.quads, found.scores.tolist(), strict=True):
            best = max(range(len(open_quads)), key=lambda index: overlap(open_quads[index], quad), default=None)
            if best is not None and overlap(open_quads[best], quad) >= MIN_OVERLAP:
                truth = open_quads.pop(best)
                self.hits.append((score, width_of(truth)))
                self.apart.append(float(np.linalg.norm(quad - truth, axis=1).mean()) / height_of(truth))
            elif not any(overlap(one, quad) > 0.1 for one in [*scene.quads, *scene.ignored]):
                self.invented.append(score)

    def found(self, limit: float, low: float = 0.0, high: float = math.inf) -> float:
        """Share of the plates ``low`` to ``high`` pixels wide that score at least ``limit``."""
        there = sum(low <= width < high for width in self.widths)
        return sum(score >= limit and low <= width < high for score, width in self.hits) / max(1, there)


def width_of(quad: Float) -> float:
    return float(np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])) / 2


def height_of(quad: Float) -> float:
    return float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2


def overlap(one: Float, other: Float) -> float:
    """Intersection over union of the upright boxes around two quads."""
    first, last = np.maximum(one.min(0), other.min(0)), np.minimum(one.max(0), other.max(0))
    common = float(np.prod(np.clip(last - first, 0, None)))
    return common / (float(np.prod(np.ptp(one, axis=0)) + np.prod(np.ptp(other, axis=0))) - common + 1e-6)


def measure(model: Path, scenes: Sequence[Scene]) -> Tally:
    detector, tally = OwnPlateDetector(model), Tally()
    for scene in scenes:
        tally.add(scene, detector.detect([scene.picture], max_side=WIDTH, min_score=LOWEST)[0])
    return tally


def told(tally: Tally) -> str:
    """A line for each limit, and one for the corners."""
    lines = []
    for limit in LIMITS:
        bins = list(itertools.pairwise(BINS_PX))
        by_width = " ".join(f"{low}: {tally.found(limit, low, high):.3f}" for low, high in bins)
        invented = sum(score >= limit for score in tally.invented) / tally.pictures
        lines.append(f"{limit:.2f}  found {tally.found(limit):.3f} ({by_width})  invented a picture {invented:.3f}")
    middle, late = np.percentile(tally.apart or [math.inf], (50, 95))
    lines.append(f"corners, plate heights: median {middle:.3f}, p95 {late:.3f}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("scenes", type=Path)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    sys.stdout.write(told(measure(chosen.model, [one.scene() for one in read_shard(shard_path(chosen.scenes, 0))])))


if __name__ == "__main__":
    main()
