"""Train the plate reader: python -m models.training.plates.train FOLDER [--fonts DIR] [--steps N]

FOLDER keeps `checkpoint.pt`; run the same command again to go on after a stop. One thread computes, one process draws:
that takes about two hours on two cores.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn

from models.plate_reader_own import PLACES
from models.training.plates.camera import ORDINARY, TRAINING
from models.training.plates.feed import Batch, Stream, drawn, feed
from models.training.plates.fonts import DEFAULT_FOLDER
from models.training.plates.glyphs import GlyphBank
from models.training.plates.network import CLASSES, PlateNetwork

BATCH = 32
TRAINING_SEED, WATCH_SEED = 1, 2
LEVEL = "level.pt"
"""Checkpoint from before the learning rate falls: as another folder's `checkpoint.pt`, a longer training's start."""
_RATE, _DECAY, _WARM_STEPS = 1.5e-3, 0.02, 500
_COOLING_SHARE = 0.35
"""Last part of the steps, over which the learning rate falls to nothing."""
_SMOOTHING = 0.02
_COLOUR_WEIGHT = 0.2
_AVERAGED = 0.999
_KEEP_EVERY, _WATCH_EVERY = 250, 1000
_WATCH_BATCHES = 24


@dataclass(slots=True)
class Progress:
    """step: batches learnt from; cpu_s: processor seconds of this process and of the drawing one, all runs together."""

    step: int = 0
    cpu_s: float = 0.0


def rate_at(step: int, steps: int) -> float:
    """Learning rate: up over the first steps, level, then in a straight line to zero."""
    cooling = max(1.0, steps * _COOLING_SHARE)
    return _RATE * min(1.0, (step + 1) / _WARM_STEPS, max(0.0, (steps - step) / cooling))


class Trainer:
    """The network, its running average (which is what is kept in the end), and where it stands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        torch.manual_seed(TRAINING_SEED)
        self.network = PlateNetwork().to(memory_format=torch.channels_last)
        self.averaged = PlateNetwork().to(memory_format=torch.channels_last)
        self.averaged.load_state_dict(self.network.state_dict())
        self.averaged.eval()
        whole = [tensor for tensor in self.network.parameters() if tensor.ndim > 1]
        rest = [tensor for tensor in self.network.parameters() if tensor.ndim <= 1]
        self._optimiser = torch.optim.AdamW(
            [{"params": whole, "weight_decay": _DECAY}, {"params": rest, "weight_decay": 0.0}],
            lr=_RATE,
            fused=True,
        )
        self.progress = Progress()
        checkpoint = folder / "checkpoint.pt"
        if checkpoint.is_file():
            self._resume(torch.load(checkpoint, weights_only=True))

    def _resume(self, kept: dict[str, Any]) -> None:
        self.network.load_state_dict(kept["network"])
        self.averaged.load_state_dict(kept["averaged"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self.progress = Progress(**kept["progress"])

    def keep(self, name: str = "checkpoint.pt") -> None:
        """Write the checkpoint so that a stop in the middle leaves the one before."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "progress": asdict(self.progress),
        }
        partial = self._folder / f"{name}.part"
        torch.save(state, partial)
        partial.replace(self._folder / name)

    def learn(self, batch: Batch, steps: int) -> float:
        """One step; the loss."""
        started = time.process_time()
        for group in self._optimiser.param_groups:
            group["lr"] = rate_at(self.progress.step, steps)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            characters, colours, rows = self.network(_tensor(batch))
        loss = _loss(characters.float(), colours.float(), rows.float(), batch)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self._average()
        self.progress.step += 1
        self.progress.cpu_s += time.process_time() - started + batch.cpu_s
        return float(loss.item())

    @torch.no_grad()
    def _average(self) -> None:
        share = min(_AVERAGED, (self.progress.step + 1) / (self.progress.step + 10))
        for kept, new in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - share)
            else:
                kept.copy_(new)


def _tensor(batch: Batch) -> Tensor:
    return torch.from_numpy(batch.pictures).float().contiguous(memory_format=torch.channels_last)


def _loss(characters: Tensor, colours: Tensor, rows: Tensor, batch: Batch) -> Tensor:
    places = torch.from_numpy(batch.places)
    text = nn.functional.cross_entropy(characters.reshape(-1, CLASSES), places.reshape(-1), label_smoothing=_SMOOTHING)
    colour = nn.functional.cross_entropy(colours, torch.from_numpy(batch.colours))
    row = nn.functional.cross_entropy(rows, torch.from_numpy(batch.rows))
    return text * (PLACES / 7) + _COLOUR_WEIGHT * (colour + row)


@torch.no_grad()
def exact_share(network: PlateNetwork, batches: list[Batch]) -> float:
    """Share of crops with every character right."""
    right = total = 0
    for batch in batches:
        best = network(_tensor(batch))[0].argmax(dim=2)
        right += int((best == torch.from_numpy(batch.places)).all(dim=1).sum())
        total += len(best)
    return right / total


def train(folder: Path, fonts: Path, steps: int) -> None:
    """Learn until ``steps`` batches are done, from wherever the checkpoint in ``folder`` stands."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(folder)
    watched_stream = Stream("held_out", fonts, ORDINARY, WATCH_SEED, BATCH)
    bank = GlyphBank("held_out", fonts)
    watched = [drawn(bank, watched_stream, number) for number in range(_WATCH_BATCHES)]
    batches = feed(Stream("train", fonts, TRAINING, TRAINING_SEED, BATCH), trainer.progress.step)
    losses: list[float] = []
    cooling = round(steps * (1 - _COOLING_SHARE))
    while trainer.progress.step < steps:
        losses.append(trainer.learn(next(batches), steps))
        if trainer.progress.step == cooling:
            trainer.keep(LEVEL)
        if trainer.progress.step % _KEEP_EVERY == 0:
            trainer.keep()
            _tell(trainer, losses, watched)
            losses = []
    trainer.keep()
    batches.close()  # type: ignore[attr-defined]


def _tell(trainer: Trainer, losses: list[float], watched: list[Batch]) -> None:
    step = trainer.progress.step
    told: dict[str, object] = {
        "at": time.strftime("%H:%M:%S"),
        "step": step,
        "cpu_min": round(trainer.progress.cpu_s / 60, 2),
        "loss": round(sum(losses) / max(1, len(losses)), 4),
    }
    if step % _WATCH_EVERY == 0:
        told["held_out_exact"] = round(exact_share(trainer.averaged, watched), 4)
    print(json.dumps(told), flush=True)  # noqa: T201 - a command that tells how it goes


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fonts", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--steps", type=int, default=24_000)
    arguments = parser.parse_args()
    train(arguments.folder, arguments.fonts, arguments.steps)


if __name__ == "__main__":
    main()
