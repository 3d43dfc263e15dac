"""What a mainland plate can be: the public forms of GA 36-2018."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.contract.plates import MAX_TEXT, PROVINCES, PlateForm, PlateTooLongError, normalise, parse_plate

VECTORS = [
    ("京AD12345", PlateForm.NEV_SMALL),
    ("沪AF00001", PlateForm.NEV_SMALL),
    ("粤BDA1234", PlateForm.NEV_SMALL),
    ("京AG12345", PlateForm.NEV_SMALL),
    ("粤B12345D", PlateForm.NEV_LARGE),
    ("苏E12345F", PlateForm.NEV_LARGE),
    ("京A12345", PlateForm.STANDARD),
    ("粤B1C2D3", PlateForm.STANDARD),
    ("鲁DABCD0", PlateForm.STANDARD),
    ("新Z99999", PlateForm.STANDARD),
    ("京A1234警", PlateForm.POLICE),
    ("京A1234学", PlateForm.LEARNER),
    ("川A1234挂", PlateForm.TRAILER),
    ("粤Z1234港", PlateForm.HONG_KONG_MACAU),
    ("粤ZF023澳", PlateForm.HONG_KONG_MACAU),
    ("123456使", PlateForm.EMBASSY),
    ("使123456", PlateForm.EMBASSY),
    ("沪12345领", PlateForm.CONSULATE),
    ("粤A1234领", PlateForm.CONSULATE),
    ("京A1234应急", PlateForm.EMERGENCY),
    ("京AX1234应急", PlateForm.EMERGENCY),
    ("WJ京12345", PlateForm.ARMED_POLICE),
    ("WJ123456", PlateForm.ARMED_POLICE),
    ("VA12345", PlateForm.MILITARY),
    ("京AI2345", None),
    ("京AO2345", None),
    ("京I12345", None),
    ("京AL12345", None),
    ("京ADI2345", None),
    ("京A1234", None),
    ("京A123456", None),
    ("粤Y1234港", None),
    ("12345使", None),
    ("", None),
    ("警", None),
]


@pytest.mark.parametrize(("text", "form"), VECTORS)
def test_a_plate_has_the_first_form_that_fits(text: str, form: PlateForm | None) -> None:
    found = parse_plate(text)
    assert (found and found.form) == form


@pytest.mark.parametrize(
    "written", ["京A·12345", "京a-12345", "京 A 12345", "京Ａ１２３４５", "京A.123•45", "京A_12345\n"]
)
def test_a_plate_is_the_same_however_it_is_written(written: str) -> None:
    found = parse_plate(written)
    assert found is not None
    assert found.text == "京A12345"


def test_more_letters_than_are_issued_are_unusual_but_a_plate() -> None:
    plates = [parse_plate(text) for text in ("鲁DABCD0", "粤B1C2D3", "京AB1C23")]
    assert [plate is not None and plate.unusual for plate in plates] == [True, False, False]


@given(st.text(st.characters()))
def test_any_text_is_a_plate_or_not(text: str) -> None:
    found = parse_plate(text)
    assert found is None or parse_plate(found.text) == found


@given(st.text("京Ａ澳警WJ使领挂学应急AI0１8·- ", max_size=12))
def test_any_mixture_of_what_plates_are_made_of_is_a_plate_or_not(text: str) -> None:
    found = parse_plate(text)
    assert found is None or parse_plate(found.text) == found


@given(st.text(st.characters(), max_size=MAX_TEXT) | st.text("京津A1·Ｂｚ２ -é\u0301", max_size=MAX_TEXT))
@example("ﷺ" * MAX_TEXT)
def test_normal_text_passes_unchanged_and_all_other_text_becomes_what_it_would_have(text: str) -> None:
    slowly = re.sub(r"[\s·•.\-_]+", "", unicodedata.normalize("NFKC", text)).upper()
    assert normalise(text) == slowly


def full_width(character: str) -> str:
    return chr(ord(character) + 0xFEE0) if character.isascii() else character


@given(st.sampled_from([text for text, form in VECTORS if form]), st.data())
def test_a_plate_is_found_again_in_whatever_way_it_is_written(plate: str, data: st.DataObject) -> None:
    between = st.text("·•.-_ \t\n\u3000", max_size=3)
    written = "".join(
        data.draw(between) + data.draw(st.sampled_from([one, one.lower(), full_width(one)])) for one in plate
    )
    assert normalise(written) == plate
    assert parse_plate(written) == parse_plate(plate)


@pytest.mark.parametrize("written", ["粤B١٢٣٤٥D", "١٢٣٤٥٦使", "VA१२३४५"])
def test_digits_of_other_scripts_are_no_digits_of_a_plate(written: str) -> None:
    assert parse_plate(written) is None


def test_a_text_too_long_for_any_plate_is_refused_before_it_is_looked_at() -> None:
    longest = "京A12345".center(MAX_TEXT, "·")
    assert parse_plate(longest) == parse_plate("京A12345")
    assert parse_plate(longest + "·") is None
    with pytest.raises(PlateTooLongError, match="at most 64 characters, this text has 1000000"):
        normalise("京" * 1_000_000)


SERIAL = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=5, max_size=5)


@given(st.sampled_from(PROVINCES), st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"), SERIAL)
def test_every_blue_serial_is_a_standard_plate(province: str, city: str, serial: str) -> None:
    found = parse_plate(province + city + serial)
    assert found is not None
    assert found.form is PlateForm.STANDARD


@given(st.sampled_from(PROVINCES), st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=6, max_size=7))
def test_no_plate_has_an_i_or_an_o(province: str, rest: str) -> None:
    if set(rest) & {"I", "O"}:
        assert parse_plate(province + rest) is None
