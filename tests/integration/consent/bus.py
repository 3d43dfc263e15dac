"""A bus without a broker that keeps no promise: it delays, loses, repeats, reorders, and replays all it carried."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way. edge: who sent it, or who it is for."""

    edge: str
    to_core: bool
    topic: str
    payload: bytes = field(repr=False)


class Bus:
    """Letters on their way, in the order in which they were sent, and all that ever were."""

    def __init__(self) -> None:
        self.waiting: list[Letter] = []
        self.ever_sent: list[Letter] = []

    def send(self, letter: Letter) -> None:
        self.waiting.append(letter)
        if len(self.ever_sent) < MOST_REMEMBERED:
            self.ever_sent.append(letter)

    def take(self, position: int) -> Letter:
        """The letter at ``position`` (modulo how many there are) arrives, before those sent earlier."""
        return self.waiting.pop(position % len(self.waiting))

    def lose(self, position: int) -> None:
        self.take(position)

    def repeat(self, position: int) -> None:
        self.waiting.append(self.waiting[position % len(self.waiting)])

    def replay(self, position: int) -> None:
        """Send again what was sent some time, counted from the newest; it waits like any other."""
        self.waiting.append(self.ever_sent[-1 - position % len(self.ever_sent)])
