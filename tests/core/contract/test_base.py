"""What every message has in common."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.contract.events import PlateReading
from core.contract.vocabulary import PlateColour


def test_an_error_about_a_message_repeats_nothing_of_it() -> None:
    with pytest.raises(ValidationError) as caught:
        PlateReading.model_validate({"text": "A12345" * 5, "colour": PlateColour.BLUE, "confidence": 1, "reads": 1})
    assert "text" in str(caught.value)
    assert "A12345" not in str(caught.value)
