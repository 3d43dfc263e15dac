"""How often sign-in may fail: per account and address, and per address, in bounded memory."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """``failures`` at once, given back evenly over ``window_s`` seconds."""

    failures: int
    window_s: float


class FailureLimiter:
    """Counts failures by key as a leaky bucket.

    At most ``max_keys`` keys are remembered; the one touched longest ago is forgotten first, so an attacker with many
    addresses can't fill the memory (and gets no more than a fresh allowance per address).
    """

    def __init__(self, allowance: Allowance, max_keys: int = 4096, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._max_keys = max_keys
        self._clock = clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: Hashable) -> int:
        """Whole seconds until ``key`` may try again; 0: now."""
        with self._lock:
            excess = self._level(key) - (self._allowance.failures - 1)
        return math.ceil(excess * self._per_failure_s) if excess > 0 else 0

    def failed(self, key: Hashable) -> None:
        with self._lock:
            self._levels[key] = (self._level(key) + 1, self._clock())
            self._levels.move_to_end(key)
            while len(self._levels) > self._max_keys:
                self._levels.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        with self._lock:
            self._levels.pop(key, None)

    def forgive(self, key: Hashable) -> None:
        """Take one failure back."""
        with self._lock:
            if key in self._levels:
                self._levels[key] = (max(0.0, self._level(key) - 1), self._clock())

    def __len__(self) -> int:
        return len(self._levels)

    @property
    def _per_failure_s(self) -> float:
        return self._allowance.window_s / self._allowance.failures

    def _level(self, key: Hashable) -> float:
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) / self._per_failure_s)


class SigninLimiter:
    """Five failures per account and address in five minutes, thirty per address.

    An attempt counts as failed from its beginning: a hundred at the same moment are no more than five.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._pairs = FailureLimiter(Allowance(5, 300.0), clock=clock)
        self._addresses = FailureLimiter(Allowance(30, 300.0), clock=clock)

    def admit(self, account: str, address: str) -> int:
        """0: the attempt may be made, and has failed unless ``succeeded`` follows. Else whole seconds to wait."""
        with self._lock:
            wait_s = max(self._pairs.wait_s((account, address)), self._addresses.wait_s(address))
            if wait_s == 0:
                self._pairs.failed((account, address))
                self._addresses.failed(address)
            return wait_s

    def succeeded(self, account: str, address: str) -> None:
        """The attempt was right: what went wrong before it is forgotten for the account, itself for the address."""
        self._pairs.succeeded((account, address))
        self._addresses.forgive(address)
