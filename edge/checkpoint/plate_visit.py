"""One vehicle's visit to a lane while it lasts: its reads, and the frames they were read in."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.contract.events import PlateReading
from edge.capture.picture import Picture
from edge.checkpoint.watcher import StepSums
from edge.evidence import Moment
from edge.vision.plate_vote import ANOTHER_PLATE, MAX_READS, SeenPlate, characters_apart
from edge.vision.tracker import centre_distance
from models.types import Float, Image

MAX_FRAMES = 3
"""Frames held back of one visit, as the decoder left them: 3 MB each."""
_UNREAD = -1.0


@dataclass(frozen=True, slots=True)
class _ReadFrame:
    """A frame and how well it supports ``text``: the lowest confidence times the plate's width; below 0 unread."""

    text: str
    support: float
    picture: Picture


@dataclass(frozen=True, slots=True)
class ReadFrames:
    """For each of the best supported texts of a visit the frame that supports it best."""

    frames: tuple[_ReadFrame, ...] = ()

    def with_read(self, seen: SeenPlate | None, width_px: float, picture: Picture) -> ReadFrames:
        """``seen``: what was read in ``picture``, None for a plate that was not even tried."""
        text = seen.text if seen is not None else ""
        lowest = min(seen.read.confidences, default=0.0) if seen is not None and text else _UNREAD
        support = lowest * width_px if text else lowest + width_px / 1e4
        others = tuple(one for one in self.frames if one.text != text)
        before = next((one for one in self.frames if one.text == text), None)
        kept = before if before is not None and before.support >= support else _ReadFrame(text, support, picture)
        best = sorted((*others, kept), key=lambda one: -one.support)[:MAX_FRAMES]
        return ReadFrames(tuple(best))

    def best_for(self, text: str) -> Image | None:
        """The frame in which ``text`` was read best, or what is nearest to it; None when none was kept."""
        ranked = sorted(self.frames, key=lambda one: (characters_apart(one.text, text), -one.support))
        return ranked[0].picture.bgr() if ranked else None

    def best(self) -> Image | None:
        """The frame to show of a plate that nobody could read."""
        return max(self.frames, key=lambda one: one.support).picture.bgr() if self.frames else None


@dataclass(slots=True)
class Visit:
    """One vehicle.

    looked: crops looked at, read or not; checked_s: when it was last read again after it was told; jumped: since it was
    last read as told its plate was where it should not be, as another vehicle's would.
    """

    first: Moment
    first_box: Float
    sums: StepSums = field(default_factory=StepSums)
    reads: list[SeenPlate] = field(default_factory=list)
    frames: ReadFrames = ReadFrames()
    looked: int = 0
    told: PlateReading | None = None
    checked_s: float = float("-inf")
    jumped: bool = False

    @property
    def pressing(self) -> bool:
        """True while it should be read as often as it can be; later a look now and then will do."""
        return self.told is None and self.looked < MAX_READS

    def forget(self) -> None:
        """Its reads and frames have done their work."""
        self.reads, self.frames = [], ReadFrames()

    def add(self, seen: SeenPlate) -> None:
        """One more read; of more than `MAX_READS` the oldest is forgotten."""
        self.reads = [*self.reads, seen][-MAX_READS:]


@dataclass(frozen=True, slots=True)
class Gone:
    """A told visit out of sight: its text, where and when it was last seen; late: told only when it was gone."""

    text: str
    box: Float
    seen_s: float
    late: bool = False

    def was_there(self, box: Float, reach: float) -> bool:
        """True for something that appears within ``reach`` mean box sides of where it was."""
        return centre_distance(self.box, box) < reach

    def reads_alike(self, text: str) -> bool:
        """True for a text that may be this plate misread."""
        return characters_apart(self.text, text) < ANOTHER_PLATE
