"""One camera watched: looks come in from its own thread, what has lasted is asked for by another."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import structlog

from core.contract.events_cameras import CameraConditionV1, CameraHealth, CameraTrouble
from core.contract.ids import CameraId, CheckpointId
from core.contract.vocabulary import CameraCondition, CameraState
from edge.capture.conditions.clock import MEDIAN_OF, judge_clock
from edge.capture.conditions.finding import NOTHING, Finding, Grade
from edge.capture.conditions.judge import PICTURE_CONDITIONS, Findings, View, judge
from edge.capture.conditions.lasting import Change, Lasting, Patience, last
from edge.capture.conditions.lateness import Losses, judge_lateness, keep_losses
from edge.capture.glance import Glance

log = structlog.get_logger()

PATIENCE: dict[CameraCondition, Patience] = {
    CameraCondition.OFFLINE: Patience(5, 5),
    CameraCondition.FROZEN: Patience(10, 10),
    CameraCondition.DARK: Patience(60, 20),
    CameraCondition.BLOCKED: Patience(30, 10),
    CameraCondition.UNFOCUSED: Patience(120, 60),
    CameraCondition.MOVED: Patience(60, 60),
    CameraCondition.WRONG_CLOCK: Patience(60, 60),
    CameraCondition.BEHIND: Patience(30, 60),
}
"""A camera that is back sooner than ``end_s`` of OFFLINE was never away, as far as anybody is told."""
GLANCE_SPEAKS_FOR_S = 60.0
"""After so long without a look nothing is known of the picture; keyframes may be 10 s apart and more."""


class ConditionWatch:
    """Everything known of how one camera is. `see` from the camera's thread, the rest from any other."""

    def __init__(self, camera: CameraId, checkpoints: Sequence[CheckpointId] = ()) -> None:
        """checkpoints: those that look through the camera."""
        self.camera = camera
        self._checkpoints = tuple(checkpoints)
        self._view = View()
        self._lock = threading.Lock()
        self._findings: Findings = {}
        self._seen_s: float | None = None
        self._ahead_s: deque[float] = deque(maxlen=MEDIAN_OF)
        self._losses: tuple[Losses, ...] = ()
        self._lasting = {condition: Lasting() for condition in CameraCondition}

    def see(self, glance: Glance) -> None:
        """Look at ``glance``."""
        self._view, findings = judge(self._view, glance)
        with self._lock:
            self._findings = findings
            self._seen_s = time.monotonic()
            if glance.camera_clock is None:
                self._ahead_s.clear()
            else:
                self._ahead_s.append((glance.camera_clock - glance.at).total_seconds())

    def look(self, health: CameraHealth, at_s: float, at: datetime) -> list[CameraConditionV1]:
        """What is to be told now. ``health``: what the stream says of itself; at_s: monotonic."""
        changes = []
        for condition, found in self._found(health, at_s).items():
            self._lasting[condition], change = last(self._lasting[condition], found, PATIENCE[condition], at_s, at)
            if change is not None:
                changes.append(self._told(condition, change))
        return changes

    def describe(self, health: CameraHealth) -> CameraHealth:
        """``health`` with the conditions that last."""
        lasting = {condition: one for condition, one in self._lasting.items() if one.since is not None}
        troubles = tuple(
            CameraTrouble(
                condition=condition,
                since=one.since,
                blind=one.told.grade is Grade.BLIND,
                detail=one.told.detail,
            )
            for condition, one in lasting.items()
            if one.since is not None
        )
        blind = self.blind
        return health.model_copy(
            update={
                "conditions": troubles,
                "blind": blind,
                "blind_checkpoints": self._checkpoints if blind else (),
            }
        )

    @property
    def blind(self) -> bool:
        """Whether any lasting condition keeps everybody from using the camera's pictures."""
        return any(one.told.grade is Grade.BLIND for one in self._lasting.values())

    def _found(self, health: CameraHealth, at_s: float) -> Findings:
        """What there is now of each condition; what can't be told while the camera is away is None."""
        if health.state is not CameraState.ONLINE:
            gone = Finding(Grade.BLIND, health.detail or "no picture yet: check the camera's power and network")
            self._losses = ()
            return dict.fromkeys(CameraCondition) | {CameraCondition.OFFLINE: gone}
        self._losses = keep_losses(self._losses, Losses(at_s, health.dropped_frames, health.corrupt_packets))
        with self._lock:
            fresh = self._seen_s is not None and time.monotonic() - self._seen_s < GLANCE_SPEAKS_FOR_S
            findings = dict(self._findings) if fresh else dict.fromkeys(PICTURE_CONDITIONS)
            clock = judge_clock(tuple(self._ahead_s)) if fresh else None
        return findings | {
            CameraCondition.OFFLINE: NOTHING,
            CameraCondition.WRONG_CLOCK: clock,
            CameraCondition.BEHIND: judge_lateness(health.late_s, self._losses),
        }

    def _told(self, condition: CameraCondition, change: Change) -> CameraConditionV1:
        blind = self.blind
        told = CameraConditionV1(
            camera=self.camera,
            condition=condition,
            since=change.since,
            until=change.until,
            blind=blind,
            checkpoints=self._checkpoints if blind else (),
            detail=change.found.detail[:300],
        )
        log.info(
            "camera.condition",
            camera=self.camera,
            condition=str(condition),
            lasts=change.until is None,
            blind=blind,
            detail=told.detail,
        )
        return told
