"""The watcher of a face gate: who steps into the one-person zone is compared with the consenting people, once.

Nothing is cut out or embedded before somebody has stood in the zone for ``INTENT_FRAMES`` looks: walking past is no
request. While more than one person stands there nobody is compared, and while the lists are too old to recognise
anybody with nothing is cut out either. Whoever is outside is black before detection.

A pass is decided as soon as the best shots so far say clearly who it is, else when three good ones are there, and at
the latest when the person leaves or has stood there for ``PATIENCE_S``. A match opens for nobody but who it was made
of: not when its newest shot has grown old, and when they have gone not with anybody else in the zone, of whatever size.
Of a pass that was not decided when the camera went away nothing is kept: it begins anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from core.contract.config import FaceGate
from core.contract.events import CheckpointStateV1
from edge.capture.picture import Picture
from edge.checkpoint.decide import MIN_MARGIN, objection_to_match
from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.shooting import Shooting
from edge.checkpoint.trace import What
from edge.checkpoint.watcher import AWAY_S, Gaps, NearFaces, StepSums, WatchCounts
from edge.evidence import FaceEvidence, FaceMatch, Moment, Observation
from edge.ports import Gallery, ListView
from edge.vision.people import Look, SeenFace, ZonePeople
from edge.vision.quality import QualityLimits
from edge.vision.zone import Zone
from models.protocols import FaceDetecting, FaceEmbedding, PresentationChecking

INTENT_FRAMES = 3
PATIENCE_S = 5.0
"""Somebody who is not recognised by then is told to use another way in, while still there."""
_FPS = 12.5
"""Every second picture of most cameras: at 10 or 12 of 25 they would come unevenly, and people wait for the third."""


@dataclass(slots=True)
class _Pass:
    """One track in the zone. others: most further people seen in the zone with it."""

    track: int
    first: Moment
    shooting: Shooting
    sums: StepSums = field(default_factory=StepSums)
    looks: int = 0
    others: int = 0
    match: FaceMatch | None = None
    decided: bool = False


class FaceGateWatcher:
    """Watches one face gate. See `edge.checkpoint.watcher.Watcher`."""

    def __init__(
        self,
        checkpoint: FaceGate,
        detector: FaceDetecting,
        embedder: FaceEmbedding,
        gallery: Gallery,
        lists: ListView,
        *,
        presence: PresentationChecking | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._presence = presence
        self._embedder = embedder
        self._gallery = gallery
        self._lists = lists
        self._limits = QualityLimits(min_face_px=checkpoint.min_face_px)
        self._people = ZonePeople(Zone(checkpoint.zone), detector, checkpoint.min_face_px)
        self._passes: dict[int, _Pass] = {}
        self._counts = WatchCounts()
        self._near = NearFaces(checkpoint.min_face_px, self._counts)
        self._gaps = Gaps()

    @property
    def counts(self) -> WatchCounts:
        return self._counts

    @property
    def in_pass(self) -> bool:
        return any(not one.decided for one in self._passes.values())

    @property
    def wanted_fps(self) -> float:
        return _FPS

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:  # noqa: ARG002 - Watcher's form
        """Who is in the zone; an observation for each pass that is decided or over now."""
        self._counts.frames += 1
        if self._gaps.before(picture.moment.pts_s):
            for one in self._passes.values():
                if not one.decided:
                    self._begin_anew(one, picture.moment)
        look = self._people.look(picture)
        self._counts.looks += look.detect_ms > 0
        self._counts.faces += len(look.seen)
        near = self._near.of(look, picture.moment.pts_s)
        told: list[Observation] = []
        for face in near:
            one = self._pass_of(face, picture.moment)
            one.looks += 1
            one.sums.add("detect", look.detect_ms)
            if not one.decided and one.looks >= INTENT_FRAMES and self._seen_enough(one, face, picture, len(near) - 1):
                told.append(self._tell(one, picture, len(near) - 1, seen_s=picture.moment.pts_s))
        return told + self._over(look, picture)

    def _over(self, look: Look, picture: Picture) -> list[Observation]:
        """Of passes that end with this look and were not told, compared once more where that harms nobody."""
        # Of whatever size, and who was lost at the same look: the gate would open before them.
        others = self._people.others(None) + max(0, len(look.ended) - 1)
        told: list[Observation] = []
        for track in look.ended:
            over = self._passes.pop(track.id, None)
            if over is None or over.decided:
                continue
            if over.looks < INTENT_FRAMES:
                self._counts.trace.note(
                    picture.moment.pts_s, track.id, What.TOO_BRIEF, value=over.looks, limit=INTENT_FRAMES
                )
                continue
            lately = picture.moment.pts_s - track.seen_s <= AWAY_S
            if lately and not others and self._lists.recogniser_may_run(picture.moment.received_at):
                self._compare(over, picture.moment, hurry=True)
            told.append(self._tell(over, picture, others, seen_s=track.seen_s))
        return told

    def _pass_of(self, face: SeenFace, moment: Moment) -> _Pass:
        known = self._passes.get(face.track.id)
        if known is None:
            sums = StepSums()
            known = self._passes[face.track.id] = _Pass(face.track.id, moment, self._shooting(sums), sums)
        return known

    def _shooting(self, sums: StepSums) -> Shooting:
        return Shooting(self._embedder, self._limits, self._counts, sums, self._presence, self._checkpoint.presentation)

    def _begin_anew(self, one: _Pass, moment: Moment) -> None:
        """Somebody else has taken the place: nothing of the one before counts for them."""
        one.shooting.wipe()
        one.first, one.sums, one.match, one.looks, one.others = moment, StepSums(), None, 0, 0
        one.shooting = self._shooting(one.sums)

    def _seen_enough(self, one: _Pass, face: SeenFace, picture: Picture, others: int) -> bool:
        """Look closer at somebody who is there on purpose; True when it is time to decide."""
        one.others = max(one.others, others)
        moment = picture.moment
        if not self._lists.recogniser_may_run(moment.received_at):
            self._counts.trace.note(moment.pts_s, one.track, What.LISTS_OLD)
            return True
        patient = moment.pts_s - one.first.pts_s < PATIENCE_S
        crowded = self._counts.ask(Gate.CROWD, others > 0, at_s=moment.pts_s, track=one.track, value=others, limit=0)
        if not crowded:
            one.shooting.shoot(face, picture)
            # What would be enough if it were not old needs no better shot, but one of now.
            if self._compare(one, moment, hurry=not patient or self._is_enough(one)):
                fresh = one.shooting.fresh(moment.pts_s)
                return one.shooting.spent or (fresh and self._is_enough(one)) or not patient
        return moment.pts_s - one.first.pts_s >= PATIENCE_S

    def _is_enough(self, one: _Pass) -> bool:
        return one.shooting.complete or self._is_clear(one)

    def _is_clear(self, one: _Pass) -> bool:
        match = one.match
        if match is None or objection_to_match(match) is not None:
            return False
        return one.shooting.clear(match.score, match.threshold)

    def _compare(self, one: _Pass, moment: Moment, *, hurry: bool) -> bool:
        """Ask who it is if there is something new to ask with; True when there was."""
        if not one.shooting.probe(moment.pts_s, hurry=hurry):
            return False
        if one.shooting.another:
            self._begin_anew(one, moment)
            return False
        if one.shooting.good_shots == 0:
            one.match = None
            return True
        started_s = time.perf_counter()
        probes = one.shooting.probes()
        one.match = self._gallery.identify(probes, self._checkpoint.id, moment.received_at)
        probes.fill(np.float32(0))
        one.sums.since("match", started_s)
        if one.match is not None:
            self._counts.trace.note(
                moment.pts_s, one.track, What.COMPARED, value=one.match.score, limit=one.match.threshold
            )
        return True

    def _tell(self, one: _Pass, picture: Picture, others: int, *, seen_s: float) -> Observation:
        """The one observation of this pass. Shots are gone when it is returned, probes once it is forgotten.

        others: further people in the zone now; seen_s: stream time at which somebody was last seen in its place.
        """
        probes = one.shooting.probes() if one.shooting.good_shots else None
        lately = picture.moment.pts_s - seen_s <= AWAY_S
        good_shots = one.shooting.good_shots if lately and one.shooting.fresh(seen_s) else 0
        if others or good_shots == 0:
            # Whoever was recognised while alone, or earlier: the gate would open before somebody else.
            one.match = None
        one.decided = True
        presentation = one.shooting.presentation
        self._count_match(one, picture.moment.pts_s, compared=good_shots > 0 and others == 0)
        one.shooting.wipe()
        self._counts.passes += 1
        # Somebody who was compared was alone in the picture compared.
        others = others or (one.others if good_shots == 0 else 0)
        return Observation(
            checkpoint=self._checkpoint.id,
            camera=self._checkpoint.camera,
            seen=FaceEvidence(one.match, good_shots + one.shooting.held_back, others, presentation),
            first=one.first,
            deciding=picture.moment,
            times=one.sums.times(picture.capture_ms),
            probes=probes,
        )

    def _count_match(self, one: _Pass, at_s: float, *, compared: bool) -> None:
        """What the last two gates said of the pass; they are asked only of who was compared."""
        self._counts.trace.note(at_s, one.track, What.DECIDED)
        if not compared:
            return
        match = one.match
        score, threshold = (None, None) if match is None else (match.score, match.threshold)
        below = match is None or not match.score >= match.threshold
        if (
            not self._counts.ask(Gate.THRESHOLD, below, at_s=at_s, track=one.track, value=score, limit=threshold)
            and match is not None
        ):
            self._counts.ask(
                Gate.MARGIN,
                not match.margin >= MIN_MARGIN,
                at_s=at_s,
                track=one.track,
                value=match.margin,
                limit=MIN_MARGIN,
            )
