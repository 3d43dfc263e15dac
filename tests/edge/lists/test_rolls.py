"""Rolls: only what the core counts here, signed and of now, keeps faces recognised."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.ids import ConsentId, SubjectKey, new_id
from core.contract.lists import NoChange
from core.contract.roll import digest_of
from edge.lists.freshness import CLOCK_TOLERANCE, RollSays, is_fresh, judge
from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import GATE, NOON, Estate, answered, face, resident, told, vector_of

PERSON, CONSENT = SubjectKey(new_id()), ConsentId(new_id())
SECOND, DAY = timedelta(seconds=1), timedelta(hours=24)
PROBE = vector_of(1)[None]


@pytest.fixture
def rolled(estate: Estate, mirror: ListMirror) -> ListMirror:
    """A person is enrolled, and the core has said so at noon."""
    template = face(1, PERSON, CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
    assert mirror.apply(estate.roll(told(template))) is None
    return mirror


@pytest.mark.parametrize(
    ("at", "version", "digest", "last", "expected"),
    [
        (NOON, 5, "same", None, RollSays.SAME),
        (NOON, 5, "same", NOON - SECOND, RollSays.SAME),
        (NOON, 5, "same", NOON, RollSays.SAME),
        (NOON, 5, "other", None, RollSays.DIFFERS),
        (NOON, 4, "same", None, RollSays.OTHER_NUMBER),
        (NOON, 6, "other", None, RollSays.OTHER_NUMBER),
        (NOON - SECOND, 5, "same", NOON, RollSays.OLD),
        (NOON - SECOND, 5, "other", NOON, RollSays.OLD),
        (NOON - SECOND, 4, "same", NOON, RollSays.OLD),
        (NOON + CLOCK_TOLERANCE, 5, "same", None, RollSays.SAME),
        (NOON + CLOCK_TOLERANCE + SECOND, 5, "same", None, RollSays.CLOCK_WRONG),
        (NOON, 5, "same", NOON + CLOCK_TOLERANCE + SECOND, RollSays.SAME),
    ],
)
def test_what_a_roll_says(
    estate: Estate, at: datetime, version: int, digest: str, last: datetime | None, expected: RollSays
) -> None:
    roll = estate.roll([], version=version, at=at)
    held = digest_of([]) if digest == "same" else digest_of(told(face(1, PERSON, CONSENT)))
    assert judge(roll, version=5, digest=held, last=last, now=NOON) is expected


@pytest.mark.parametrize(
    ("contact", "fresh"),
    [
        (None, False),
        (NOON, True),
        (NOON - DAY, True),
        (NOON - DAY - SECOND, False),
        (NOON + CLOCK_TOLERANCE, True),
        (NOON + CLOCK_TOLERANCE + SECOND, False),
    ],
)
def test_a_roll_is_good_for_a_day_unless_a_clock_jumped(contact: datetime | None, fresh: bool) -> None:
    assert is_fresh(contact, NOON, DAY) is fresh


def test_nothing_but_a_roll_keeps_faces_recognised(estate: Estate, mirror: ListMirror) -> None:
    assert not mirror.recogniser_may_run(NOON)
    template = face(1, PERSON, CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
    assert not mirror.recogniser_may_run(NOON), "a change says nothing about what should not be here"
    mirror.apply(estate.roll(told(template)))
    assert mirror.recogniser_may_run(NOON + DAY)

    estate.clock.now = NOON + timedelta(hours=20)
    mirror.apply(estate.delta(NoChange()))
    mirror.receipt()
    assert not mirror.recogniser_may_run(NOON + DAY + SECOND)
    mirror.apply(estate.roll(told(template)))
    assert mirror.recogniser_may_run(estate.clock.now + DAY)


def test_freshness_outlives_a_restart_up_to_a_minute(estate: Estate, rolled: ListMirror) -> None:
    template = face(2, PERSON, CONSENT)
    rolled.apply(estate.delta(estate.put(template)))
    for minutes in (10, 10.5):
        estate.clock.now = NOON + timedelta(minutes=minutes)
        estate.agree(rolled)
    rolled.close()
    again = estate.open_mirror()
    assert again.recogniser_may_run(NOON + timedelta(minutes=10) + DAY)
    assert not again.recogniser_may_run(NOON + timedelta(minutes=10.5) + DAY)
    assert not again.recogniser_may_run(NOON - timedelta(days=30)), "the clock jumped back"
    again.close()


def test_a_roll_of_other_templates_stops_recognition_at_once_and_asks_for_everything(
    estate: Estate, rolled: ListMirror
) -> None:
    estate.clock.now += SECOND
    receipt = answered(rolled, estate.roll([]))

    assert receipt.wants_snapshot
    assert "the core counts other templates" in str(receipt.problem)
    assert not rolled.recogniser_may_run(NOON)
    assert rolled.identify(PROBE, GATE, NOON) is None
    assert rolled.compare(PERSON, PROBE) is None
    assert not rolled.enrolled(PERSON)
    rolled.close()

    again = estate.open_mirror()
    assert not again.recogniser_may_run(NOON), "not forgotten by a restart"
    assert again.receipt().wants_snapshot
    again.close()


def test_a_roll_of_another_number_changes_nothing_and_is_answered_with_where_we_are(
    estate: Estate, rolled: ListMirror
) -> None:
    estate.clock.now += SECOND
    receipt = answered(rolled, estate.roll([], version=estate.head + 1))
    assert (receipt.version, receipt.problem) == (estate.head, None)
    assert rolled.recogniser_may_run(NOON)
    assert rolled.counts()["lists.rolls_missed"] == 1


def test_an_old_roll_sent_again_is_worth_nothing(estate: Estate, rolled: ListMirror) -> None:
    """Whoever kept one can't use it: neither to keep faces on, nor to switch them off."""
    before = estate.roll([], at=NOON - SECOND)
    assert rolled.apply(before) is None
    assert rolled.recogniser_may_run(NOON)
    assert rolled.counts()["lists.rolls_refused"] == 1


def test_a_roll_that_comes_late_does_not_take_back_what_a_newer_one_said(estate: Estate, mirror: ListMirror) -> None:
    template = face(1, PERSON, CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
    late = estate.roll(told(template), at=NOON + SECOND)
    estate.clock.now = NOON + 2 * SECOND
    assert answered(mirror, estate.roll([])).wants_snapshot
    assert answered(mirror, late).wants_snapshot, "said again, so that the core says how it is"
    assert not mirror.enrolled(PERSON)


def test_a_roll_that_the_core_did_not_sign_for_this_edge_is_refused(estate: Estate, mirror: ListMirror) -> None:
    true_one = estate.roll([], version=0)
    forger = Estate(estate.folder / "other", core_key=Ed25519PrivateKey.generate())
    for forged in (
        forger.roll([], version=0),
        true_one.model_copy(update={"at": NOON + SECOND}),
        true_one.model_copy(update={"digest": digest_of(told(face(1, PERSON, CONSENT)))}),
        true_one.model_copy(update={"edge": "gate-2"}),
    ):
        assert answered(mirror, forged).problem is not None
        assert not mirror.recogniser_may_run(NOON)
    assert mirror.counts()["lists.rolls_refused"] == 4
    assert mirror.apply(true_one) is None
    assert mirror.recogniser_may_run(NOON)


def test_a_roll_from_the_future_is_told_as_a_wrong_clock(estate: Estate, mirror: ListMirror) -> None:
    receipt = answered(mirror, estate.roll([], version=0, at=NOON + timedelta(hours=1)))
    assert "set the clocks" in str(receipt.problem)
    assert not mirror.recogniser_may_run(NOON + timedelta(hours=1))
