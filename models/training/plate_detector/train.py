"""Training of the plate detector.

    python -m models.training.plate_detector.train SCENES CHECKPOINT [--steps 16000] [--log FILE]

Uses the shards that are there, also while more are being written, and goes on from CHECKPOINT where there is one.
One thread; the CPU time spent is counted in the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.training.plate_detector.dataset import Packed, read_shard
from models.training.plate_detector.network import STRIDE, PlateNet
from models.training.plate_detector.scene import Scene
from models.training.plate_detector.targets import targets
from models.training.plate_detector.views import view
from models.types import Float, Image

BATCH = 8
VIEWS = ((320, 192), (320, 192), (448, 256))
"""Widths and heights of the views, one for each batch: small ones are quick, large plates need large ones."""
PEAK_RATE, WARM_STEPS = 1.5e-3, 200
CORNERS_WEIGHT = 1.5
TEST_SHARDS = 1
"""The first shard is never trained on."""
_SAVE_S, _LOOK_FOR_MORE_STEPS, _LOG_STEPS = 120.0, 100, 50


@dataclass(slots=True)
class Batch:
    pictures: Tensor
    score: Tensor
    counts: Tensor
    corners: Tensor
    near: Tensor
    height_px: Tensor


def batch_of(scenes: Sequence[Scene]) -> Batch:
    height, width = scenes[0].picture.shape[:2]
    wanted = [targets(one.quads, one.ignored, width, height, STRIDE) for one in scenes]
    return Batch(
        torch.from_numpy(np.stack([one.picture for one in scenes])).permute(0, 3, 1, 2).float(),
        _stack([one.score for one in wanted]),
        _stack([one.counts for one in wanted]),
        _stack([one.corners for one in wanted]),
        _stack([one.near for one in wanted]),
        _stack([one.height_px for one in wanted]),
    )


def _stack(arrays: Sequence[Float | Image]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def loss_of(logits: Tensor, corners: Tensor, wanted: Batch) -> tuple[Tensor, Tensor]:
    """Of the scores (quality focal loss) and of the corners (in plate heights, weighted by the wanted score)."""
    score = logits[:, 0]
    apart = (torch.sigmoid(score) - wanted.score).square()
    crossed = functional.binary_cross_entropy_with_logits(score, wanted.score, reduction="none")
    weight = wanted.near.sum().clamp(min=1.0)
    scores = (apart * crossed * wanted.counts).sum() / weight
    error = (corners - wanted.corners) / wanted.height_px[:, None]
    robust = functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.06, reduction="none").mean(1)
    return scores, (robust * wanted.near).sum() / weight


def rate_at(step: int, steps: int) -> float:
    """Warms up, then falls along a cosine to a fiftieth."""
    if step < WARM_STEPS:
        return PEAK_RATE * (step + 1) / WARM_STEPS
    share = (step - WARM_STEPS) / max(1, steps - WARM_STEPS)
    return PEAK_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


@dataclass(slots=True)
class Training:
    """A run that can be stopped. average: the weights' running mean, which is what is used."""

    network: PlateNet
    average: PlateNet
    optimiser: torch.optim.Optimizer
    step: int = 0
    cpu_s: float = 0.0

    @classmethod
    def begun(cls) -> Training:
        torch.manual_seed(1)
        network, average = PlateNet(), PlateNet()
        average.load_state_dict(network.state_dict())
        layout: Any = torch.channels_last
        network.to(memory_format=layout)
        decayed = [weight for weight in network.parameters() if weight.ndim > 1]
        rest = [weight for weight in network.parameters() if weight.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 1e-3}, {"params": rest, "weight_decay": 0.0}]
        return cls(network, average, torch.optim.AdamW(groups, lr=PEAK_RATE))

    @classmethod
    def resumed(cls, checkpoint: Path) -> Training:
        training = cls.begun()
        if checkpoint.is_file():
            kept = torch.load(checkpoint, weights_only=True)
            training.network.load_state_dict(kept["network"])
            training.average.load_state_dict(kept["average"])
            training.optimiser.load_state_dict(kept["optimiser"])
            training.step, training.cpu_s = kept["step"], kept["cpu_s"]
        return training

    def save(self, checkpoint: Path, cpu_s: float) -> None:
        partial = checkpoint.with_suffix(".partial")
        kept = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "cpu_s": cpu_s,
        }
        torch.save(kept, partial)
        partial.replace(checkpoint)

    def take_step(self, batch: Batch, steps: int) -> tuple[float, float]:
        """One step of ``steps``; the two losses before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, steps)
        layout: Any = torch.channels_last
        logits, corners = self.network(batch.pictures.contiguous(memory_format=layout))
        scores, places = loss_of(logits, corners, batch)
        self.optimiser.zero_grad()
        (scores + CORNERS_WEIGHT * places).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.998, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
        return scores.item(), places.item()


def train(scenes: Path, checkpoint: Path, steps: int, log: Path) -> None:
    """Run until ``steps`` are done, saving every two minutes."""
    training = Training.resumed(checkpoint)
    network = training.network.train()
    random = np.random.default_rng(training.step + 7)
    before_s, started_s = training.cpu_s, time.process_time()
    packed: list[Packed] = []
    known: set[Path] = set()
    saved_s = time.monotonic()
    sums = np.zeros(2)
    while training.step < steps:
        if training.step % _LOOK_FOR_MORE_STEPS == 0 or not packed:
            fresh = set(sorted(scenes.glob("[0-9]*.npz"))[TEST_SHARDS:]) - known
            packed += [one for path in sorted(fresh) for one in read_shard(path)]
            known |= fresh
        chosen = [packed[index].scene() for index in random.integers(len(packed), size=BATCH)]
        size = VIEWS[random.integers(len(VIEWS))]
        sums += training.take_step(batch_of([view(scene, random, *size) for scene in chosen]), steps)
        cpu_s = before_s + time.process_time() - started_s
        if training.step % _LOG_STEPS == 0:
            line = {"step": training.step, "scenes": len(packed), "cpu_s": round(cpu_s)}
            line |= {"score": round(sums[0] / _LOG_STEPS, 4), "corners": round(sums[1] / _LOG_STEPS, 4)}
            with log.open("a") as lines:
                lines.write(json.dumps(line) + "\n")
            sums[:] = 0
        if time.monotonic() - saved_s > _SAVE_S or training.step == steps:
            training.save(checkpoint, cpu_s)
            saved_s = time.monotonic()
    network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--steps", type=int, default=16_000)
    parser.add_argument("--log", type=Path, default=Path("plate_detector.jsonl"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train(chosen.scenes, chosen.checkpoint, chosen.steps, chosen.log)


if __name__ == "__main__":
    main()
