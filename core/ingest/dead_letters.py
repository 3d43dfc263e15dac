"""What could not be understood: kept for somebody to look at, bounded in number and size."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.storage.schema import DeadLetterRow

MAX_ROWS = 1000
MAX_PAYLOAD_BYTES = 64 * 1024
MAX_REASON = 1000


def keep(db: Session, topic: str, reason: str, payload: bytes, now: datetime) -> None:
    """Keep one dead letter; the oldest go when there are more than ``MAX_ROWS``.

    ``payload`` is cut to ``MAX_PAYLOAD_BYTES``. Give none for a message that may hold a sealed template: no erasure
    would ever find it here.
    """
    row = DeadLetterRow(
        topic=topic[:300].replace("\0", ""),
        reason=reason[:MAX_REASON].replace("\0", ""),
        payload=payload[:MAX_PAYLOAD_BYTES],
        received_at=now,
    )
    db.add(row)
    db.flush()
    newest = db.scalar(select(func.max(DeadLetterRow.id))) or 0
    db.execute(delete(DeadLetterRow).where(DeadLetterRow.id <= newest - MAX_ROWS))
