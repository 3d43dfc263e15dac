"""A mapping that is never changed, only followed by another: a small change copies a small part of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PARTS = 256
"""Of 50,000 entries a part holds about 200: copying it takes some microseconds, as does the row of parts."""


class PartedMap(Generic[K, V]):
    """A mapping in parts. Whoever holds one sees the same for ever, without a lock."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: tuple[dict[K, V], ...] = ({},) * PARTS
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def get(self, key: K) -> V | None:
        return self._parts[hash(key) % PARTS].get(key)

    def draft(self) -> Draft[K, V]:
        """The beginning of the mapping that follows this one."""
        return Draft(self._parts, self._size)

    @classmethod
    def _of(cls, parts: tuple[dict[K, V], ...], size: int) -> PartedMap[K, V]:
        made = cls()
        made._parts, made._size = parts, size
        return made


class Draft(Generic[K, V]):
    """The next mapping while one thread is making it: parts are copied before their first change, and only once."""

    __slots__ = ("_copied", "_parts", "_size")

    def __init__(self, parts: tuple[dict[K, V], ...], size: int) -> None:
        self._parts = list(parts)
        self._size = size
        self._copied: set[int] = set()

    def get(self, key: K) -> V | None:
        return self._parts[hash(key) % PARTS].get(key)

    def put(self, key: K, value: V) -> None:
        part = self._own_part(key)
        self._size += key not in part
        part[key] = value

    def remove(self, key: K) -> None:
        """Take ``key`` out, if it is there."""
        if self.get(key) is not None:
            del self._own_part(key)[key]
            self._size -= 1

    def done(self) -> PartedMap[K, V]:
        """The mapping as drafted so far. What the draft is given afterwards goes into copies again."""
        self._copied.clear()
        return PartedMap._of(tuple(self._parts), self._size)

    def _own_part(self, key: K) -> dict[K, V]:
        at = hash(key) % PARTS
        if at not in self._copied:
            self._parts[at] = dict(self._parts[at])
            self._copied.add(at)
        return self._parts[at]
