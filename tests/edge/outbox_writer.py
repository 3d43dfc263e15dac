"""A process that appends as fast as it can and says what it has appended, until somebody kills it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from core.contract.events_cameras import CameraConditionV1
from core.contract.ids import CameraId
from core.contract.vocabulary import CameraCondition
from edge.outbox import DurableOutbox


def main(path: Path, first: int) -> None:
    outbox = DurableOutbox(path, max_rows=1_000_000, max_bytes=1_000_000_000)
    number = first
    while True:
        at = datetime.now(UTC)
        news = CameraConditionV1(
            camera=CameraId("c"), condition=CameraCondition.OFFLINE, since=at, blind=True, detail=str(number)
        )
        outbox.append(news, at)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
