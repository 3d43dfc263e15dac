"""Writes the trained network as ONNX.

python -m models.training.plate_detector.export CHECKPOINT anju_plate_det.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from models.training.plate_detector.network import PlateNet


class _Told(nn.Module):
    """The network with scores in [0, 1]."""

    def __init__(self, network: PlateNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        scores, corners = self.network(pictures)
        return torch.sigmoid(scores), corners


def export(checkpoint: Path, path: Path) -> None:
    """The running average kept in ``checkpoint`` as a graph for pictures of any size and number."""
    network = PlateNet()
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    free = {0: "n", 2: "h", 3: "w"}
    torch.onnx.export(
        _Told(network.eval()).eval(),
        (torch.zeros(1, 3, 256, 416),),
        str(path),
        input_names=["pictures"],
        output_names=["scores", "corners"],
        dynamic_axes={"pictures": free, "scores": free, "corners": free},
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("path", type=Path)
    chosen = parser.parse_args()
    export(chosen.checkpoint, chosen.path)


if __name__ == "__main__":
    main()
