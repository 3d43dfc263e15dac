"""What a process has in its memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def _written(pid: int) -> Iterator[bytes]:
    """What the process has written in its memory, part by part."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if "r" not in rights or "w" not in rights:
                continue
            start, end = (int(one, 16) for one in span.split("-"))
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:
                continue


def holds(pid: int, *secrets: bytes) -> bool:
    """Whether any of ``secrets`` is there."""
    return any(secret in part for part in _written(pid) for secret in secrets)
