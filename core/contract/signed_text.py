"""A message with the core's signature, as text: ``base64url(json).base64url(signature)``."""

from __future__ import annotations

import base64
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.contract.base import Message

M = TypeVar("M", bound=Message)


class ClaimError(ValueError):
    """The text is not a claim of ours, or nobody we trust signed it."""


def sign_text(message: Message, context: bytes, key: Ed25519PrivateKey) -> str:
    """``message`` and its signature. context: what it is a claim of, so that none can stand for another."""
    body = message.model_dump_json().encode()
    signature = key.sign(context + body)
    return f"{base64.urlsafe_b64encode(body).decode()}.{base64.urlsafe_b64encode(signature).decode()}"


def open_text(text: str, kind: type[M], context: bytes, key: Ed25519PublicKey, *, what: str, max_chars: int) -> M:
    """The message in ``text``, signature checked. what: what it should be, in words. Raises ClaimError."""
    body_text, dot, signature_text = text.partition(".")
    if not dot or len(text) > max_chars:
        raise ClaimError(f"not {what}")
    try:
        body, signature = (base64.urlsafe_b64decode(part) for part in (body_text, signature_text))
        key.verify(signature, context + body)
        return kind.model_validate_json(body)
    except ValueError:  # no base64, not even ASCII, or not JSON of that kind
        raise ClaimError(f"not {what}: damaged text") from None
    except InvalidSignature:
        raise ClaimError("the ticket was not signed by this estate's core") from None
