"""The manifest is complete and names what it means."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from models.errors import UnknownModelError
from models.manifest import HttpsSource, Manifest, ModelFile, Task, WheelSource, load_manifest
from models.plate_reader import CHARACTERS


def test_the_default_models_do_each_task_once_but_for_the_one_that_has_to_be_chosen() -> None:
    manifest = load_manifest()
    tasks = [file.task for name in manifest.defaults for file in manifest.model(name).files]
    second_opinion = [Task.PLATE_READING]
    assert sorted(tasks) == sorted([*(set(Task) - {Task.PRESENTATION_CHECK}), *second_opinion])


def test_an_official_address_comes_before_a_package() -> None:
    for name in ("yunet", "sface"):
        sources = load_manifest().model(name).files[0].sources
        assert isinstance(sources[0], HttpsSource)
        assert isinstance(sources[-1], WheelSource)


@pytest.mark.parametrize("name", ["clp-det", "buffalo_l", "antelopev2"])
def test_a_model_whose_licence_is_unclear_or_narrow_needs_an_explicit_yes(name: str) -> None:
    assert load_manifest().model(name).acceptance


def test_a_mistyped_name_is_told_its_nearest() -> None:
    with pytest.raises(UnknownModelError, match=r"'yunnet'; did you mean 'yunet'\?"):
        load_manifest().model("yunnet")


def test_a_model_asked_for_another_task_says_what_it_does() -> None:
    with pytest.raises(UnknownModelError, match="'yunet' does face_detection, not plate_reading"):
        load_manifest().model("yunet").file_for(Task.PLATE_READING)


def test_two_models_of_one_name_are_refused() -> None:
    model = load_manifest().model("yunet").model_dump(by_alias=True)
    with pytest.raises(ValidationError, match="same name"):
        Manifest.model_validate({"model": [model, model]})


def test_a_source_without_encryption_is_refused() -> None:
    with pytest.raises(ValidationError, match="url"):
        HttpsSource(kind="https", url="http://example.org/model.onnx")


def test_a_file_comes_with_anju_or_from_somewhere_and_never_both() -> None:
    file = load_manifest().model("yunet").files[0].model_dump(mode="json", by_alias=True)
    with pytest.raises(ValidationError, match="either bundled, or with sources"):
        ModelFile.model_validate(file | {"bundled": True})
    with pytest.raises(ValidationError, match="either bundled, or with sources"):
        ModelFile.model_validate(file | {"source": []})
    with pytest.raises(ValidationError, match="rewritten before it is bundled"):
        ModelFile.model_validate(file | {"source": [], "bundled": True})


def test_the_reader_knows_72_characters_and_no_letter_that_looks_like_a_digit() -> None:
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 72
    assert not {"I", "O"} & set(CHARACTERS)
