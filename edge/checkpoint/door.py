"""The watcher of a door: a QR pass and the face beside it (1:1), and everybody who goes through.

Codes are looked for only while a face is in the zone. A face is looked at closer only while a pass is held up that the
lists let through, and compared with that pass's holder alone; of a holder who never enrolled, and while the lists are
too old, nothing is made. Going through is geometry (`edge.checkpoint.through`): no face is cut out for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.contract.config import Door
from core.contract.events import CheckpointStateV1
from core.contract.ids import SubjectKey
from core.contract.signed import PASS_PREFIX, QrPass
from edge.capture.picture import Picture
from edge.checkpoint.decide import holder_may_be_compared
from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.shooting import Shooting
from edge.checkpoint.through import BodiesThrough, FacesThrough, GoingThrough
from edge.checkpoint.trace import What
from edge.checkpoint.watcher import AWAY_S, Gaps, NearFaces, StepSums, WatchCounts
from edge.evidence import Crossing, Moment, Observation, PassEvidence
from edge.ports import Gallery, ListView, PassReader
from edge.vision.people import Look, SeenFace, ZonePeople
from edge.vision.qr import read_codes
from edge.vision.quality import QualityLimits
from edge.vision.zone import Zone
from models.protocols import BodyDetecting, FaceDetecting, FaceEmbedding, PresentationChecking
from watchlists.faces.change import Likeness

SHOWN_AGAIN_S = 3.0
"""A code unseen for that long and then seen again is held up anew; one in the same picture as a pass that was compared
waits as long for its turn."""
PATIENCE_S = 3.0
_RESCAN_S = 0.3
_MAX_CODES = 16
_FPS = 12.0


@dataclass(slots=True)
class _Showing:
    """A code held up; of a valid pass, until its holder's face is compared to the end. qr: None for no pass of ours.

    others: most further people seen in the zone with it; crowd: those in it now; track: whose shots are taken; seen_s:
    stream time at which anybody was last seen in the zone; beside: further codes in the same picture whose holders may
    be compared.
    """

    qr: QrPass | None
    first: Moment
    shooting: Shooting
    sums: StepSums
    seen_s: float
    others: int = 0
    crowd: int = 0
    track: int | None = None
    likeness: Likeness | None = None
    enrolled: bool = True
    beside: frozenset[str] = frozenset()


class DoorWatcher:
    """Watches one door. See `edge.checkpoint.watcher.Watcher`."""

    def __init__(
        self,
        checkpoint: Door,
        detector: FaceDetecting,
        embedder: FaceEmbedding,
        gallery: Gallery,
        passes: PassReader,
        *,
        lists: ListView,
        enrolled: Callable[[SubjectKey], bool],
        presence: PresentationChecking | None = None,
        bodies: BodyDetecting | None = None,
    ) -> None:
        """enrolled: whether somebody has a template in ``gallery``; asked before anything is made of their face.

        bodies: finds everybody who goes through; None: only those whose face is seen are counted.
        """
        self._checkpoint = checkpoint
        self._presence = presence
        self._embedder = embedder
        self._gallery = gallery
        self._reader = passes
        self._lists = lists
        self._enrolled = enrolled
        self._zone = Zone(checkpoint.zone)
        self._limits = QualityLimits(min_face_px=checkpoint.min_face_px)
        self._people = ZonePeople(self._zone, detector, checkpoint.min_face_px)
        self._through: GoingThrough = FacesThrough(checkpoint) if bodies is None else BodiesThrough(checkpoint, bodies)
        self._showing: _Showing | None = None
        self._codes_seen_s: dict[str, float] = {}
        self._wait_since_s: dict[str, float] = {}
        self._scanned_s = float("-inf")
        self._counts = WatchCounts()
        self._near = NearFaces(checkpoint.min_face_px, self._counts)
        self._gaps = Gaps()

    @property
    def counts(self) -> WatchCounts:
        return self._counts

    @property
    def in_pass(self) -> bool:
        return self._showing is not None or self._through.anybody

    @property
    def wanted_fps(self) -> float:
        return _FPS

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:  # noqa: ARG002 - Watcher's form
        """Passes held up that are decided now, and tracks that went through now."""
        self._counts.frames += 1
        if self._gaps.before(picture.moment.pts_s):
            self._forget_showing()
        look = self._people.look(picture)
        self._counts.looks += look.detect_ms > 0
        self._counts.faces += len(look.seen)
        near = self._near.of(look, picture.moment.pts_s)
        told: list[Observation] = []
        if near and self._showing is None:
            told += self._scan(picture, look.detect_ms)
        if self._showing is not None:
            self._showing.sums.add("detect", look.detect_ms)
            if look.seen:
                self._showing.seen_s = picture.moment.pts_s
            if self._seen_enough(self._showing, near, look, picture):
                told.append(self._tell(self._showing, picture))
                self._showing = None
        return told + self._go_through(look, picture)

    def _forget_showing(self) -> None:
        """The camera was away: a pass that is still held up is held up anew."""
        if self._showing is not None:
            self._showing.shooting.wipe()
            self._showing = None
            self._codes_seen_s.clear()

    def _scan(self, picture: Picture, detect_ms: float) -> list[Observation]:
        """Look for codes; an observation for one that is no valid pass now, a `_Showing` for one that is."""
        at_s = picture.moment.pts_s
        if self._codes_seen_s and at_s - self._scanned_s < _RESCAN_S:
            return []
        self._scanned_s = at_s
        started_s = time.perf_counter()
        codes = read_codes(self._zone.part_of(picture).image)
        sums = StepSums()
        sums.add("detect", detect_ms)
        sums.since("read", started_s)
        fresh = self._fresh(codes, at_s)
        if not fresh:
            return []
        self._counts.codes += 1
        self._counts.trace.note(at_s, None, What.CODE)
        chosen, opens = self._chosen(fresh, picture.moment, sums)
        if not opens:
            self._counts.trace.note(at_s, None, What.PASS_REFUSED if chosen.enrolled else What.NOT_ENROLLED)
            return [self._tell(chosen, picture)]
        self._showing = chosen
        return []

    def _chosen(self, fresh: list[str], moment: Moment, sums: StepSums) -> tuple[_Showing, bool]:
        """The first of ``fresh`` whose holder may be compared and True, else the first of ours or of all and False.

        A phone's case or a poster may carry a code too, and an expired pass may lie beside a valid one. Remembers all
        as seen but further ones whose holders may be compared: their turn comes, a while after this one's. Whoever
        holds up a sheet of passes is not compared with one holder right after the other.
        """
        ours = [code for code in fresh if code.startswith(PASS_PREFIX)]
        tried: list[tuple[str, _Showing, bool]] = []
        for code in ours or fresh[:1]:
            showing = _Showing(self._reader.verify(code), moment, self._shooting(sums), sums, moment.pts_s)
            opens = showing.qr is not None and self._may_look_closer(showing, showing.qr, moment)
            tried.append((code, showing, opens))
        chosen = min(tried, key=lambda one: not one[2])
        later = chosen[1].beside = frozenset(code for code, _, opens in tried if opens and code != chosen[0])
        self._remember((code for code in fresh if code not in later), moment.pts_s)
        return chosen[1:]

    def _shooting(self, sums: StepSums) -> Shooting:
        return Shooting(self._embedder, self._limits, self._counts, sums, self._presence, self._checkpoint.presentation)

    def _may_look_closer(self, showing: _Showing, qr: QrPass, moment: Moment) -> bool:
        """Asked before each look: a pass may be revoked, or a consent end, while the pass is held up."""
        showing.enrolled = self._enrolled(qr.subject)
        return showing.enrolled and holder_may_be_compared(self._checkpoint, qr, self._lists, moment.received_at)

    def _fresh(self, codes: tuple[str, ...], at_s: float) -> list[str]:
        """Codes not seen within ``SHOWN_AGAIN_S`` and not waiting; of ``codes`` those seen are remembered as seen."""
        self._codes_seen_s = {
            code: seen_s for code, seen_s in self._codes_seen_s.items() if at_s - seen_s < SHOWN_AGAIN_S
        }
        self._wait_since_s = {
            code: since_s for code, since_s in self._wait_since_s.items() if at_s - since_s < SHOWN_AGAIN_S
        }
        fresh = [code for code in codes if code not in self._codes_seen_s and code not in self._wait_since_s]
        self._remember((code for code in codes if code in self._codes_seen_s), at_s)
        return fresh

    def _remember(self, codes: Iterable[str], at_s: float) -> None:
        self._codes_seen_s |= dict.fromkeys(codes, at_s)
        while len(self._codes_seen_s) > _MAX_CODES:
            self._codes_seen_s.pop(next(iter(self._codes_seen_s)))

    def _seen_enough(self, showing: _Showing, near: list[SeenFace], look: Look, picture: Picture) -> bool:
        """Compare the face in the zone with the pass's holder; True when it is time to decide."""
        assert showing.qr is not None
        at_s = picture.moment.pts_s
        crowd = showing.crowd = self._beside(showing, near, look)
        showing.others = max(showing.others, crowd)
        if not self._may_look_closer(showing, showing.qr, picture.moment):
            return True
        patient = at_s - showing.first.pts_s < PATIENCE_S
        if not near:
            return not (patient and self._people.anybody)
        track = near[0].track.id
        if not self._counts.ask(Gate.CROWD, crowd > 0, at_s=at_s, track=track, value=crowd, limit=0):
            if showing.track not in {None, track}:
                self._begin_anew(showing)
            showing.track = track
            showing.shooting.shoot(near[0], picture)
            # What would be enough if it were not old needs no better shot, but one of now.
            changed = showing.shooting.probe(at_s, hurry=not patient or self._is_enough(showing))
            if showing.shooting.another:
                self._begin_anew(showing)
            elif changed and self._compared(showing, showing.qr, at_s):
                return True
        return not patient

    def _is_enough(self, showing: _Showing) -> bool:
        found, shooting = showing.likeness, showing.shooting
        clear = found is not None and shooting.clear(found.score, self._gallery.verify_threshold)
        return shooting.complete or clear

    def _beside(self, showing: _Showing, near: list[SeenFace], look: Look) -> int:
        """How many people are in the zone beside the one being compared.

        While that one is not near, of whatever size, and who was lost at the same look: it would open before them.
        """
        if near or showing.track is None:
            return max(0, len(near) - 1)
        return self._people.others(showing.track) + sum(track.id != showing.track for track in look.ended)

    def _begin_anew(self, showing: _Showing) -> None:
        """Somebody else stands there now: nothing of the one before counts for them."""
        showing.shooting.wipe()
        showing.shooting, showing.likeness = self._shooting(showing.sums), None

    def _compared(self, showing: _Showing, qr: QrPass, at_s: float) -> bool:
        """Compare what there is of the face with the pass's holder; True when more of it would change nothing."""
        shooting, threshold = showing.shooting, self._gallery.verify_threshold
        if shooting.good_shots == 0:
            showing.likeness = None
            return shooting.complete
        started_s = time.perf_counter()
        probes = shooting.probes()
        found = showing.likeness = self._gallery.compare(qr.subject, probes)
        probes.fill(0)
        showing.sums.since("match", started_s)
        if found is None:
            return True
        self._counts.trace.note(at_s, showing.track, What.COMPARED, value=found.score, limit=threshold)
        return shooting.spent or (shooting.fresh(at_s) and self._is_enough(showing))

    def _tell(self, showing: _Showing, picture: Picture) -> Observation:
        """The one observation of this showing. Shots and probes are gone when it is returned."""
        presentation = showing.shooting.presentation
        at_s = picture.moment.pts_s
        lately = at_s - showing.seen_s <= AWAY_S
        good_shots = showing.shooting.good_shots if lately and showing.shooting.fresh(showing.seen_s) else 0
        showing.shooting.wipe()
        if showing.crowd or good_shots == 0:
            # Whoever was recognised while alone, or earlier: the door would open before somebody else, too.
            showing.likeness = None
        self._count_match(showing, at_s)
        # Held up on and on while the face was looked at: it is still the same showing.
        self._codes_seen_s = dict.fromkeys(self._codes_seen_s, at_s)
        self._wait_since_s |= dict.fromkeys(showing.beside, at_s)
        self._counts.passes += 1
        self._counts.trace.note(at_s, showing.track, What.DECIDED)
        return self._observation(
            PassEvidence(
                qr=showing.qr,
                likeness=showing.likeness,
                threshold=self._gallery.verify_threshold,
                good_shots=good_shots + showing.shooting.held_back,
                # Somebody who was compared was alone in the picture compared.
                others_in_zone=showing.crowd or (showing.others if good_shots == 0 else 0),
                enrolled=showing.enrolled,
                presentation=presentation,
            ),
            showing.first,
            showing.sums,
            picture,
        )

    def _count_match(self, showing: _Showing, at_s: float) -> None:
        """What the last gate said of the showing; it is asked only of who was compared."""
        if showing.likeness is None:
            return
        score, threshold = showing.likeness.score, self._gallery.verify_threshold
        below = not score >= threshold
        self._counts.ask(Gate.THRESHOLD, below, at_s=at_s, track=showing.track, value=score, limit=threshold)

    def _go_through(self, look: Look, picture: Picture) -> list[Observation]:
        """An observation for each track that is through the door now, once until it comes back."""
        return [
            self._observation(Crossing(one.track), one.first, one.sums, picture)
            for one in self._through.look(look, picture)
        ]

    def _observation(
        self, seen: PassEvidence | Crossing, first: Moment, sums: StepSums, picture: Picture
    ) -> Observation:
        return Observation(
            checkpoint=self._checkpoint.id,
            camera=self._checkpoint.camera,
            seen=seen,
            first=first,
            deciding=picture.moment,
            times=sums.times(picture.capture_ms),
            picture=picture.bgr() if isinstance(seen, Crossing) else None,
        )
