"""From a face in the zone to a probe: shots, their quality, embeddings, one fused probe. One per pass; leaves nothing.

The best three shots of the pass count. A good one is embedded at once, a poor one only when no better one has come for
a moment; so who is close and looks up is decided on at the first shot, and who walks up is not judged by the blur.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import structlog

from core.contract.config import PresentationPolicy
from core.contract.vocabulary import Presentation
from edge.capture.picture import Picture
from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.trace import What
from edge.checkpoint.watcher import StepSums, WatchCounts
from edge.vision.people import SeenFace
from edge.vision.presentation import may_be_compared, presentation_of
from edge.vision.quality import FaceQuality, QualityLimits, Refusal, assess
from edge.vision.shots import BestShots, Shot, fused
from models.alignment import SIDE_PX, align, similarity
from models.errors import ModelRunError
from models.protocols import FaceEmbedding, PixelBox, PresentationChecking
from models.types import Float, Image, ModelInputError

log = structlog.get_logger()

MAX_EMBEDDED = 6
"""Embeddings, or presentation checks, of one pass at most: three, and three more where better shots came later, or
where a check gave no answer."""
GOOD_QUALITY = 0.8
"""A shot this good is embedded at once; three of them are all that is worth waiting for."""
SETTLE_S = 0.4
"""How long a poorer shot waits for a better one."""
FRESH_S = 1.0
"""A probe whose newest shot is older says nothing of who is there now: somebody else may have taken the place."""
CLEAR_QUALITY = 0.5
EARLY_ABOVE = 0.03
"""A pass is decided before its shots are there only that far above the threshold: each time a gate asks, a stranger has
another chance. What the whole rule lets in, whenever they go, is measured (`benchmarks.identification`)."""
UNLIKE = 0.25
"""Cosine below which a shot is of somebody else than the shots before it. SFace, simulated shots of a pass of LFW: less
than 1 % of a person's own lie below (3 % of those made of two pictures from different days), of others' 96 %."""
_GATES = {
    Refusal.TURNED: Gate.POSE,
    Refusal.DARK: Gate.DARK,
    Refusal.BRIGHT: Gate.BRIGHT,
    Refusal.BLURRED: Gate.BLUR,
}
"""Size was asked by whoever chose the face."""


@dataclass(slots=True)
class Shooting:
    """The shots and the probe of one person at one checkpoint."""

    embedder: FaceEmbedding
    limits: QualityLimits
    counts: WatchCounts
    sums: StepSums
    presence: PresentationChecking | None = None
    """Asked before a shot is embedded, where there is one."""
    policy: PresentationPolicy = "if_available"
    """Whether anything is made of a shot that it could not look at."""
    held_back: int = field(default=0, init=False)
    """Good shots of which nothing was made because ``policy`` requires a check that could not be had."""
    another: bool = field(default=False, init=False)
    """A shot was unlike those before it: somebody else has taken the place, and no probe here is one person's."""
    _presences: list[float] = field(default_factory=list)
    _check_failures: int = 0
    _shots: BestShots = field(default_factory=BestShots)
    _embedded: int = 0
    _waiting_since_s: float | None = None
    _track: int | None = None

    @property
    def good_shots(self) -> int:
        """Shots that are in the probe."""
        return len(self._in_probe())

    @property
    def complete(self) -> bool:
        """True when more looks would not make the probe better, or it has cost enough."""
        if self.spent or self.presentation is Presentation.ATTACK:
            return self.spent
        inside = self._in_probe()
        full = len(inside) == self._shots.keep
        return full and all(one.quality >= GOOD_QUALITY for one in inside)

    @property
    def spent(self) -> bool:
        """True when no more shots are taken, not even newer ones: it has cost enough, or it looks like a picture."""
        if self._left <= 0 or (self.presence is None and self.held_back >= self._shots.keep):
            return True
        return self.presentation is Presentation.ATTACK and len(self._presences) >= self._shots.keep

    def clear(self, score: float, threshold: float) -> bool:
        """Whether ``score`` says enough before all shots are there.

        Not before the presentation check, where there is one, was shown three: a picture of a face may be lucky once.
        """
        if self.presence is not None and len(self._presences) + self._unchecked < self._shots.keep:
            return False
        good = any(one.quality >= CLEAR_QUALITY for one in self._in_probe())
        return good and self.presentation is not Presentation.ATTACK and score >= threshold + EARLY_ABOVE

    @property
    def presentation(self) -> Presentation:
        """Of the pass: by the mean over every shot checked, so that one lucky shot of a picture makes it no face.

        Not checked as long as any shot in the probe was not, or too few were.
        """
        if self.presence is None:
            return Presentation.NOT_CHECKED
        return presentation_of(self._presences, self.presence.threshold, unchecked=self._unchecked)

    @property
    def _left(self) -> int:
        """How many more shots may be checked or embedded."""
        return MAX_EMBEDDED - max(self._embedded, len(self._presences) + self._check_failures)

    @property
    def _unchecked(self) -> int:
        """Shots in the probe that no presentation check has judged."""
        return sum(one.presence is None for one in self._in_probe())

    def shoot(self, face: SeenFace, picture: Picture) -> None:
        """Take a shot of ``face`` if it is good enough and any use."""
        if self.spent or (self.complete and self.fresh(picture.moment.pts_s)):
            return
        try:
            crop = _crop(picture, face.landmarks)
        except ModelInputError:
            # Landmarks that fall together: the detector saw a face where there is none to be turned upright.
            return
        quality = assess(crop, face.box, face.landmarks, face.score, self.limits)
        at_s = picture.moment.pts_s
        self._track = track = face.track.id
        self._count(quality, at_s, track)
        if quality.refusal is not None:
            self.counts.refusals[quality.refusal] += 1
            crop.fill(0)
            return
        self.counts.shots += 1
        self.counts.trace.note(at_s, track, What.SHOT, value=quality.value)
        shot = Shot(crop, quality.value, picture.moment)
        region = _region(picture, face, self.presence)
        if region is None and self.presence is not None and self.policy == "required":
            # Nothing may be made of it: it takes no place, and whoever comes nearer can still be checked.
            self.held_back += 1
            shot.wipe()
            return
        if self.take(shot) and region is not None:
            shot.surroundings = picture.part(*region)

    def take(self, shot: Shot) -> bool:
        """Keep ``shot`` if it is any use, else wipe it; whether it was kept."""
        if not self._shots.offer(shot):
            return False
        if self._waiting_since_s is None and any(one is shot for one in self._shots.shots):
            self._waiting_since_s = shot.moment.pts_s
        return True

    def fresh(self, at_s: float) -> bool:
        """Whether a shot in the probe was made within ``FRESH_S`` before stream time ``at_s``."""
        return any(at_s - one.moment.pts_s <= FRESH_S for one in self._in_probe())

    def probe(self, at_s: float, *, hurry: bool = False) -> bool:
        """Check and embed what is worth it by now; True when the probe or ``presentation`` has changed.

        at_s: stream time; hurry: there will be no better shot, take what is there.
        """
        left = max(0, self._left)
        if hurry and left and not self.fresh(at_s):
            self._shots.use_spare()
        waiting = [one for one in self._shots.shots if one.vector is None]
        # Best first, but those that can still say who is there now before those that can't.
        waiting = sorted(waiting, key=lambda one: at_s - one.moment.pts_s > FRESH_S)[:left]
        if not waiting:
            return False
        chosen = waiting if hurry else waiting[:1]
        since_s = self._waiting_since_s
        settled = hurry or (since_s is not None and at_s - since_s >= SETTLE_S)
        if not settled and waiting[0].quality < GOOD_QUALITY:
            return False
        faces = [one for one in chosen if self._is_face(one, at_s)]
        if faces:
            self._embed(faces)
        self._waiting_since_s = at_s if len(waiting) > len(chosen) else None
        return True

    def probes(self) -> Float:
        """float32 (1, d) of unit length: all ``good_shots`` (at least 1) fused. The caller wipes it."""
        inside = self._in_probe()
        vectors = np.stack([one.vector for one in inside if one.vector is not None])
        probe = fused(vectors, np.array([one.quality for one in inside], np.float32))
        vectors.fill(0)
        return probe[None]

    def wipe(self) -> None:
        """Overwrite and forget shots and vectors."""
        self._shots.wipe()

    def _in_probe(self) -> list[Shot]:
        return [one for one in self._shots.shots if one.vector is not None]

    def _is_face(self, shot: Shot, at_s: float) -> bool:
        """Ask the presentation check; a shot that may not be compared is gone."""
        limit = 0.0 if self.presence is None else self.presence.threshold
        shot.presence = score = self._checked(shot)
        passed = may_be_compared(score, limit, self.policy)
        if score is not None:
            self._presences.append(score)
            self.counts.ask(Gate.PRESENTATION, not passed, at_s=at_s, track=self._track, value=score, limit=limit)
        elif not passed:
            self.held_back += 1
        if not passed:
            self._shots.drop(shot)
        return passed

    def _checked(self, shot: Shot) -> float | None:
        """What the presentation check says of ``shot``; None where there is none, or it could not look at it."""
        if self.presence is None or shot.surroundings is None:
            return None
        started_s = time.perf_counter()
        try:
            return self.presence.check(shot.surroundings)
        except (ModelRunError, ModelInputError) as error:
            log.warning("presentation.not_checked", model=self.presence.model, problem=str(error))
            self._check_failures += 1
            return None
        finally:
            self.sums.since("detect", started_s)
            shot.surroundings.fill(0)
            shot.surroundings = None

    def _embed(self, shots: list[Shot]) -> None:
        started_s = time.perf_counter()
        crops = np.stack([one.crop for one in shots])
        vectors = self.embedder.embed(crops)
        for shot, vector in zip(shots, vectors, strict=True):
            self.another = self.another or self._unlike(vector)
            shot.vector = vector.copy()
            shot.wipe_pixels()
        crops.fill(0)
        vectors.fill(0)
        self.sums.since("embed", started_s)
        self._embedded += len(shots)
        self.counts.embedded += len(shots)

    def _unlike(self, vector: Float) -> bool:
        """Whether ``vector`` is of somebody else than the probe so far."""
        if not self._in_probe():
            return False
        probe = self.probes()
        cosine = float(probe[0] @ vector)
        probe.fill(0)
        # Written so that a cosine that is no number counts as somebody else's.
        return not cosine >= UNLIKE

    def _count(self, quality: FaceQuality, at_s: float, track: int) -> None:
        for check in quality.checks:
            gate = _GATES.get(check.refusal)
            if gate is not None:
                self.counts.ask(gate, check.refused, at_s=at_s, track=track, value=check.figure, limit=check.limit)


def _region(picture: Picture, face: SeenFace, presence: PresentationChecking | None) -> PixelBox | None:
    """What ``presence`` wants to see of ``face``; None where it can't look at it."""
    if presence is None or face.width_px < presence.min_face_px:
        return None
    try:
        return presence.region(face.box, picture.width, picture.height)
    except ModelInputError:
        # A box at the picture's edge with nothing to see around it: not checked, which is no pass.
        return None


def _crop(picture: Picture, landmarks: Float) -> Image:
    """The face turned upright, of no more of ``picture`` than it takes. Raises ModelInputError."""
    matrix = similarity(np.asarray(landmarks, np.float64))
    back = np.linalg.inv(matrix[:, :2])
    corners = (np.array([[0, 0], [SIDE_PX, 0], [0, SIDE_PX], [SIDE_PX, SIDE_PX]]) - matrix[:, 2]) @ back.T
    x0, y0 = (int(value) for value in np.floor(corners.min(axis=0)) - 1)
    x1, y1 = (int(value) for value in np.ceil(corners.max(axis=0)) + 2)
    if x1 <= 0 or y1 <= 0 or x0 >= picture.width or y0 >= picture.height:
        raise ModelInputError("landmarks: they lie outside the picture")
    part = picture.part(x0, y0, x1, y1)
    crop = align(part, np.asarray(landmarks - (max(0, x0), max(0, y0)), np.float32))
    part.fill(0)
    return crop
