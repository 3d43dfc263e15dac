"""Opening deltas in tests, as an edge would."""

from __future__ import annotations

import base64

from core.contract.lists import ChangeBatch, ListDeltaV1
from core.contract.sealing import LIST_INFO, unseal
from tests.core.estates import EdgeKey


def opened(delta: ListDeltaV1, key: EdgeKey) -> ChangeBatch:
    return ChangeBatch.model_validate_json(unseal(base64.b64decode(delta.sealed_base64), key.private, LIST_INFO))


def ops(batch: ChangeBatch) -> list[str]:
    return [change.op for change in batch.changes]
