"""From which cosine on a face counts: measured per model, and for 1:N per size of the gallery searched.

A threshold fit for comparing two pictures lets strangers in when it is asked of a whole gallery: at 0.363, OpenCV's
recommendation for SFace in 1:1, 16 % of strangers match one of 200 people and 65 % one of 1,680.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from core.contract.ids import ModelId
from watchlists.errors import UnknownModelError


@dataclass(frozen=True, slots=True)
class Threshold:
    """Cosine from which to accept, and what it rests on.

    basis: ``measured`` at this gallery size, ``interpolated`` between two, ``floor`` below the smallest one,
    ``extrapolated`` beyond the largest: a straight line in log N, to be replaced by a calibration on site.
    """

    cosine: float
    basis: Literal["measured", "interpolated", "floor", "extrapolated"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds of one model.

    identify: (templates searched, cosine) for the wanted FPIR, ascending; verify: cosine for 1:1.
    """

    identify: tuple[tuple[int, float], ...]
    verify: float

    def identify_at(self, searched: int) -> Threshold:
        """Threshold for an open-set search among ``searched`` templates, linear in log N. Never above 1."""
        sizes = [size for size, _ in self.identify]
        if searched <= sizes[0]:
            return Threshold(self.identify[0][1], "measured" if searched == sizes[0] else "floor")
        if searched in sizes:
            return Threshold(dict(self.identify)[searched], "measured")
        above = next((at for at, size in enumerate(sizes) if size > searched), len(sizes) - 1)
        (small, low), (large, high) = self.identify[above - 1], self.identify[above]
        share = math.log(searched / small) / math.log(large / small)
        cosine = min(1.0, low + share * (high - low))
        return Threshold(cosine, "extrapolated" if searched > sizes[-1] else "interpolated")


SFACE = Calibration(
    # FPIR 1 %, one enrolment picture each, LFW (13,233 pictures), own probes against strangers' names.
    identify=((200, 0.429), (1000, 0.469), (1680, 0.483)),
    # FMR 1e-4 over 87.3 million impostor pairs of LFW (TAR 0.994); OpenCV's own 0.363 gives about 1e-3 there.
    verify=0.427,
)
_BY_MODEL = {ModelId("sface@0ba9fbfa01b5"): SFACE}


def calibration_of(model: ModelId) -> Calibration:
    """Thresholds measured for ``model`` (``name@hash``). Raises UnknownModelError when nobody measured any."""
    calibration = _BY_MODEL.get(model)
    if calibration is None:
        raise UnknownModelError(
            f"no face thresholds were measured for model {model!r} (known: {', '.join(_BY_MODEL)}): choose one "
            "of these in edges[].models.face_embedder, or calibrate this one first"
        )
    return calibration
