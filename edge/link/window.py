"""Which events are on their way to the core, and which have to be sent again. Pure: the caller brings the clock."""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOW_ROWS = 50
RESEND_AFTER_S = 5.0


@dataclass(slots=True)
class SendWindow:
    """Sequences sent and not yet acknowledged by the core, in one epoch of the outbox.

    The broker's own acknowledgement counts for nothing: an event is on its way until the core says it has it.
    """

    size: int = WINDOW_ROWS
    resend_after_s: float = RESEND_AFTER_S
    highest_sent: int = 0
    """Over all connections: an acknowledgement above it was not meant for us."""
    last: int = 0
    """Highest sequence sent over this connection."""
    _sent_s: dict[int, float] = field(default_factory=dict)

    @property
    def room(self) -> int:
        return self.size - len(self._sent_s)

    def sent(self, sequence: int, at_s: float) -> None:
        self._sent_s[sequence] = at_s
        self.last = max(self.last, sequence)
        self.highest_sent = max(self.highest_sent, sequence)

    def overdue(self, at_s: float) -> list[int]:
        """Sequences that were sent ``resend_after_s`` ago or earlier, lowest first."""
        return sorted(sequence for sequence, sent_s in self._sent_s.items() if at_s - sent_s >= self.resend_after_s)

    def acknowledged(self, sequence: int) -> bool:
        """The core has all up to ``sequence``. False, and nothing forgotten, when that was never sent."""
        if sequence > self.highest_sent:
            return False
        self._sent_s = {other: sent_s for other, sent_s in self._sent_s.items() if other > sequence}
        return True

    def forget(self, sequence: int) -> None:
        """The outbox holds it no longer: there is nothing to send again."""
        self._sent_s.pop(sequence, None)

    def reconnected(self) -> None:
        """What was on its way may be lost: all of it is to be sent again, from the beginning."""
        self._sent_s.clear()
        self.last = 0
