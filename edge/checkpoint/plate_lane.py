"""The watcher of a vehicle lane: one observation per visit, as soon as the reads agree.

A visit is a plate's track through the zone. It is read until enough reads agree on every character, and then left
alone but for a check now and then, or at once where its plate is not where it should be: another plate in the same
place is another vehicle.

A vehicle that is settled only when it is gone is told all the same, and opens nothing: the barrier would open for
whoever is before it now. Nor does one that reads nearly as the vehicle before it, which was never seen to leave.
"""

from __future__ import annotations

import time

from core.contract.config import PlateLane
from core.contract.events import CheckpointStateV1
from core.contract.plates import parse_plate
from edge.capture.picture import Picture
from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.plate_visit import Gone, Visit
from edge.checkpoint.trace import What
from edge.checkpoint.watcher import Gaps, WatchCounts
from edge.evidence import Observation, PlateEvidence
from edge.vision.plate_reading import read, straightened
from edge.vision.plate_vote import (
    ANOTHER_PLATE,
    MAX_READS,
    SeenPlate,
    Vote,
    VoteRules,
    beyond_doubt,
    characters_apart,
    edits,
    final,
    of_another,
    settled,
)
from edge.vision.plates import LANE, FoundPlate, PlateLook, ZonePlates
from edge.vision.tracker import Track
from models.protocols import PlateDetecting
from models.protocols import PlateReading as PlateTextReading
from models.types import Image

MIN_LOOKS_TO_TELL = 3
"""With fewer, something unreadable was a lamp or a sign for a moment, not a vehicle's visit."""
SAME_VISIT_S = 4.0
"""A plate read again so soon after it was last in sight is the same visit, the track had broken."""
REST_S = 1.0
"""A plate that can't be read there so soon after is the same one, too slanted now; later it is another vehicle's."""
MIN_SHARPNESS = 0.045
"""Of 400 drawn plates those blurred more by motion were read right in 3 of 100 cases, at a lowest confidence of 0.4."""
GONE_S = 1.0
"""A vehicle that nobody has seen for that long is gone."""
_CHECK_S = 1.0
_IDLE_FPS, _READING_FPS, _TOLD_FPS = 6.0, 8.0, 4.0


class PlateLaneWatcher:
    """Watches one lane. See `edge.checkpoint.watcher.Watcher`."""

    def __init__(
        self,
        checkpoint: PlateLane,
        detector: PlateDetecting,
        reader: PlateTextReading,
        rules: VoteRules | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._reader = reader
        self._rules = rules or VoteRules()
        self._counts = WatchCounts()
        self._plates = ZonePlates(checkpoint.zone, detector, checkpoint.min_plate_px)
        self._visits: dict[int, Visit] = {}
        self._gone: list[Gone] = []
        self._gaps = Gaps()

    @property
    def counts(self) -> WatchCounts:
        return self._counts

    @property
    def in_pass(self) -> bool:
        return any(visit.pressing for visit in self._visits.values())

    @property
    def wanted_fps(self) -> float:
        if self.in_pass:
            return _READING_FPS
        return _TOLD_FPS if self._visits else _IDLE_FPS

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:  # noqa: ARG002 - Watcher's form
        """Visits that are decided or over now."""
        self._counts.frames += 1
        told = self._after_a_gap(picture) if self._gaps.before(picture.moment.pts_s) else []
        look = self._plates.look(picture, expected=self.in_pass, check=self._any_check_is_due(picture))
        if look is None:
            return told
        self._count(look, picture.moment.pts_s)
        for plate in look.found:
            self._counts.trace.note(picture.moment.pts_s, plate.track, What.PLATE, value=plate.width_px)
            told += self._visit(plate, look, picture)
        # Those that are lost at this look, too: they went side by side.
        there = frozenset(self._visits)
        for ended in look.ended:
            alone = there <= {ended.id}
            told += self._end(ended, picture, gone=not alone or picture.moment.pts_s - ended.seen_s > GONE_S)
        return told

    def _after_a_gap(self, picture: Picture) -> list[Observation]:
        """The camera was away: no read of before opens anything, whoever stands there is read anew."""
        told: list[Observation] = []
        for track, visit in list(self._visits.items()):
            plate = final(visit.reads, self._rules) if visit.told is None else None
            visit.reads = []
            if plate is not None:
                del self._visits[track]
                told += self._tell(visit, plate, track, picture, gone=True)
        return told

    def _count(self, look: PlateLook, at_s: float) -> None:
        counts, limit = self._counts, self._checkpoint.min_plate_px
        counts.looks += 1
        counts.plates += len(look.widths_px)
        for width in look.widths_px:
            counts.ask(Gate.PLATE_SIZE, width < limit, at_s=at_s, track=None, value=width, limit=limit)
        for _ in range(look.cut_off):
            counts.trace.note(at_s, None, What.PLATE_CUT_OFF)

    def _visit(self, plate: FoundPlate, look: PlateLook, picture: Picture) -> list[Observation]:
        visit = self._visits.setdefault(plate.track, Visit(picture.moment, plate.box))
        if visit.told is not None:
            return self._check(visit, visit.told.text, plate, look, picture)
        visit.sums.add("detect", look.detect_ms)
        if not visit.pressing and not self._check_is_due(visit, plate, picture):
            return []
        visit.checked_s = picture.moment.pts_s
        if self._read(visit, plate, look, picture) is None:
            return []
        result = settled(visit.reads, self._rules)
        if result is None or self._may_be_misread(visit, result):
            return []
        told = self._tell_who_was_before(visit, result.reading.text, plate, picture)
        return told + self._tell(visit, result, plate.track, picture)

    def _tell_who_was_before(self, visit: Visit, text: str, plate: FoundPlate, picture: Picture) -> list[Observation]:
        """A vehicle that was read before the one of ``text`` and whose track the latter took over, when sure of it."""
        reads = of_another(visit.reads, text)
        result = final(reads, self._rules)
        if result is None:
            return []
        earlier = Visit(visit.first, visit.first_box, visit.sums, reads, visit.frames, visit.looked)
        told = self._tell(earlier, result, plate.track, picture, gone=True)
        self._remember(Gone(result.reading.text, visit.first_box, picture.moment.pts_s, late=True))
        visit.reads = [one for one in visit.reads if one not in reads]
        return told

    def _check(
        self, visit: Visit, told: str, plate: FoundPlate, look: PlateLook, picture: Picture
    ) -> list[Observation]:
        """Read a visit that was told again now and then; reads that agree on another plate begin another visit."""
        visit.jumped |= plate.jumped
        if not visit.reads and not self._check_is_due(visit, plate, picture):
            return []
        visit.checked_s = picture.moment.pts_s
        seen = self._read(visit, plate, look, picture)
        if seen is None:
            return []
        if seen.text == told or len(visit.reads) >= MAX_READS:
            visit.forget()
            visit.jumped = visit.jumped and seen.text != told
            return []
        result = settled(visit.reads, self._rules)
        if result is None or result.reading.text == told:
            return []
        if characters_apart(result.reading.text, told) < ANOTHER_PLATE and not beyond_doubt(result, self._rules):
            return []
        follower = Visit(picture.moment, plate.box, reads=visit.reads, frames=visit.frames, looked=visit.looked)
        self._visits[plate.track] = follower
        self._remember(Gone(told, plate.box, picture.moment.pts_s))
        alike = not visit.jumped and edits(result.reading.text, told) < ANOTHER_PLATE
        return self._tell(follower, result, plate.track, picture, alike=alike)

    def _any_check_is_due(self, picture: Picture) -> bool:
        at_s = picture.moment.pts_s
        return any(at_s - visit.checked_s >= _CHECK_S for visit in self._visits.values())

    def _check_is_due(self, visit: Visit, plate: FoundPlate, picture: Picture) -> bool:
        return plate.jumped or picture.moment.pts_s - visit.checked_s >= _CHECK_S

    def _read(self, visit: Visit, plate: FoundPlate, look: PlateLook, picture: Picture) -> SeenPlate | None:
        """One more read of the visit; None where the plate can't be made out at all."""
        at_s, counts = picture.moment.pts_s, self._counts
        crop = straightened(picture, plate.quad, len(visit.reads))
        visit.looked += 1
        if crop is None:
            counts.trace.note(at_s, plate.track, What.PLATE_SHAPELESS)
            return None
        blurred = crop.sharpness < MIN_SHARPNESS
        if counts.ask(
            Gate.PLATE_BLUR, blurred, at_s=at_s, track=plate.track, value=crop.sharpness, limit=MIN_SHARPNESS
        ):
            visit.frames = visit.frames.with_read(None, plate.width_px, picture)
            return None
        started_s = time.perf_counter()
        seen = read(self._reader, crop, plate.score, colourless=look.colourless)
        visit.sums.since("read", started_s)
        visit.add(seen)
        visit.frames = visit.frames.with_read(seen, plate.width_px, picture)
        counts.reads += 1
        counts.reads_rejected += not seen.text
        self._ask_gates(seen, plate.track, at_s)
        return seen

    def _ask_gates(self, seen: SeenPlate, track: int, at_s: float) -> None:
        """Count what this read is worth: a plate at all, of a colour its form has, sure of every character."""
        counts = self._counts
        lowest = min(seen.read.confidences, default=0.0)
        no_plate, text = parse_plate(seen.read.text) is None, seen.read.text
        if counts.ask(Gate.PLATE_GRAMMAR, no_plate, at_s=at_s, track=track, value=lowest, text=text):
            return
        if counts.ask(Gate.PLATE_COLOUR, not seen.text, at_s=at_s, track=track, text=text):
            return
        counts.trace.note(at_s, track, What.READ, value=lowest, text=seen.text)
        limit = self._rules.min_confidence
        counts.ask(Gate.PLATE_CONFIDENCE, lowest < limit, at_s=at_s, track=track, value=lowest, limit=limit, text=text)

    def _tell(
        self, visit: Visit, plate: Vote, track: int, picture: Picture, *, gone: bool = False, alike: bool = False
    ) -> list[Observation]:
        """Tell a visit, unless it is one that was told already, whose track had broken or got mixed up.

        gone, alike: see `PlateEvidence`.
        """
        text, at_s = plate.reading.text, picture.moment.pts_s
        self._ask_agreement(visit, text, track, at_s)
        known = self._is_told(visit, text) or self._may_be_misread(visit, plate)
        shown = None if known else visit.frames.best_for(text)
        visit.told, visit.checked_s = plate.reading, at_s
        visit.forget()
        if known:
            return []
        self._counts.trace.note(at_s, track, What.DECIDED, value=plate.reading.confidence, text=text)
        seen = PlateEvidence(plate.reading, plate.confidences, gone, alike)
        return [self._observation(visit, seen, picture, shown)]

    def _ask_agreement(self, visit: Visit, text: str, track: int, at_s: float) -> None:
        for seen in visit.reads:
            if seen.text:
                self._counts.ask(Gate.PLATE_AGREEMENT, seen.text != text, at_s=at_s, track=track, text=seen.text)

    def _is_told(self, visit: Visit, text: str) -> bool:
        """True for a plate that is told of a visit still here, or of one just gone.

        One told too late to open anything is told again if it turns out to be there still.
        """
        here = {other.told.text for other in self._visits.values() if other.told is not None and other is not visit}
        gone = self._recently_gone(visit.first.pts_s)
        return text in here or any(one.text == text and not one.late for one in gone)

    def _may_be_misread(self, visit: Visit, plate: Vote) -> bool:
        """True where a plate nearly the same was told just before in that place, and this one is not beyond doubt."""
        text = plate.reading.text
        return not beyond_doubt(plate, self._rules) and any(
            one.text != text and one.was_there(visit.first_box, LANE.max_distance) and one.reads_alike(text)
            for one in self._recently_gone(visit.first.pts_s)
        )

    def _end(self, track: Track, picture: Picture, *, gone: bool) -> list[Observation]:
        """Its track is over. gone: it was lost a while ago, or somebody else is there."""
        visit = self._visits.pop(track.id, None)
        if visit is None:
            return []
        told: list[Observation] = []
        late = gone and visit.told is None
        if visit.told is None:
            plate = final(visit.reads, self._rules)
            if plate is not None:
                told = self._tell(visit, plate, track.id, picture, gone=gone)
            elif visit.looked >= MIN_LOOKS_TO_TELL and not self._rest_of_another(visit):
                self._ask_agreement(visit, "", track.id, picture.moment.pts_s)
                told = [self._observation(visit, PlateEvidence(None), picture, visit.frames.best())]
        if visit.told is not None:
            self._remember(Gone(visit.told.text, track.box, track.seen_s, late))
        return told

    def _rest_of_another(self, visit: Visit) -> bool:
        """True for a track that began where a told visit was just lost: the same plate, too slanted to be read."""
        return any(
            0 < visit.first.pts_s - gone.seen_s < REST_S and gone.was_there(visit.first_box, LANE.max_distance)
            for gone in self._gone
        )

    def _remember(self, gone: Gone) -> None:
        self._gone = [*self._gone, gone][-LANE.max_tracks :]

    def _recently_gone(self, at_s: float) -> list[Gone]:
        return [gone for gone in self._gone if at_s - gone.seen_s < SAME_VISIT_S]

    def _observation(self, visit: Visit, seen: PlateEvidence, picture: Picture, shown: Image | None) -> Observation:
        self._counts.passes += 1
        return Observation(
            checkpoint=self._checkpoint.id,
            camera=self._checkpoint.camera,
            seen=seen,
            first=visit.first,
            deciding=picture.moment,
            times=visit.sums.times(picture.capture_ms),
            picture=shown,
        )
