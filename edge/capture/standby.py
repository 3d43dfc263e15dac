"""The main stream beside a small one: kept for its detail, and watched itself while the small one is away."""

from __future__ import annotations

from collections.abc import Callable

from edge.capture.decoder import StreamForm
from edge.capture.main_frames import MainFrames
from edge.capture.packets import StreamPacket
from edge.capture.watch import Watch


class Standby:
    """See `edge.capture.reader.PacketTaker`."""

    def __init__(
        self,
        frames: MainFrames,
        watch: Watch,
        small_is_away: Callable[[], bool],
        small_heard_s: Callable[[], float | None],
    ) -> None:
        """small_heard_s: when the small stream's last packet came, monotonic; None when none ever did."""
        self.frames = frames
        self.watch = watch
        self._small_is_away = small_is_away
        self._small_heard_s = small_heard_s
        self._watching = False

    @property
    def form(self) -> StreamForm | None:
        return self.frames.form

    @property
    def watching(self) -> bool:
        """True while movement is looked for here."""
        return self._watching

    @property
    def rest_s(self) -> float:
        return self.watch.rest_s if self._watching else self.frames.rest_s

    def opened(self, form: StreamForm) -> None:
        self.frames.opened(form)
        self._watching = False

    def closed(self) -> None:
        self.frames.closed()
        self.watch.closed()
        self._watching = False

    def packet(self, packet: StreamPacket) -> None:
        self.frames.packet(packet)
        away, form = self._small_is_away(), self.frames.form
        if self._watching and not away:
            self.watch.leave()
        elif away and not self._watching and form is not None:
            # That it is away was found out seconds after it fell silent: nobody has watched since.
            self.watch.opened(form, self._small_heard_s())
        self._watching = away
        if away:
            self.watch.packet(packet)
