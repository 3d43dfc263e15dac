"""Whom the models can tell apart in the demo's clips: each drawn person as the gate's and the door's watcher see them.

A person is drawn in every mood of theirs, encoded as in the clips, looked for in the checkpoint's zone as the watcher
does, and compared with everybody's portrait as enrolment reads it. `demo.cast.CIRCLES` is chosen by these numbers:

    python -m tests.support.faces                     the circles of demo.cast, one line each
    python -m tests.support.faces --among 6 850 1012  circles among these people (it takes 4 s a person)
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from core.contract.config import Door, FaceGate
from core.contract.ids import SubjectKey
from demo.cast import CIRCLES, COMPARED_NOT_ENROLLED, RESIDENTS_WITH_CONSENT, Circle, Resident
from demo.clips import encode
from demo.draw.canvas import Picture as Drawn
from demo.draw.places import DOOR, DOOR_STAND_X, GATE, GATE_STAND_X, door_picture, gate_picture
from demo.portraits import portrait_jpeg
from demo.walkers import Key, Phone, Walker
from edge.capture.picture import Picture
from edge.enrol.portrait import PortraitReader
from edge.evidence import Moment
from edge.vision.people import ZonePeople
from edge.vision.quality import QualityLimits, assess
from edge.vision.zone import Zone
from models.alignment import align
from models.directory import ModelDirectory
from models.protocols import FaceDetecting, FaceEmbedding
from models.store import open_face_detector, open_face_embedder
from models.types import Float
from tests.edge.checkpoint.drawn import checkpoint
from tests.edge.checkpoint.watching import moment

MAX_OTHER, MIN_OWN, MIN_MARGIN = 0.39, 0.6, 0.15
"""Cosines: a probe and another's portrait stay below the first, a probe and its own portrait above the second, and
between the own and the next best lies more than the third. The edge accepts from 0.427 on, and three shots as one."""
MIN_SHOTS = 15
"""Of the 20 moods: in the others the face is still too small at the gate."""
MOST_OTHERS = 5
_DRAWS = 20_000
_BLINKS = 5
_LAST_FRAME = 1500
"""Within as many frames a person goes through every mood there is."""


@dataclass(frozen=True, slots=True)
class Models:
    """What the edge looks with."""

    detector: FaceDetecting
    embedder: FaceEmbedding

    @staticmethod
    def of(models_dir: Path | None = None) -> Models:
        store = ModelDirectory(models_dir) if models_dir else ModelDirectory()
        return Models(open_face_detector("yunet", store=store), open_face_embedder("sface", store=store))


@dataclass(frozen=True, slots=True)
class Seen:
    """One person to the models. template: float32 (d,), of the portrait; gate, door: float32 (n, d), one a frame in
    which the watcher would have taken a shot. missed: frames in which it would not."""

    face: int
    template: Float
    gate: Float
    door: Float
    missed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Worst cosines of a circle. own: of an enrolled person's probes and portrait; others: of anybody's probes and the
    portrait of somebody else enrolled; portraits: of two; margin: from the own portrait to the next one, same probe."""

    own_gate: float
    own_door: float
    others_gate: float
    others_door: float
    portraits: float
    margin: float

    @property
    def safe(self) -> bool:
        return (
            max(self.others_gate, self.others_door, self.portraits) < MAX_OTHER
            and min(self.own_gate, self.own_door) > MIN_OWN
            and self.margin > MIN_MARGIN
        )

    def __str__(self) -> str:
        return (
            f"{'safe' if self.safe else 'NOT SAFE'}: own {self.own_gate:.3f} gate, {self.own_door:.3f} door; "
            f"others {self.others_gate:.3f} gate, {self.others_door:.3f} door, {self.portraits:.3f} portraits; "
            f"margin {self.margin:.3f}"
        )


class _Moods:
    """A film of one person in front of a camera, a frame for each mood; as long as it has to be for that."""

    def __init__(self, background: Drawn, walker: Walker) -> None:
        self._background, self._walker = background, walker
        first_of = {walker.mood(number): number for number in range(_LAST_FRAME, 0, -1)}
        wide = [number for mood, number in first_of.items() if mood.lids == 1.0]
        blinks = [number for mood, number in first_of.items() if mood.lids < 1.0]
        self._numbers = sorted(wide + sorted(blinks)[:_BLINKS])
        self.frames = len(self._numbers)

    def frame(self, number: int) -> Drawn:
        picture = self._background.copy()
        self._walker.draw(picture, self._numbers[number])
        return picture


def see(face: int, models: Models) -> Seen:
    """The person of that seed as the models see them. Raises EnrolmentRefusedError for a portrait nobody could use."""
    gate, missed_gate = at_gate(face, models)
    door, missed_door = at_door(face, models)
    return Seen(face, template_of(face, models), gate, door, missed_gate + missed_door)


def at_gate(face: int, models: Models) -> tuple[Float, int]:
    """Coming into the gate's zone and standing there: probes, float32 (n, d), and how many frames gave none.

    From where a shot is first taken to the painted square, so slowly that every mood is seen at some distance.
    """
    side = -1 if face % 2 else 1
    coming = [Key(0, GATE_STAND_X + side * 95, 0.72), Key(_LAST_FRAME * 2 // 3, GATE_STAND_X, 1.0)]
    walker = Walker(face, GATE, [*coming, Key(_LAST_FRAME, GATE_STAND_X, 1.0)], light=0.45)
    return _probes(_Moods(_background(gate_picture), walker), "north-gate", models)


def at_door(face: int, models: Models) -> tuple[Float, int]:
    """Standing before the door with a pass held up: as `at_gate`."""
    standing = [Key(0, DOOR_STAND_X, 1.0), Key(_LAST_FRAME, DOOR_STAND_X, 1.0)]
    phone = Phone(-10, _LAST_FRAME + 10, "AJ1:" + "Q7Z2K" * 35)
    walker = Walker(face, DOOR, standing, light=-0.4, phone=phone)
    return _probes(_Moods(_background(door_picture), walker), "building-3-door", models)


def template_of(face: int, models: Models) -> Float:
    """What enrolment makes of the portrait, float32 (d,). Raises EnrolmentRefusedError."""
    resident = Resident(
        subject=SubjectKey("00000000-0000-7000-8000-000000000001"), name_zh="某", name_en="X", face=face, consents=True
    )
    return PortraitReader(models.detector, models.embedder).read(portrait_jpeg(resident)).vector


def measure(enrolled: Sequence[Seen], others: Sequence[Seen]) -> Measured:
    """The worst of all that is compared when ``enrolled`` (two or more) are, and ``others`` are not."""
    templates = np.stack([one.template for one in enrolled])
    own = {"gate": [1.0], "door": [1.0]}
    other = {"gate": [-1.0], "door": [-1.0]}
    margins = [1.0]
    for index, one in enumerate((*enrolled, *others)):
        for where, probes in (("gate", one.gate), ("door", one.door)):
            cosines = probes @ templates.T
            if index < len(enrolled):
                mine = cosines[:, index].copy()
                cosines[:, index] = -1.0
                own[where].append(float(mine.min()))
                margins.append(float((mine - cosines.max(axis=1)).min()))
            other[where].append(float(cosines.max()))
    among = templates @ templates.T - 2 * np.eye(len(enrolled), dtype=np.float32)
    return Measured(
        own_gate=min(own["gate"]),
        own_door=min(own["door"]),
        others_gate=max(other["gate"]),
        others_door=max(other["door"]),
        portraits=float(among.max()),
        margin=min(margins),
    )


def circles_among(people: Sequence[Seen], wanted: int) -> list[Circle]:
    """Up to ``wanted`` safe circles, found by drawing `_DRAWS` at random; they share as few people as those allow."""
    usable = [one for one in people if min(len(one.gate), len(one.door)) >= MIN_SHOTS and measure_own(one) > MIN_OWN]
    templates = np.stack([one.template for one in usable])
    worst = np.array([(np.vstack([one.gate, one.door]) @ templates.T).max(axis=0) for one in usable])
    takes_for = np.maximum(worst, templates @ templates.T) >= MAX_OTHER
    drawn = dict(filter(None, (_drawn(takes_for, random.Random(draw)) for draw in range(_DRAWS))))
    used = np.zeros(len(usable), int)
    found: list[Circle] = []
    while drawn and len(found) < wanted:
        enrolled = min(drawn, key=lambda one: int((used[list(one)] + used[list(one)] ** 2).sum()))
        others = sorted(drawn.pop(enrolled), key=lambda one: int(used[one]))[:MOST_OTHERS]
        used[[*enrolled, *others]] += 1
        faces = [tuple(sorted(usable[index].face for index in part)) for part in (enrolled, others)]
        found.append(Circle(*faces))
    return found


def measure_own(one: Seen) -> float:
    """The least that a probe of somebody is like their own portrait."""
    return float(min((one.gate @ one.template).min(), (one.door @ one.template).min()))


def _drawn(takes_for: npt.NDArray[np.bool_], draws: random.Random) -> tuple[tuple[int, ...], list[int]] | None:
    """Somebody at random, then whoever can still be enrolled with those before; and who can be none of them.

    takes_for: bool (n, n), whether the row's person may be taken for the column's.
    """
    apart = ~(takes_for | takes_for.T)
    possible = np.ones(len(apart), bool)
    enrolled: list[int] = []
    while possible.any() and len(enrolled) < RESIDENTS_WITH_CONSENT:
        enrolled.append(draws.choice(np.flatnonzero(possible).tolist()))
        possible &= apart[enrolled[-1]]
        possible[enrolled[-1]] = False
    others = np.flatnonzero(~takes_for[:, enrolled].any(axis=1)).tolist()
    others = [one for one in others if one not in enrolled]
    if len(enrolled) < RESIDENTS_WITH_CONSENT or len(others) < COMPARED_NOT_ENROLLED:
        return None
    return tuple(sorted(enrolled)), others


def _probes(film: _Moods, name: str, models: Models) -> tuple[Float, int]:
    """Of each frame in which the watcher takes a shot its embedding, float32 (n, d); how many frames it took none."""
    where = checkpoint(name)
    assert isinstance(where, FaceGate | Door)
    limits = QualityLimits(min_face_px=where.min_face_px)
    people = ZonePeople(Zone(where.zone), models.detector, where.min_face_px)
    crops = []
    for picture in _recorded(film):
        near = [face for face in people.look(picture).seen if face.width_px >= where.min_face_px]
        if len(near) == 1:
            crop = align(picture.bgr(), near[0].landmarks)
            if assess(crop, near[0].box, near[0].landmarks, near[0].score, limits).refusal is None:
                crops.append(crop)
    probes = np.zeros((0, models.embedder.dimension), np.float32)
    if crops:
        probes = models.embedder.embed(np.stack(crops))
    return probes, film.frames - len(crops)


def _recorded(film: _Moods) -> Iterator[Picture]:
    """The film through the clips' noise and encoder, a second between pictures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moods.mp4"
        encode(film, path, "key", 0, lambda _share: None)
        with av.open(str(path)) as played:
            for look, frame in enumerate(played.decode(video=0)):
                at = moment(look)
                when = Moment(1000.0 + 2 * look, at.received_at, at.received_s)
                yield Picture(when, frame, when.received_s)


@lru_cache(maxsize=2)
def _background(draw: Callable[[], Drawn]) -> Drawn:
    return draw()


def _see_alone(face: int) -> Seen:
    return see(face, Models.of())


def _see_all(faces: Sequence[int], processes: int) -> dict[int, Seen]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return {one.face: one for one in pool.imap_unordered(_see_alone, faces)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--among", type=int, nargs="+", metavar="SEED", help="find circles among these people")
    parser.add_argument("--circles", type=int, default=6, help="how many to find (default: 6)")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    faces = options.among or sorted({face for circle in CIRCLES for face in circle.everybody})
    seen = _see_all(faces, options.processes)
    circles = circles_among(list(seen.values()), options.circles) if options.among else CIRCLES
    for circle in circles:
        measured = measure([seen[face] for face in circle.enrolled], [seen[face] for face in circle.others])
        sys.stdout.write(f"{circle}\n    {measured}\n")


if __name__ == "__main__":
    main()
