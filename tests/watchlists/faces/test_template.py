"""A template is a whole vector and a proof of consent, or there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.contract.ids import ModelId, TemplateId, new_id
from tests.support.consents import standing_consent
from watchlists.errors import NotFiniteError, NotUnitLengthError, WrongDimensionError
from watchlists.faces.template import Float, Template

DIMENSION = 8
MODEL = ModelId("toy@000000000000")


def template(vector: Float) -> Template:
    return Template(TemplateId(new_id()), standing_consent(), MODEL, vector)


@pytest.mark.parametrize(
    ("vector", "error"),
    [
        (np.zeros(DIMENSION, np.float32), NotUnitLengthError),
        (np.full(DIMENSION, 1.0, np.float32), NotUnitLengthError),
        (np.full(DIMENSION, np.nan, np.float32), NotFiniteError),
        (np.full(DIMENSION, np.inf, np.float32), NotFiniteError),
        (np.eye(DIMENSION, dtype=np.float32), WrongDimensionError),
    ],
)
def test_no_template_of_a_broken_vector(vector: Float, error: type[Exception]) -> None:
    with pytest.raises(error):
        template(vector)


def test_a_template_keeps_its_own_vector_and_lets_nobody_change_it() -> None:
    vector = np.eye(DIMENSION, dtype=np.float32)[0]
    kept = template(vector)
    vector[:] = 0
    assert kept.vector[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        kept.vector[0] = 0.5


def test_whose_it_is_and_why_it_may_be_there_come_from_the_proof_alone() -> None:
    proof = standing_consent()
    one = Template(TemplateId(new_id()), proof, MODEL, np.eye(DIMENSION, dtype=np.float32)[0])
    assert (one.subject, one.consent) == (proof.subject, proof.consent)
    fields: Any = one
    with pytest.raises((AttributeError, TypeError)):
        fields.subject = standing_consent().subject
    assert one.subject == proof.subject
