"""Gates of a checkpoint that tell nothing any more, in the log."""

from __future__ import annotations

import structlog

from core.contract.ids import CheckpointId
from edge.checkpoint.gate_counts import GateCounts, SuspicionLog, suspicious

log = structlog.get_logger()


def tell_suspicions(known: SuspicionLog, checkpoint: CheckpointId, counts: GateCounts) -> None:
    """Log what is not in ``known`` yet."""
    for one in known.news(suspicious(counts)):
        # What never refuses may just have nothing to refuse: a gate in good light.
        tell = log.warning if one.refuses == "always" else log.info
        tell(
            "gate.suspicious",
            checkpoint=checkpoint,
            gate=str(one.gate),
            refuses=one.refuses,
            in_a_row=one.answers,
            advice="look at the camera's picture and at the checkpoint's limits; see docs/faces.md, docs/plates.md",
        )
