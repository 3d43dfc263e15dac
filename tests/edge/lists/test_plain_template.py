"""The inside of a sealed template: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import ConsentId, SubjectKey, new_id
from edge.lists.plain_template import TemplateFormatError, pack, unpack
from tests.edge.lists.estate import face


def packed() -> bytes:
    return pack(face(1, SubjectKey(new_id()), ConsentId(new_id())))


def test_a_template_comes_out_as_it_went_in() -> None:
    template = face(1, SubjectKey(new_id()), ConsentId(new_id()))
    again = unpack(pack(template))
    assert (again.template_id, again.subject, again.consent, again.model) == (
        template.template_id,
        template.subject,
        template.consent,
        template.model,
    )
    assert np.array_equal(again.vector, template.vector)


@given(st.binary(max_size=400))
def test_garbage_is_no_template(garbage: bytes) -> None:
    with pytest.raises(TemplateFormatError):
        unpack(garbage)


def floats(*values: float) -> str:
    return base64.b64encode(np.array(values, "<f4").tobytes()).decode()


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"consent": ""},
        {"consent": None},
        {"subject": "someone"},
        {"name": "a name has no place here"},
        {"vector_base64": ""},
        {"vector_base64": "AAA="},
        {"vector_base64": "é"},
        {"vector_base64": "A" * 9000},
    ],
)
def test_a_template_with_a_part_broken_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(TemplateFormatError):
        unpack(json.dumps(json.loads(packed()) | changed).encode())
