"""From a face in the zone to a probe: a shot, its quality, an embedding. One per pass; it leaves nothing behind."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from edge.capture.picture import Picture
from edge.checkpoint.watcher import StepSums, WatchCounts
from edge.vision.people import SeenFace
from edge.vision.quality import QualityLimits, assess
from edge.vision.shots import BestShots, Shot
from models.alignment import align
from models.protocols import FaceEmbedding
from models.types import Float, ModelInputError

MAX_PROBES = 3
_BETWEEN_PROBES_S = 0.2
"""Pictures closer together than this show the same face in the same light: a second probe would add nothing."""


@dataclass(slots=True)
class Shooting:
    """The shots and probes of one person at one checkpoint."""

    embedder: FaceEmbedding
    limits: QualityLimits
    counts: WatchCounts
    sums: StepSums
    _shots: BestShots = field(default_factory=BestShots)
    _probes: list[Float] = field(default_factory=list)
    _probed_s: float | None = None

    @property
    def good_shots(self) -> int:
        """Shots that were embedded."""
        return len(self._probes)

    @property
    def full(self) -> bool:
        return len(self._probes) >= MAX_PROBES

    def shoot(self, face: SeenFace, picture: Picture) -> None:
        """Take a shot of ``face`` if it is good enough."""
        try:
            crop = align(picture.bgr(), face.landmarks)
        except ModelInputError:
            # Landmarks that fall together: the detector saw a face where there is none to be turned upright.
            return
        quality = assess(crop, face.box, face.landmarks, face.score, self.limits)
        if quality.refusal is not None:
            self.counts.refusals[quality.refusal] += 1
            crop.fill(0)
            return
        self.counts.shots += 1
        self._shots.offer(Shot(crop, quality.value, picture.moment))

    def probe(self, at_s: float, *, hurry: bool = False) -> bool:
        """Embed the best shot taken since the last probe; True when there is a new probe.

        at_s: stream time; hurry: the person has left, don't wait for a better one.
        """
        waited = self._probed_s is None or at_s - self._probed_s >= _BETWEEN_PROBES_S
        if self.full or not (waited or hurry):
            return False
        shot = self._shots.take_best()
        if shot is None:
            return False
        started_s = time.perf_counter()
        self._probes.append(self.embedder.embed(shot.crop[None])[0])
        self.sums.since("embed", started_s)
        shot.crop.fill(0)
        self._shots.wipe()
        self._probed_s = at_s
        self.counts.embedded += 1
        return True

    def probes(self) -> Float:
        """float32 (n, d) of unit length, n at least 1."""
        return np.stack(self._probes)

    def wipe(self) -> None:
        """Overwrite and forget shots and probes. How many there were stays known to the caller, not here."""
        self._shots.wipe()
        for probe in self._probes:
            probe.fill(0)
        self._probes.clear()
