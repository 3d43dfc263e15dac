"""What is inside a sealed template: the vector and every id it belongs to, so that none can be swapped on the way.

JSON, sealed as a whole (``core.contract.sealing.TEMPLATE_INFO``); the vector is little-endian float32 in base64.
The ids inside are a claim, no proof of consent: whoever opens one compares them with what the core signed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from core.contract.base import Message
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.faces.template import Float, Template

_MAX_BASE64 = 8192
"""1,536 numbers: more than any face model we know gives, and its seal still fits the contract."""


class TemplateFormatError(ValueError):
    """An opened template is not one: wrong form, or a broken vector."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainTemplate:
    """An opened template. vector: float32 (d,), unchecked: ``Template`` checks it."""

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    vector: Float = field(repr=False)


class _Wire(Message):
    v: Literal[1] = 1
    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    vector_base64: Annotated[str, Field(max_length=_MAX_BASE64)]


def pack(template: Template) -> bytes:
    """Plaintext of ``template``, to be sealed at once and then forgotten."""
    wire = _Wire(
        template_id=template.template_id,
        subject=template.subject,
        consent=template.consent,
        model=template.model,
        vector_base64=base64.b64encode(template.vector.astype("<f4").tobytes()).decode(),
    )
    return wire.model_dump_json().encode()


def unpack(plaintext: bytes) -> PlainTemplate:
    """The template in ``plaintext``. Raises TemplateFormatError; the text quotes nothing of the content."""
    try:
        wire = _Wire.model_validate_json(plaintext)
        raw = base64.b64decode(wire.vector_base64, validate=True)
        vector = np.frombuffer(raw, "<f4").astype(np.float32)
    except ValueError:  # no JSON of this form, no base64, or no whole number of float32
        raise TemplateFormatError("not a template of version 1") from None
    if not vector.size:
        raise TemplateFormatError("a template without a vector")
    return PlainTemplate(wire.template_id, wire.subject, wire.consent, wire.model, vector)
