"""What is inside a sealed template: the vector and every id it belongs to, so that none can be swapped on the way.

JSON, sealed as a whole (``core.contract.sealing.TEMPLATE_INFO``); the vector is little-endian float32 in base64.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from core.contract.base import Message
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.errors import MatchingError
from watchlists.face_index import Template

_MAX_BASE64 = 8192
"""1,536 numbers: more than any face model we know gives, and its seal still fits the contract."""


class TemplateFormatError(ValueError):
    """An opened template is not one: wrong form, broken vector, or the ids of another."""


class _PlainTemplate(Message):
    v: Literal[1] = 1
    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    vector_base64: Annotated[str, Field(max_length=_MAX_BASE64)]


def pack(template: Template) -> bytes:
    """Plaintext of ``template``, to be sealed at once and then forgotten."""
    return (
        _PlainTemplate(
            template_id=template.template_id,
            subject=template.subject,
            consent=template.consent,
            model=template.model,
            vector_base64=base64.b64encode(template.vector.astype("<f4").tobytes()).decode(),
        )
        .model_dump_json()
        .encode()
    )


def unpack(plaintext: bytes) -> Template:
    """The template in ``plaintext``. Raises TemplateFormatError; the text quotes nothing of the content."""
    try:
        plain = _PlainTemplate.model_validate_json(plaintext)
        raw = base64.b64decode(plain.vector_base64, validate=True)
        vector = np.frombuffer(raw, "<f4").astype(np.float32)
    except ValueError:  # no JSON of this form, no base64, or no whole number of float32
        raise TemplateFormatError("not a template of version 1") from None
    try:
        return Template(plain.template_id, plain.subject, plain.consent, plain.model, vector)
    except MatchingError as error:
        raise TemplateFormatError(str(error)) from None
