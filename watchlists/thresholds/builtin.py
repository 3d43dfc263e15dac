"""Thresholds that come with Anju, for the models somebody measured."""

from __future__ import annotations

from core.contract.ids import ModelId
from watchlists.errors import UnknownModelError
from watchlists.thresholds.table import Calibration

SFACE = Calibration(
    # FPIR 1 %, one enrolment picture each, LFW (13,233 pictures), own probes against strangers' names.
    identify=((200, 0.429), (1000, 0.469), (1680, 0.483)),
    # FMR 1e-4 over 87.3 million impostor pairs of LFW (TAR 0.994); OpenCV's own 0.363 gives about 1e-3 there.
    verify=0.427,
)
BUILT_IN = {ModelId("sface@0ba9fbfa01b5"): SFACE}


def calibration_of(model: ModelId) -> Calibration:
    """Thresholds measured for ``model`` (``name@hash``). Raises UnknownModelError when nobody measured any."""
    calibration = BUILT_IN.get(model)
    if calibration is None:
        raise UnknownModelError(
            f"no face thresholds were measured for model {model!r} (known: {', '.join(BUILT_IN)}): choose one of these "
            "in edges[].models.face_embedder, or make a calibration with 'anju watchlists calibrate' and name it in "
            "edges[].calibration_file"
        )
    return calibration
