"""Clips around events: ten seconds before, ten after, cut out of what the camera sent anyway."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from core.contract.ids import CameraId, ClipId
from edge.capture.packets import Gathering, Room
from edge.health import Counters
from edge.video.clips import Clip, ClipError
from edge.video.codec_string import codec_string
from edge.video.footage import FindFootage, Footage
from edge.video.remux import RemuxError, clip_of

log = structlog.get_logger()

BEFORE_S = 10.0
AFTER_S = 10.0
MAX_WAITING = 32
"""Clips whose ten seconds after are not over yet; for more events at once none are kept."""
MAX_GATHERED_BYTES = 32_000_000
"""Of one clip: twenty seconds at 12 Mbit/s. A stream that sends more has shorter ones."""
MAX_WAITING_BYTES = 256_000_000
"""Of all that wait, whether they share packets or not: 25 clips at 4 Mbit/s. At the limit those that grow end, and no
further one is begun."""
_SETTLES_S = 0.5
"""Packets of the last moment are still on their way when it is over."""
_TIDY_EVERY_S = 600.0


class KeepsClips(Protocol):
    """See `edge.video.clips.ClipStore`."""

    def put(self, clip: ClipId, shown: Clip) -> None: ...

    def tidy(self, now: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """gathered: what is shown, safe should the camera go away meanwhile."""

    clip: ClipId
    camera: CameraId
    at_s: float
    footage: Footage
    gathered: Gathering


class ClipRecorder:
    """Cuts clips, in a thread of its own."""

    def __init__(
        self,
        store: KeepsClips,
        find: FindFootage,
        counters: Counters,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._find = find
        self._counters = counters
        self._clock = clock
        self._wall_clock = wall_clock
        self._changed = threading.Condition()
        self._waiting: list[_Asked] = []
        self._room = Room(MAX_WAITING_BYTES)
        self._stopping = False
        self._tidied_s = float("-inf")
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Keep what there is of the clips that wait, as far as ``timeout_s`` allows."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def ask(self, clip: ClipId, camera: CameraId, at_s: float) -> bool:
        """Keep a clip around stream time ``at_s``. Never waits; False when there can be none."""
        footage = self._find(camera, "main")
        if footage is None:
            self._counters.add("clips_failed")
            return False
        with self._changed:
            if self._stopping or len(self._waiting) >= MAX_WAITING:
                self._counters.add("clips_skipped")
                return False
            gathered = footage.ring.gather(at_s - BEFORE_S, at_s + AFTER_S, MAX_GATHERED_BYTES, self._room)
            if gathered.crowded:
                gathered.leave()
                self._counters.add("clips_skipped")
                return False
            self._waiting.append(_Asked(clip, camera, at_s, footage, gathered))
            self._changed.notify_all()
        return True

    def _run(self) -> None:
        while (due := self._next()) is not None:
            try:
                for asked in due:
                    self._try_to_cut(asked)
                self._tidy()
            except Exception:
                self._counters.add("clips_failed")
                log.exception("clips.failed", advice="gates go on; report this")

    def _try_to_cut(self, asked: _Asked) -> None:
        """The outermost place of each clip: its trouble costs no other."""
        try:
            self._cut(asked)
        except Exception:
            self._counters.add("clips_failed")
            log.exception("clips.failed", camera=asked.camera, advice="other clips go on; report this")
        finally:
            asked.gathered.leave()

    def _next(self) -> list[_Asked] | None:
        """The clips whose time is over, waiting for them; None when told to stop and nothing is left."""
        with self._changed:
            while not self._stopping:
                now_s = self._clock()
                due = [asked for asked in self._waiting if now_s >= _due_s(asked)]
                if due or now_s - self._tidied_s >= _TIDY_EVERY_S:
                    break
                wait_s = min([_TIDY_EVERY_S, *(_due_s(asked) - now_s for asked in self._waiting)])
                self._changed.wait(max(0.01, wait_s))
            else:
                due = list(self._waiting)
                if not due:
                    return None
            self._waiting = [asked for asked in self._waiting if asked not in due]
            return due

    def _cut(self, asked: _Asked) -> None:
        asked.gathered.end()
        packets, head = asked.gathered.packets, asked.footage.head
        try:
            mp4 = clip_of(head, packets)
            told = codec_string(head.codec, head.parameter_sets + bytes(packets[0].data))
            mime = "video/mp4" if told is None else f'video/mp4; codecs="{told}"'
            self._store.put(asked.clip, Clip(asked.camera, mime, mp4))
            self._counters.add("clips_kept")
        except (RemuxError, ClipError) as error:
            self._counters.add("clips_failed")
            log.warning("clips.not_kept", camera=asked.camera, problem=str(error))

    def _tidy(self) -> None:
        now_s = self._clock()
        if now_s - self._tidied_s < _TIDY_EVERY_S:
            return
        self._tidied_s = now_s
        try:
            removed = self._store.tidy(self._wall_clock())
        except ClipError as error:
            self._counters.add("clips_failed")
            log.warning("clips.unavailable", problem=str(error))
        else:
            if removed:
                log.info("clips.removed", clips=removed)


def _due_s(asked: _Asked) -> float:
    return asked.at_s + AFTER_S + _SETTLES_S
