"""A checkpoint in a process without lists: what its watcher sees is told to the edge, which decides."""

from __future__ import annotations

import numpy as np

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import CheckpointStateV1
from core.contract.vocabulary import GateState
from edge.capture.picture import Picture
from edge.checkpoint.controllers import utc_now
from edge.checkpoint.gate_counts import SuspicionLog
from edge.checkpoint.suspicions import tell_suspicions
from edge.checkpoint.watcher import Watcher
from edge.evidence import Crossing, FaceEvidence, Moment, Observation, PassEvidence, PlateEvidence
from edge.shards.lists import AskedLists
from edge.shards.messages import CrossingSeen, FaceSeen, Observed, PassSeen, PlateSeen, SaidMoment, written
from edge.shards.pictures import KeptPictures
from edge.shards.wire import Wire


class FarPost:
    """See `edge.checkpoint.rounds.Post`. How the gate is no watcher asks, so it is not told."""

    def __init__(
        self,
        checkpoint: FaceGate | Door | PlateLane,
        watcher: Watcher,
        wire: Wire,
        lists: AskedLists,
        pictures: KeptPictures,
    ) -> None:
        self.checkpoint = checkpoint
        self.watcher = watcher
        self.counted: dict[str, int] = {}
        """What the watcher has counted, as of its last picture."""
        self._suspicions = SuspicionLog()
        self._wire = wire
        self._lists = lists
        self._pictures = pictures
        self._gate = CheckpointStateV1(checkpoint=checkpoint.id, gate=GateState.UNKNOWN, since=utc_now())

    def look(self, picture: Picture) -> None:
        """Look at ``picture`` and tell what there is to tell. From one thread; raises WireError."""
        observations = self.watcher.look(picture, self._gate)
        try:
            for observation in observations:
                probes = observation.probes
                blob = b"" if probes is None else np.ascontiguousarray(probes, "<f4").tobytes()
                self._wire.send(written(self._told(observation)), blob)
        finally:
            for observation in observations:
                observation.forget()
        counts = self.watcher.counts
        self.counted = counts.flat()
        tell_suspicions(self._suspicions, self.checkpoint.id, counts.gates)

    def _told(self, seen: Observation) -> Observed:
        rows, columns = (0, 0) if seen.probes is None else seen.probes.shape
        return Observed(
            checkpoint=seen.checkpoint,
            seen=self._evidence(seen),
            first=_said(seen.first),
            deciding=_said(seen.deciding),
            times=seen.times,
            picture=self._kept(seen),
            rows=rows,
            columns=columns,
        )

    def _evidence(self, observation: Observation) -> FaceSeen | PassSeen | PlateSeen | CrossingSeen:
        seen = observation.seen
        match seen:
            case FaceEvidence():
                return FaceSeen(
                    answer=None if seen.match is None else int(seen.match.template_id),
                    good_shots=seen.good_shots,
                    others_in_zone=seen.others_in_zone,
                    presentation=seen.presentation,
                )
            case PassEvidence():
                return PassSeen(
                    text=None if seen.qr is None else self._lists.text_of(seen.qr),
                    answer=None if seen.likeness is None else int(seen.likeness.template_id),
                    good_shots=seen.good_shots,
                    others_in_zone=seen.others_in_zone,
                    presentation=seen.presentation,
                )
            case PlateEvidence():
                return PlateSeen(reading=seen.reading, confidences=seen.confidences, gone=seen.gone, alike=seen.alike)
            case Crossing():
                return CrossingSeen(track=seen.track)

    def _kept(self, seen: Observation) -> int | None:
        """Of plates and of who went through, as `edge.passage` keeps them; of whoever showed a face, nothing."""
        if isinstance(seen.picture, np.ndarray) and isinstance(seen.seen, PlateEvidence | Crossing):
            return self._pictures.keep(seen.picture)
        return None


def _said(moment: Moment) -> SaidMoment:
    return SaidMoment(pts_s=moment.pts_s, received_at=moment.received_at, received_s=moment.received_s)
