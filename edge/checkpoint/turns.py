"""Whose turn it is to be looked at, when there is more to look at than time: gates first, everybody else fairly.

Before each turn of a lane, a door or a scene, every gate that has a picture gets one: people stand and wait before a
gate. A gate that has fallen behind gets several in a row, up to a limit: nobody is left out. The others share what is
left by the time they take, not by the number of their pictures, so that a lane whose looks cost ten times as much as
a door's does not get ten times the time; somebody who is passing counts for more.
Where several threads look, one of them is left to the gates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PASSING_WEIGHT = 4.0
"""How much more of the time goes to whom somebody is passing."""
BEHIND = 2
"""A gate with more pictures waiting has fallen behind."""
MAX_EXTRA = 8
"""Turns that gates which have fallen behind get before somebody else has one."""
_SAVED_S = 0.2
"""Whoever had nothing to show does not save up more than this for later."""


@dataclass(slots=True)
class Account:
    """One station's. spent_s: seconds of looking it has had, weighed; served: a gate that had its turn this round."""

    first: bool
    spent_s: float = 0.0
    busy: bool = False
    served: bool = False


class Turns:
    """Gives out turns to any number of threads; a station is looked at by one at a time."""

    def __init__(self, first: Sequence[bool], lookers: int = 1) -> None:
        """first: of each station, whether it comes first; lookers: threads that will ask for turns."""
        self._accounts = [Account(one) for one in first]
        self._elsewhere = max(1, lookers - 1) if any(first) else lookers
        self._floor_s = {True: 0.0, False: 0.0}
        self._extra = 0
        self._lock = threading.Lock()

    def take(self, waiting: Callable[[int], int]) -> int | None:
        """The station to look at now, which is its taker's until ``give_back``; None when there is nothing to do.

        waiting: how many pictures station number n has; must not wait.
        """
        with self._lock:
            idle = (number for number, one in enumerate(self._accounts) if not one.busy)
            free = {number: pictures for number in idle if (pictures := waiting(number)) > 0}
            chosen = self._choose(free)
            if chosen is not None:
                self._accounts[chosen].busy = True
            return chosen

    def give_back(self, station: int, took_s: float, *, passing: bool) -> None:
        """The turn is over; it took ``took_s`` seconds."""
        with self._lock:
            account = self._accounts[station]
            account.busy = False
            account.spent_s += took_s / (PASSING_WEIGHT if passing else 1.0)

    def _choose(self, free: Mapping[int, int]) -> int | None:
        gates = [number for number in free if self._accounts[number].first]
        unserved = [number for number in gates if not self._accounts[number].served]
        if unserved:
            return self._serve(unserved)
        others = [number for number in free if not self._accounts[number].first]
        looked_at = sum(one.busy and not one.first for one in self._accounts)
        if others and looked_at < self._elsewhere:
            behind = [number for number in gates if free[number] > BEHIND]
            if behind and self._extra < MAX_EXTRA:
                self._extra += 1
                return self._serve(behind)
            self._extra = 0
            self._new_round()
            return self._cheapest(others)
        if gates:
            self._new_round()
            return self._serve(gates)
        return None

    def _serve(self, gates: Sequence[int]) -> int:
        chosen = self._cheapest(gates)
        self._accounts[chosen].served = True
        return chosen

    def _new_round(self) -> None:
        for account in self._accounts:
            account.served = False

    def _cheapest(self, stations: Sequence[int]) -> int:
        """The one that has had least; whoever was away comes back with at most ``_SAVED_S`` saved."""
        first = self._accounts[stations[0]].first
        for number in stations:
            account = self._accounts[number]
            account.spent_s = max(account.spent_s, self._floor_s[first] - _SAVED_S)
        chosen = min(stations, key=lambda number: (self._accounts[number].spent_s, number))
        self._floor_s[first] = self._accounts[chosen].spent_s
        return chosen
