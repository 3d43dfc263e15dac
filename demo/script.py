"""The play: who does what at which frame of which camera, and what the system has to make of it.

It is the ground truth. Only the report reads the expectations; nothing of them reaches an edge.
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from core.contract.base import Message
from core.contract.ids import CameraId, CheckpointId, SubjectKey
from core.contract.vocabulary import Credential, Reason, Verdict
from demo.cast import Cast, Resident, Vehicle

FPS = 25
GOP = 50
EMPTY_FRAMES = 26
"""Every clip begins and ends with an empty scene, so that its loop has no jump."""

GATE_CAMERA = CameraId("cam-gate")
LANE_CAMERA = CameraId("cam-lane")
DOOR_CAMERA = CameraId("cam-door")
YARD_CAMERA = CameraId("cam-overview")
CAMERAS = (GATE_CAMERA, LANE_CAMERA, DOOR_CAMERA, YARD_CAMERA)
NORTH_GATE = CheckpointId("north-gate")
EAST_LANE = CheckpointId("east-lane")
BUILDING_3_DOOR = CheckpointId("building-3-door")

YARD_FRAMES = 1000
GATE_IN, GATE_OUT, GATE_READER = 62, 50, 116
DOOR_IN, DOOR_PHONE, DOOR_THROUGH, DOOR_AWAY, DOOR_FOLLOWER = 60, 8, 46, 64, 44
LANE_IN, LANE_OUT = 58, 46
BYSTANDER_FRAMES = 150
"""How long the parts of an act take, frames: walking in, away, to the card reader, through the door."""


class ActKind(StrEnum):
    """What the report counts."""

    FACE_ADMITTED = "face_admitted"
    FACE_UNKNOWN = "face_unknown"
    BYSTANDER = "bystander"
    PLATE_ADMITTED = "plate_admitted"
    PLATE_UNLISTED = "plate_unlisted"
    PASS_ADMITTED = "pass_admitted"  # noqa: S105 - a kind of act, no secret
    PASS_NOT_HOLDER = "pass_not_holder"  # noqa: S105
    DOOR_WAITING = "door_waiting"
    FOLLOWED = "followed"


class ExpectedPassage(Message):
    """A passage the system must report. ``subject`` None: nobody is to be named; ``plate`` None: no plate is read."""

    checkpoint: CheckpointId
    credential: Credential
    verdict: Verdict | None
    """None: any (nobody was asked, somebody just went through)."""
    reason: Reason
    subject: SubjectKey | None = None
    plate: str | None = None


class Expectation(Message):
    """All that an act may cause: these passages, and an alert of that trigger for the last of them, or none."""

    passages: tuple[ExpectedPassage, ...] = ()
    alert: Literal["stranger_at_door", "unlisted_vehicle"] | None = None


class Act(Message):
    """One scene. Frames count from the start of the clip.

    faces: seeds of the people in it, in order of appearance; shows: whose pass is held up; first/last: the frames at
    which something enters the picture and at which the last has left it; decisive: from when on the system has all it
    needs (standing in the zone, at the barrier, pass held up; for a follower, the threshold); leave: when the first
    actor walks or drives on.
    """

    kind: ActKind
    camera: CameraId
    faces: tuple[int, ...] = ()
    shows: SubjectKey | None = None
    vehicle: str | None = None
    first_frame: Annotated[int, Field(ge=0)]
    decisive_frame: int
    leave_frame: int
    last_frame: int
    expects: Expectation = Expectation()


class CameraScript(Message):
    camera: CameraId
    frames: int
    acts: tuple[Act, ...] = ()


class Script(Message):
    """What the four clips show."""

    seed: int
    cameras: tuple[CameraScript, ...]

    def camera(self, camera: CameraId) -> CameraScript:
        """That camera's part. Raises KeyError."""
        return {part.camera: part for part in self.cameras}[camera]

    @property
    def acts(self) -> tuple[Act, ...]:
        return tuple(act for part in self.cameras for act in part.acts)


def make_script(cast: Cast, seed: int) -> Script:
    """The play for ``cast``; ``seed`` decides order and timing."""
    order = random.Random(f"script {seed}")
    drafts = {
        GATE_CAMERA: _gate_acts(cast, order),
        LANE_CAMERA: [_lane_act(vehicle, order) for vehicle in cast.vehicles],
        DOOR_CAMERA: _door_acts(cast, order),
    }
    parts = [_lay_out(camera, acts, order) for camera, acts in drafts.items()]
    yard = CameraScript(camera=YARD_CAMERA, frames=YARD_FRAMES)
    return Script(seed=seed, cameras=(*parts, yard))


def _lay_out(camera: CameraId, acts: list[Act], order: random.Random) -> CameraScript:
    """``acts`` (each starting at frame 0) in random order, one after the other, with pauses of about a second."""
    order.shuffle(acts)
    at = EMPTY_FRAMES
    placed = []
    for act in acts:
        placed.append(_later(act, at))
        at = placed[-1].last_frame + order.randint(20, 32)
    end = placed[-1].last_frame + EMPTY_FRAMES
    return CameraScript(camera=camera, frames=-(-end // GOP) * GOP, acts=tuple(placed))


def _later(act: Act, frames: int) -> Act:
    return act.model_copy(
        update={
            name: getattr(act, name) + frames for name in ("first_frame", "decisive_frame", "leave_frame", "last_frame")
        }
    )


def _gate_acts(cast: Cast, order: random.Random) -> list[Act]:
    without = next(resident for resident in cast.residents if not resident.consents)
    acts = [_face_act(resident.face, order, resident) for resident in order.sample(cast.consenting, 3)]
    acts += [_face_act(without.face, order), _face_act(cast.strangers[0].face, order)]
    bystander = Act(
        kind=ActKind.BYSTANDER,
        camera=GATE_CAMERA,
        faces=(cast.strangers[1].face,),
        first_frame=0,
        decisive_frame=BYSTANDER_FRAMES // 2,
        leave_frame=BYSTANDER_FRAMES // 2,
        last_frame=BYSTANDER_FRAMES,
    )
    return [*acts, bystander]


def _face_act(face: int, order: random.Random, resident: Resident | None = None) -> Act:
    leave = GATE_IN + order.randint(42, 60)
    known = resident is not None
    passage = ExpectedPassage(
        checkpoint=NORTH_GATE,
        credential=Credential.FACE,
        verdict=Verdict.ADMIT if known else Verdict.USE_OTHER_METHOD,
        reason=Reason.LISTED if known else Reason.NO_MATCH,
        subject=resident.subject if resident else None,
    )
    return Act(
        kind=ActKind.FACE_ADMITTED if known else ActKind.FACE_UNKNOWN,
        camera=GATE_CAMERA,
        faces=(face,),
        first_frame=0,
        decisive_frame=GATE_IN,
        leave_frame=leave,
        last_frame=leave + (GATE_OUT if known else GATE_READER),
        expects=Expectation(passages=(passage,)),
    )


def _lane_act(vehicle: Vehicle, order: random.Random) -> Act:
    leave = LANE_IN + order.randint(48, 58) + (0 if vehicle.listed else 22)
    passage = ExpectedPassage(
        checkpoint=EAST_LANE,
        credential=Credential.PLATE,
        verdict=Verdict.ADMIT if vehicle.listed else Verdict.ASK_GUARD,
        reason=Reason.LISTED if vehicle.listed else Reason.UNLISTED,
        plate=vehicle.plate,
    )
    return Act(
        kind=ActKind.PLATE_ADMITTED if vehicle.listed else ActKind.PLATE_UNLISTED,
        camera=LANE_CAMERA,
        vehicle=vehicle.plate,
        first_frame=0,
        decisive_frame=LANE_IN,
        leave_frame=leave,
        last_frame=leave + LANE_OUT,
        expects=Expectation(passages=(passage,), alert=None if vehicle.listed else "unlisted_vehicle"),
    )


def _door_acts(cast: Cast, order: random.Random) -> list[Act]:
    one, two, followed, holder = order.sample(cast.consenting, 4)
    _, other, follower, waiting = (stranger.face for stranger in cast.strangers)
    return [
        _admitted_at_door(one, order),
        _admitted_at_door(two, order),
        _followed_at_door(followed, follower, order),
        _not_holder(other, holder, order),
        _waiting(waiting, order),
    ]


def _verified(resident: Resident) -> ExpectedPassage:
    return ExpectedPassage(
        checkpoint=BUILDING_3_DOOR,
        credential=Credential.QR_FACE,
        verdict=Verdict.ADMIT,
        reason=Reason.VERIFIED,
        subject=resident.subject,
    )


def _admitted_at_door(resident: Resident, order: random.Random) -> Act:
    shown = DOOR_IN + DOOR_PHONE
    leave = shown + order.randint(46, 56)
    return Act(
        kind=ActKind.PASS_ADMITTED,
        camera=DOOR_CAMERA,
        faces=(resident.face,),
        shows=resident.subject,
        first_frame=0,
        decisive_frame=shown,
        leave_frame=leave,
        last_frame=leave + DOOR_THROUGH,
        expects=Expectation(passages=(_verified(resident),)),
    )


def _followed_at_door(resident: Resident, follower: int, order: random.Random) -> Act:
    alone = _admitted_at_door(resident, order)
    last = alone.leave_frame + DOOR_THROUGH + DOOR_FOLLOWER
    passage = ExpectedPassage(
        checkpoint=BUILDING_3_DOOR, credential=Credential.NONE, verdict=None, reason=Reason.FOLLOWED
    )
    return alone.model_copy(
        update={
            "kind": ActKind.FOLLOWED,
            "faces": (resident.face, follower),
            "decisive_frame": alone.leave_frame + DOOR_FOLLOWER,
            "last_frame": last,
            "expects": Expectation(passages=(_verified(resident), passage), alert="stranger_at_door"),
        }
    )


def _not_holder(face: int, holder: Resident, order: random.Random) -> Act:
    shown = DOOR_IN + DOOR_PHONE
    leave = shown + order.randint(56, 66)
    passage = ExpectedPassage(
        checkpoint=BUILDING_3_DOOR,
        credential=Credential.QR_FACE,
        verdict=Verdict.USE_OTHER_METHOD,
        reason=Reason.NOT_HOLDER,
        subject=holder.subject,
    )
    return Act(
        kind=ActKind.PASS_NOT_HOLDER,
        camera=DOOR_CAMERA,
        faces=(face,),
        shows=holder.subject,
        first_frame=0,
        decisive_frame=shown,
        leave_frame=leave,
        last_frame=leave + DOOR_AWAY,
        expects=Expectation(passages=(passage,)),
    )


def _waiting(face: int, order: random.Random) -> Act:
    leave = DOOR_IN + order.randint(60, 80)
    return Act(
        kind=ActKind.DOOR_WAITING,
        camera=DOOR_CAMERA,
        faces=(face,),
        first_frame=0,
        decisive_frame=DOOR_IN,
        leave_frame=leave,
        last_frame=leave + DOOR_AWAY,
    )
