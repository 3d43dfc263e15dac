"""What the system must have reported: acts that were really sent, whole, while it was watching."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.contract.ids import CameraId, CheckpointId
from demo.script import BUILDING_3_DOOR, DOOR_CAMERA, EAST_LANE, FPS, GATE_CAMERA, LANE_CAMERA, NORTH_GATE, Act, Script
from demo.served import ServedSession, read_served

_CHECKPOINTS: dict[CameraId, CheckpointId] = {
    GATE_CAMERA: NORTH_GATE,
    LANE_CAMERA: EAST_LANE,
    DOOR_CAMERA: BUILDING_3_DOOR,
}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One showing of an act to the watching edge.

    loop: which round of the clip, from 0; times: when the act's frames had been sent, seconds since 1970 (where a
    frame was never sent, when it would have been); complete: every frame of it was sent, and within the time asked
    for. Of an act that was cut off, anything or nothing may have been reported.
    """

    act: Act
    session: str
    loop: int
    first_at: float
    decisive_at: float
    last_at: float
    complete: bool

    @property
    def checkpoint(self) -> CheckpointId:
        return _CHECKPOINTS[self.act.camera]


def occurrences(script: Script, served: Path, began: float, ended: float) -> tuple[Occurrence, ...]:
    """Every act of which something was sent between ``began`` and ``ended`` (seconds since 1970), by first frame.

    ``served`` is the log of `demo.stream`; its sessions are the edge's connections, and one that broke in the middle
    of an act has not shown that act.
    """
    shown = [one for session in read_served(served) for one in _shown(script, session, began, ended)]
    return tuple(sorted(shown, key=lambda one: one.first_at))


def _shown(script: Script, session: ServedSession, began: float, ended: float) -> list[Occurrence]:
    part = script.camera(session.camera)
    shown = []
    for loop in range(session.frames // part.frames + 1):
        for act in part.acts:
            first, decisive, last = (
                session.sent_at(loop * part.frames + frame)
                for frame in (act.first_frame, act.decisive_frame, act.last_frame)
            )
            if first is None:
                continue
            expected_last = first + (act.last_frame - act.first_frame) / FPS
            one = Occurrence(
                act=act,
                session=session.session,
                loop=loop,
                first_at=first,
                decisive_at=first + (act.decisive_frame - act.first_frame) / FPS if decisive is None else decisive,
                last_at=expected_last if last is None else last,
                complete=last is not None and began <= first and last <= ended,
            )
            if one.last_at >= began and one.first_at <= ended:
                shown.append(one)
    return shown
