"""A face template, and many of them side by side. Neither exists without the consent it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.contract.consent import ActiveConsent
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.errors import NotFiniteError, NotUnitLengthError, WrongDimensionError

Float = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint8]
"""uint8 (n, 16): UUIDs as their 16 bytes, a row each."""

UNIT_TOLERANCE = 1e-3
"""How far from 1 the length of a vector may be: well above float32 rounding, well below what moves a decision."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A face template.

    proof: the consent it rests on, and whose it is; vector: float32 (d,), unit length; a read-only copy is kept.
    Raises WrongDimensionError, NotFiniteError, NotUnitLengthError.
    """

    template_id: TemplateId
    proof: ActiveConsent
    model: ModelId
    vector: Float = field(repr=False)

    def __post_init__(self) -> None:
        if self.vector.ndim != 1:
            raise WrongDimensionError(f"a template's vector has shape (d,), not {self.vector.shape}")
        check_vectors(self.vector[None])
        own = self.vector.astype(np.float32)
        own.setflags(write=False)
        object.__setattr__(self, "vector", own)

    @property
    def subject(self) -> SubjectKey:
        return self.proof.subject

    @property
    def consent(self) -> ConsentId:
        return self.proof.consent


@dataclass(frozen=True, slots=True, eq=False)
class TemplateBlock:
    """Templates of one model as they come out of the store, side by side; made nowhere else (a test names who may).

    template_ids, subjects, consents: uint8 (n, 16); locked: bool (n,), kept but not to be found (consent suspended);
    vectors: float32 (n, d), unit length, checked when they were put in.
    """

    model: ModelId
    template_ids: Ids
    subjects: Ids
    consents: Ids
    locked: npt.NDArray[np.bool_]
    vectors: Float = field(repr=False)

    def __len__(self) -> int:
        return len(self.template_ids)


def check_vectors(vectors: Float) -> None:
    """Raise NotFiniteError or NotUnitLengthError unless every row of ``vectors`` (n, d) is finite and of length 1."""
    if not np.isfinite(vectors).all():
        raise NotFiniteError("a face vector holds NaN or infinity: look at the picture and the model it came from")
    lengths = np.linalg.norm(vectors, axis=1)
    if (np.abs(lengths - 1.0) > UNIT_TOLERANCE).any():
        raise NotUnitLengthError("a face vector is not of length 1: divide the embedding by its norm first")
