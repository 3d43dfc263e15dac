"""What an edge says of its lists: signed, because a receipt proves erasures; and in words, where something is wrong."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.ids import ModelId
from core.contract.lists import ListReceiptV1
from core.contract.signed import receipt_claim
from edge.lists.freshness import Doubt
from edge.lists.plan import Refusal
from edge.lists.tally import Tally

_DOUBTS = {
    Doubt.RESTORED: "lists.db is older than its anchor, as after a restore: faces are off until the core's next roll",
    Doubt.DIFFERS: "the core counts other templates than are held here: faces are off until a snapshot has come",
    Doubt.REWOUND: "a snapshot took the lists' place: faces are off until the core's next roll",
}


def signed_receipt(receipt: ListReceiptV1, key: Ed25519PrivateKey) -> ListReceiptV1:
    """``receipt`` with this edge's signature."""
    unsigned = receipt.model_dump_json(exclude={"signature_base64"}).encode()
    signature = base64.b64encode(key.sign(receipt_claim(unsigned))).decode()
    return receipt.model_copy(update={"signature_base64": signature})


def problems(
    tally: Tally, model: ModelId, *, damaged: int, doubt: Doubt | None, unfolded: bool, unanchored: bool
) -> str | None:
    """What is wrong with the lists and what helps; None when all is well."""
    found = [] if doubt is None else [_DOUBTS[doubt]]
    left_out = [
        (tally.kept.total() - tally.kept[model], f"of another model than {model}: enrol these people again"),
        (tally.refused[Refusal.UNREADABLE], "could not be opened with this edge's key: enrol these people again"),
        (tally.refused[Refusal.TOO_MANY], "more than one consent may have: erase old ones"),
        (damaged, "damaged on this edge's disk: the core is asked for them"),
    ]
    found += [f"{count} template(s) not loaded, {why}" for count, why in left_out if count]
    if unfolded:
        found.append("what was erased may still stand in the database's log: check this edge's disk space")
    if unanchored:
        found.append("the lists' anchor could not be written: check this edge's disk space")
    return "; ".join(found) or None
