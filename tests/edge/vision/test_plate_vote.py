"""The vote over one visit's reads."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.plates import PROVINCES, PlateForm, parse_plate
from core.contract.vocabulary import PlateColour
from edge.vision.plate_vote import (
    COLOURS,
    SeenPlate,
    VoteRules,
    final,
    of_another,
    settled,
    vote,
)
from models.types import PlateRead

RULES = VoteRules()


def read(text: str, confidence: float = 0.95, colour: PlateColour = PlateColour.BLUE) -> SeenPlate:
    return SeenPlate(PlateRead(text, (confidence,) * len(text)), colour)


def test_two_reads_that_agree_settle_it() -> None:
    assert settled([read("京A12D45")], RULES) is None
    plate = settled([read("京A12D45"), read("京A12D45", 0.9)], RULES)
    assert plate is not None
    reading = plate.reading
    assert (reading.text, reading.colour, reading.reads) == ("京A12D45", PlateColour.BLUE, 2)
    assert reading.confidence == pytest.approx(0.925)


def test_the_confidence_of_each_character_is_told_and_that_of_the_plate_is_the_lowest() -> None:
    doubtful = SeenPlate(PlateRead("京A12D45", (0.99, 0.99, 0.99, 0.61, 0.99, 0.99, 0.99)), PlateColour.BLUE)
    plate = settled([doubtful] * 3, RULES)
    assert plate is not None
    assert plate.confidences == pytest.approx(doubtful.read.confidences)
    assert plate.reading.confidence == pytest.approx(0.61)


def test_a_character_two_reads_disagree_about_is_not_settled() -> None:
    assert settled([read("京A12D45"), read("京A12045")], RULES) is None


def test_one_bad_read_is_outvoted() -> None:
    plate = settled([read("京A12D45"), read("京A12045", 0.7), read("京A12D45"), read("京A12D45")], RULES)
    assert plate is not None
    assert plate.reading.text == "京A12D45"
    assert plate.reading.confidence == plate.confidences[4] < 0.8


def test_blurred_reads_from_afar_do_not_undo_sharp_ones() -> None:
    afar = SeenPlate(PlateRead("京A12045", (0.95, 0.95, 0.95, 0.95, 0.2, 0.95, 0.95)), PlateColour.BLUE)
    plate = settled([*[afar] * 3, *[read("京A12D45")] * 3], RULES)
    assert plate is not None
    assert plate.reading.text == "京A12D45"
    assert plate.reading.confidence == pytest.approx(3 * 0.95 / (3 + 3 * 0.2))


@pytest.mark.parametrize("text", ["", "A12D45", "京A12", "京A12I45", "hello", "京·A12D45"])
def test_what_is_no_plate_does_not_count(text: str) -> None:
    assert settled([read(text)] * 5, RULES) is None
    assert final([read(text)] * 5, RULES) is None


def test_a_new_energy_plate_that_lost_a_character_is_no_ordinary_plate() -> None:
    """沪AD12345 read without its last character fits the ordinary form, but that one is never green."""
    assert settled([read("沪AD1234", colour=PlateColour.GREEN)] * 4, RULES) is None
    assert settled([read("沪AD12345", colour=PlateColour.GREEN)] * 2, RULES) is not None


def test_a_lone_read_counts_at_the_end_only_and_only_when_it_is_sure() -> None:
    assert settled([read("京A12D45", 0.97)], RULES) is None
    assert final([read("京A12D45", 0.97)], RULES) is not None
    assert final([read("京A12D45", 0.8)], RULES) is None


def test_a_doubtful_plate_waits_for_a_third_read() -> None:
    assert settled([read("京A12D45", 0.7)] * 2, RULES) is None
    assert settled([read("京A12D45", 0.7)] * 3, RULES) is not None
    assert settled([read("京A12D45", 0.5)] * 9, RULES) is None


def test_when_no_more_reads_come_two_that_agree_are_enough() -> None:
    assert final([read("京A12D45", 0.7)] * 2, RULES) is not None
    assert final([read("京A12D45", 0.7), read("京A12045", 0.7)], RULES) is None


def test_reads_of_the_vehicle_before_do_not_dilute_the_next_ones() -> None:
    plate = settled([read("京A12D45"), read("沪B98C76"), read("沪B98C76")], RULES)
    assert plate is not None
    assert plate.reading.text == "沪B98C76"
    assert plate.reading.confidence == pytest.approx(0.95)


def test_the_reads_before_a_plate_that_are_of_another_are_told_apart_from_its_misreads() -> None:
    before, misread = read("京A12D45"), read("沪B98C7B")
    assert of_another([before, misread, read("沪B98C76"), before], "沪B98C76") == [before]
    assert of_another([misread, read("沪B98C76")], "沪B98C76") == []


def test_a_colour_its_form_cannot_have_disqualifies_a_read_but_not_the_others() -> None:
    reads = [read("沪AD12345", colour=PlateColour.BLUE), *[read("沪AD12345", colour=PlateColour.GREEN)] * 2]
    plate = settled(reads, RULES)
    assert plate is not None
    assert (plate.agreeing, plate.reading.reads, plate.reading.colour) == (2, 3, PlateColour.GREEN)


def test_every_form_has_a_colour() -> None:
    assert set(COLOURS) == set(PlateForm)


def test_an_unknown_colour_fits_every_form() -> None:
    assert settled([read("京A12D45", colour=PlateColour.UNKNOWN)] * 2, RULES) is not None


characters = st.sampled_from("ABCD0123456789" + PROVINCES[:4] + "警港")
serials = st.text("ABD0128", min_size=5, max_size=6)
texts = st.one_of(
    st.text(characters, max_size=9),
    st.builds(lambda province, serial: f"{province}A{serial}", st.sampled_from(PROVINCES[:3]), serials),
)
seen = st.builds(
    lambda text, confidences, colour, weight: SeenPlate(
        PlateRead(text, tuple(confidences[: len(text)])), colour, weight
    ),
    texts,
    st.lists(st.floats(0, 1), min_size=9, max_size=9),
    st.sampled_from(PlateColour),
    st.floats(0.05, 1),
)


@given(st.lists(seen, max_size=12))
def test_whatever_is_read_a_settled_plate_was_read_twice_is_well_formed_and_fits_its_colour(
    reads: list[SeenPlate],
) -> None:
    voted = settled(reads, RULES)
    if voted is None:
        return
    reading = voted.reading
    assert len(voted.confidences) == len(reading.text)
    plate = parse_plate(reading.text)
    assert plate is not None
    assert sum(one.read.text == reading.text for one in reads) >= 2
    assert reading.colour is PlateColour.UNKNOWN or reading.colour in COLOURS[plate.form]
    assert RULES.min_confidence <= reading.confidence <= 1
    assert reading.reads == len(reads)


@given(st.lists(seen, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_reads_does_not_matter(reads: list[SeenPlate], rng: random.Random) -> None:
    shuffled = list(reads)
    rng.shuffle(shuffled)
    one, other = vote(reads), vote(shuffled)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.reading.text == other.reading.text
        assert one.reading.confidence == pytest.approx(other.reading.confidence)


@given(st.lists(seen, min_size=1, max_size=12))
def test_every_voted_character_was_read_there_and_is_no_surer_than_where_it_was_read_best(
    reads: list[SeenPlate],
) -> None:
    voted = vote(reads)
    if voted is None:
        assert settled(reads, RULES) is None
        assert final(reads, RULES) is None
        return
    text = voted.reading.text
    near = [one for one in reads if one.text and len(one.text) == len(text)]
    for position, confidence in enumerate(voted.confidences):
        said = [one.read.confidences[position] for one in near if one.text[position] == text[position]]
        assert said
        assert confidence <= max(said) + 1e-9
    assert voted.reading.confidence == min(voted.confidences)


@given(st.lists(seen, max_size=10), seen)
def test_a_read_that_agrees_never_unsettles_a_plate(reads: list[SeenPlate], last: SeenPlate) -> None:
    before = settled(reads, RULES)
    if before is None:
        return
    sure = PlateRead(before.reading.text, (1.0,) * len(before.reading.text))
    after = settled([*reads, SeenPlate(sure, before.reading.colour, 1.0)], RULES)
    assert after is not None
    assert after.reading.text == before.reading.text
