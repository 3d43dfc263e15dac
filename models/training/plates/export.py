"""Write the trained network as ONNX: python -m models.training.plates.export CHECKPOINT OUT.onnx"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch

from models.plate_reader_own import HEIGHT_PX, WIDTH_PX
from models.training.plates.network import PlateNetwork

OPSET = 17


def export(checkpoint: Path, out: Path) -> None:
    """The running average kept in ``checkpoint`` as a graph with a free batch size; batch norms folded."""
    network = PlateNetwork()
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["averaged"])
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, HEIGHT_PX, WIDTH_PX),),
        str(out),
        input_names=["pictures"],
        output_names=["characters", "colours", "rows"],
        dynamic_axes={name: {0: "n"} for name in ("pictures", "characters", "colours", "rows")},
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(str(out))
    graph.producer_version = ""
    onnx.checker.check_model(graph)
    onnx.save(graph, str(out))


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
