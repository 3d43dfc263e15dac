"""No sequence of what can happen leaves a template without a consent that stands, or finds an erased person.

Real core, real edges, a bus that keeps no promise. ``ANJU_SEQUENCES`` is how many sequences are tried, and
``ANJU_SEQUENCE_STEPS`` how long each is: for a night, `ANJU_SEQUENCES=2000 ANJU_SEQUENCE_STEPS=80`.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.consent.house import MakeShelf
from tests.integration.consent.machine import Estate

SEQUENCES = os.environ.get("ANJU_SEQUENCES")
STEPS = int(os.environ.get("ANJU_SEQUENCE_STEPS", "40"))


def _try(make_shelf: MakeShelf, sequences: int) -> None:
    class OnThatShelf(Estate):
        pass

    OnThatShelf.make_shelf = staticmethod(make_shelf)
    run_state_machine_as_test(
        OnThatShelf,
        settings=settings(
            max_examples=int(SEQUENCES or sequences),
            stateful_step_count=STEPS,
            derandomize=SEQUENCES is None,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(0 if SEQUENCES else 600)
def test_no_sequence_leaves_a_template_without_consent_or_finds_an_erased_person(on_sqlite: MakeShelf) -> None:
    _try(on_sqlite, 10)


@pytest.mark.integration
@pytest.mark.timeout(0 if SEQUENCES else 600)
def test_no_sequence_does_on_postgres_either(on_postgres: MakeShelf) -> None:
    _try(on_postgres, 2)
