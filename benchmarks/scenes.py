"""Drawn scenes with the truth about them: who comes to which checkpoint when, in good light and bad.

    python -m benchmarks.scenes [PLACE KIND]    draw one scene, or all; say where they are

Drawn once and kept in ``~/.cache/anju/scenes`` (``ANJU_SCENES_DIR``): each scene as a camera's 1080p25 H.264, as the
same camera's 640x360 sub stream, and as the truth that `anju edge replay` reads. The weather, the dusk and the blur
are simulated: they tell which pipeline copes better, not how well either copes outdoors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.scene_films import (
    Actor,
    Car,
    Kind,
    Person,
    Place,
    Stage,
    Way,
    door_way,
    door_ways_abreast,
    gate_way,
    gate_ways_abreast,
    lane_way,
    lane_ways_queueing,
)
from core.contract.ids import CheckpointId
from core.contract.signed import QrPass, sign_pass
from core.contract.vocabulary import Credential, Reason, Verdict
from demo.cast import COMPARED_NOT_ENROLLED, Cast, Resident, Stranger, Vehicle, make_cast
from demo.clips import BIT_RATE, Encoding, Recorder, clip_is_complete, sensor_picture
from demo.draw.canvas import Picture
from demo.draw.effects import more_noise
from demo.draw.looks import DRAWING_VERSION
from demo.draw.scenery import HEIGHT, WIDTH, noise_tile
from demo.script import BUILDING_3_DOOR, EAST_LANE, EMPTY_FRAMES, FPS, GOP, NORTH_GATE
from edge.replay.truth import DrawnPerson, Expected, ListedVehicle, TruePass, Truth, write_truth

SCENES_VERSION = 1
"""Goes up with every change of stages, ways, effects or encoding."""
SUB_WIDTH, SUB_HEIGHT = 640, 360
SCENES: tuple[tuple[Place, Kind], ...] = (
    *((Place.GATE, kind) for kind in Kind if kind is not Kind.QUEUE),
    *((Place.DOOR, kind) for kind in Kind if kind is not Kind.QUEUE),
    *((Place.LANE, kind) for kind in (Kind.WALK, Kind.RUN, Kind.DUSK, Kind.BACKLIT, Kind.RAIN, Kind.QUEUE)),
)
"""A vehicle that "walks" stops at the barrier; one that "runs" does not stop and is in view for two seconds."""
CHECKPOINTS: dict[Place, CheckpointId] = {
    Place.GATE: NORTH_GATE,
    Place.DOOR: BUILDING_3_DOOR,
    Place.LANE: EAST_LANE,
}
_KEY = Ed25519PrivateKey.from_private_bytes(b"scenes of nobody, drawn for fun.")
STRANGER = "stranger"
"""The kind of pass of somebody who is on no list."""
_SHORTEST_PAUSE = 40
_PER_TURN = {Kind.ABREAST: 2, Kind.QUEUE: 3}
"""Passes that come together."""


class Rate(StrEnum):
    """How the camera's encoder spends bits: by quality alone, or so many on average and not many more at once."""

    CRF = "crf"
    CAPPED_VBR = "vbr"


_CAMERA = {"preset": "superfast", "profile": "high", "bf": "0", "g": str(GOP), "keyint_min": str(GOP)}
_CAMERA |= {"sc_threshold": "0", "flags": "+cgop", "threads": "1"}
_MAIN = {
    Rate.CRF: Encoding({**_CAMERA, "crf": "23"}),
    Rate.CAPPED_VBR: Encoding({**_CAMERA, "maxrate": "6000000", "bufsize": "6000000"}, BIT_RATE),
}
_SUB = {
    Rate.CRF: Encoding({**_CAMERA, "crf": "24"}, None, SUB_WIDTH, SUB_HEIGHT),
    Rate.CAPPED_VBR: Encoding({**_CAMERA, "maxrate": "768000", "bufsize": "768000"}, 512_000, SUB_WIDTH, SUB_HEIGHT),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What to draw. passes: at least so many; busy: share of the time with somebody in the picture, (0, 0.8].

    strangers: who come last, one by one, and are on no list; at the door each shows somebody else's pass. They are
    those of the cast whom the face model tells from everybody enrolled: what is tried is who is taken for whom on the
    way.
    """

    place: Place
    kind: Kind
    passes: int = 4
    busy: float = 0.6
    rate: Rate = Rate.CRF
    seed: int = 1
    strangers: int = 0

    @property
    def name(self) -> str:
        who = f"{self.passes}+{self.strangers}" if self.strangers else f"{self.passes}"
        return f"{self.place}-{self.kind}-{self.rate}-{who}x{round(100 * self.busy)}-{self.seed}"

    @property
    def key(self) -> str:
        """What its clips are made from, as a hash."""
        # Who draws the same as before strangers could come keeps the films.
        asked = {name: str(value) for name, value in asdict(self).items() if name != "strangers" or value}
        source = [SCENES_VERSION, DRAWING_VERSION, asked]
        return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Filmed:
    """A scene on disk. truth_file: what `anju edge replay --truth` takes; sub: may not be there if not asked for."""

    scene: Scene
    main: Path
    sub: Path
    truth_file: Path
    truth: Truth
    seconds: float


def scenes_folder() -> Path:
    return Path(os.environ.get("ANJU_SCENES_DIR") or Path.home() / ".cache" / "anju" / "scenes")


def filmed(scene: Scene, folder: Path | None = None, *, sub: bool = True) -> Filmed:
    """The scene's clips, drawn if they are not there yet (about as long as the film). sub: also as a sub stream."""
    folder = folder or scenes_folder()
    folder.mkdir(parents=True, exist_ok=True)
    stage, truth = staged(scene)
    main, small, told = (folder / f"{scene.name}{suffix}" for suffix in (".mp4", ".sub.mp4", ".truth.json"))
    if not (clip_is_complete(main, scene.key) and (not sub or clip_is_complete(small, scene.key))):
        _record(scene, stage, main, small if sub else None)
    write_truth(told, truth)
    return Filmed(scene, main, small, told, truth, stage.frames / FPS)


def staged(scene: Scene) -> tuple[Stage, Truth]:
    """The scene's film, and what happens in it."""
    cast = make_cast(scene.seed)
    order = random.Random(f"scene {scene.seed} {scene.place} {scene.kind}")
    actors: list[Actor] = []
    passes: list[TruePass] = []
    at = EMPTY_FRAMES
    turns = -(-scene.passes // _PER_TURN.get(scene.kind, 1))
    for turn in range(turns):
        ways = [way.later(at) for way in _ways(scene, turn)]
        for who, way in zip(_whos(scene.place, cast, order, len(ways)), ways, strict=True):
            actors.append(_actor(scene.place, who, way, cast))
            passes.append(_true_pass(scene, len(passes) + 1, who, way))
        busy = max(way.last for way in ways) - at
        at += busy + max(_SHORTEST_PAUSE, round(busy * (1 - scene.busy) / scene.busy))
    for stranger, way in _strangers(scene, cast):
        late = way.later(at)
        actors.append(_actor(scene.place, stranger, late, cast))
        passes.append(_stranger_pass(scene, len(passes) + 1, late))
        at = late.last + max(_SHORTEST_PAUSE, round(way.last * (1 - scene.busy) / scene.busy))
    frames = -(-at // GOP) * GOP
    truth = Truth(
        passes=tuple(passes),
        people=tuple(DrawnPerson(subject=one.subject, drawn_face=one.face) for one in cast.consenting),
        vehicles=tuple(ListedVehicle(vehicle=one.vehicle, plate=one.plate) for one in cast.vehicles if one.listed),
        pass_key=_KEY.public_key().public_bytes_raw().hex(),
    )
    return Stage(scene.place, scene.kind, actors, frames, scene.seed), truth


def _ways(scene: Scene, turn: int) -> tuple[Way, ...]:
    if scene.place is Place.LANE:
        queue = scene.kind is Kind.QUEUE
        return lane_ways_queueing(_PER_TURN[Kind.QUEUE]) if queue else (lane_way(scene.kind),)
    if scene.kind is Kind.ABREAST:
        return gate_ways_abreast() if scene.place is Place.GATE else door_ways_abreast()
    if scene.place is Place.GATE:
        return (gate_way(scene.kind, -1 if turn % 2 else 1),)
    return (door_way(scene.kind),)


def _whos(place: Place, cast: Cast, order: random.Random, number: int) -> list[Resident | Vehicle]:
    """Different ones for those who come together."""
    if place is Place.LANE:
        return [*order.sample(cast.vehicles, number)]
    return [*order.sample(cast.consenting, number)]


def _strangers(scene: Scene, cast: Cast) -> list[tuple[Stranger, Way]]:
    if scene.place is Place.LANE:
        return []
    alone = Kind.WALK if scene.kind is Kind.ABREAST else scene.kind
    way = gate_way(alone, 1) if scene.place is Place.GATE else door_way(alone)
    return [(who, way) for who in cast.strangers[: min(scene.strangers, COMPARED_NOT_ENROLLED - 1)]]


def stranger_faces(scene: Scene) -> frozenset[int]:
    """The drawn faces of those who come to ``scene`` and are on no list."""
    return frozenset(who.face for who, _ in _strangers(scene, make_cast(scene.seed)))


def _actor(place: Place, who: Resident | Stranger | Vehicle, way: Way, cast: Cast) -> Actor:
    if isinstance(who, Vehicle):
        return Car(who, way)
    return Person(who, place, way, _pass_text(who if isinstance(who, Resident) else cast.consenting[0]))


def _pass_text(who: Resident) -> str:
    plan = who.qr_pass
    if plan is None:
        return ""
    return sign_pass(QrPass(plan.pass_id, who.subject, plan.valid_from, plan.valid_until), _KEY)


def _stranger_pass(scene: Scene, number: int, way: Way) -> TruePass:
    return TruePass(
        name=f"{STRANGER}-{number}",
        kind=STRANGER,
        checkpoint=CHECKPOINTS[scene.place],
        from_s=way.first / FPS,
        to_s=way.last / FPS,
        expects=Expected(verdict=Verdict.USE_OTHER_METHOD),
    )


def _true_pass(scene: Scene, number: int, who: Resident | Vehicle, way: Way) -> TruePass:
    if isinstance(who, Vehicle):
        verdict, reason = (Verdict.ADMIT, Reason.LISTED) if who.listed else (Verdict.ASK_GUARD, Reason.UNLISTED)
        expects = Expected(credential=Credential.PLATE, verdict=verdict, reason=reason, plate=who.plate)
    elif scene.place is Place.GATE:
        expects = Expected(credential=Credential.FACE, verdict=Verdict.ADMIT, reason=Reason.LISTED, subject=who.subject)
    else:
        expects = Expected(
            credential=Credential.QR_FACE, verdict=Verdict.ADMIT, reason=Reason.VERIFIED, subject=who.subject
        )
    return TruePass(
        name=f"{scene.kind}-{number}",
        kind=scene.kind.value,
        checkpoint=CHECKPOINTS[scene.place],
        from_s=way.first / FPS,
        to_s=way.last / FPS,
        expects=expects,
    )


def _record(scene: Scene, stage: Stage, main: Path, sub: Path | None) -> None:
    tile = more_noise(noise_tile(scene.seed), stage.noise)
    with ExitStack() as recorders:
        large = recorders.enter_context(Recorder(main, scene.key, _MAIN[scene.rate]))
        small = None if sub is None else recorders.enter_context(Recorder(sub, scene.key, _SUB[scene.rate]))
        for number in range(stage.frames):
            planes = sensor_picture(stage.frame(number), number, tile)
            large.write(planes)
            if small is not None:
                small.write(sub_stream(planes))


def sub_stream(planes: Picture) -> Picture:
    """I420 planes (1080 * 3 / 2, 1920) as the camera's second encoder gets them, (360 * 3 / 2, 640)."""
    quarter = HEIGHT // 4
    parts = (
        (planes[:HEIGHT], SUB_HEIGHT, SUB_WIDTH),
        (planes[HEIGHT : HEIGHT + quarter].reshape(HEIGHT // 2, WIDTH // 2), SUB_HEIGHT // 2, SUB_WIDTH // 2),
        (planes[HEIGHT + quarter :].reshape(HEIGHT // 2, WIDTH // 2), SUB_HEIGHT // 2, SUB_WIDTH // 2),
    )
    small = [cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) for part, height, width in parts]
    return np.concatenate([np.asarray(part, np.uint8).reshape(-1, SUB_WIDTH) for part in small])


def main() -> None:
    """Draw scenes and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", nargs="?", choices=[place.value for place in Place])
    parser.add_argument("kind", nargs="?", choices=[kind.value for kind in Kind])
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--busy", type=float, default=0.6)
    parser.add_argument("--rate", choices=[rate.value for rate in Rate], default=Rate.CRF.value)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    for place, kind in SCENES:
        if asked.place in (None, place.value) and asked.kind in (None, kind.value):
            clip = filmed(Scene(place, kind, asked.passes, asked.busy, Rate(asked.rate)))
            print(f"{clip.main}  {clip.seconds:.0f} s, {len(clip.truth.passes)} passes")


if __name__ == "__main__":
    main()
