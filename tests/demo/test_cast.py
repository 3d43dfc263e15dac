"""Who appears in the demo."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.contract.plates import PlateForm, parse_plate
from core.contract.vocabulary import PlateColour
from demo.cast import CIRCLES, COMPARED_NOT_ENROLLED, PLATES, RESIDENTS_WITH_CONSENT, Cast, make_cast

SEEDS = st.integers(min_value=0, max_value=2**31)


def test_the_same_seed_gives_the_same_cast() -> None:
    assert make_cast(7) == make_cast(7)


def test_other_seeds_give_other_people_passes_and_plates() -> None:
    casts = [make_cast(seed) for seed in range(6)]
    assert len({cast.residents[0].subject for cast in casts}) == 6
    assert len({tuple(resident.face for resident in cast.residents) for cast in casts}) == 6
    assert len({tuple(vehicle.plate for vehicle in cast.vehicles) for cast in casts}) == 6


@given(SEEDS)
def test_nobody_and_no_plate_appears_twice(seed: int) -> None:
    cast = make_cast(seed)
    faces = [person.face for person in cast.residents] + [person.face for person in cast.strangers]
    plates = [vehicle.plate for vehicle in cast.vehicles]
    names = [resident.name_zh for resident in cast.residents]
    assert len(set(faces)) == len(faces) == 11
    assert len(set(plates)) == len(plates) == 6
    assert len(set(names)) == len(names)


@given(SEEDS)
def test_nobody_is_compared_with_somebody_they_were_not_proven_to_differ_from(seed: int) -> None:
    cast = make_cast(seed)
    enrolled = {resident.face for resident in cast.consenting}
    not_enrolled = {resident.face for resident in cast.residents if not resident.consents}
    not_enrolled |= {stranger.face for stranger in cast.strangers[:2]}
    assert any(enrolled <= set(circle.enrolled) and not_enrolled <= set(circle.others) for circle in CIRCLES)


@given(SEEDS)
def test_a_pass_is_only_for_those_who_consented_and_the_cast_survives_json(seed: int) -> None:
    cast = make_cast(seed)
    assert all((resident.qr_pass is not None) == resident.consents for resident in cast.residents)
    assert len(cast.consenting) == 6
    assert Cast.model_validate_json(cast.model_dump_json()) == cast


@given(SEEDS)
def test_listed_vehicles_have_plates_of_every_colour(seed: int) -> None:
    listed = [vehicle for vehicle in make_cast(seed).vehicles if vehicle.listed]
    assert {vehicle.colour for vehicle in listed} == {PlateColour.BLUE, PlateColour.GREEN, PlateColour.YELLOW}
    assert len(listed) == 4


def test_there_are_enough_people_to_choose_from() -> None:
    assert len({face for circle in CIRCLES for face in circle.everybody}) >= 24
    for circle in CIRCLES:
        assert len(set(circle.everybody)) == len(circle.everybody)
        assert len(circle.enrolled) >= RESIDENTS_WITH_CONSENT
        assert len(circle.others) >= COMPARED_NOT_ENROLLED


def test_every_plate_has_the_form_of_its_colour() -> None:
    for colour, texts in PLATES.items():
        for text in texts:
            plate = parse_plate(text)
            assert plate is not None
            assert (plate.form is PlateForm.NEV_SMALL) == (colour is PlateColour.GREEN)
