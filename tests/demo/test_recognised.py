"""The models see in the encoded clips what was drawn: faces, who they are, passes, plates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import zxingcpp

from core.contract.ids import CameraId, SubjectKey
from demo.cast import Cast, make_cast
from demo.clips import encode
from demo.draw.canvas import Picture
from demo.film import Film, make_film
from demo.portraits import portrait
from demo.script import DOOR_CAMERA, GATE_CAMERA, LANE_CAMERA, Act, ActKind, make_script
from models.alignment import align
from models.directory import ModelDirectory
from models.plate_crop import rectify
from models.protocols import FaceDetecting, FaceEmbedding
from models.store import open_face_detector, open_face_embedder, open_plate_detector, open_plate_reader
from models.types import Float
from tests.support.faces import MAX_OTHER, MIN_OWN, Models, at_door, at_gate, template_of

SEED = 7
PASS = "AJ1:{:A>168}"
FRAMES_PER_ACT = 6


class Excerpt:
    """Some frames of a film, one after the other, so that encoding them costs what it costs in the clip."""

    def __init__(self, film: Film, numbers: list[int]) -> None:
        self._film, self._numbers, self.frames = film, numbers, len(numbers)

    def frame(self, number: int) -> Picture:
        return self._film.frame(self._numbers[number])


def pass_of(number: int) -> str:
    return PASS.format(f"{number}Q7Z2K" * 25)


def encoded(
    camera: CameraId, cast: Cast, moments: Callable[[Act], list[int]], folder: Path
) -> list[tuple[Act, Picture]]:
    """Frames of ``camera`` at each act's ``moments``, encoded and decoded again."""
    script = make_script(cast, SEED)
    passes = {resident.subject: pass_of(number) for number, resident in enumerate(cast.residents)}
    wanted = [(act, number) for act in script.camera(camera).acts for number in moments(act)]
    film = Excerpt(make_film(camera, cast, script, passes), [number for _, number in wanted])
    path = folder / f"{camera}.mp4"
    encode(film, path, "key", 0, lambda _share: None)
    with av.open(str(path)) as container:
        pictures = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]
    return [(act, picture) for (act, _), picture in zip(wanted, pictures, strict=True)]


@pytest.fixture(scope="module")
def faces(models_dir: Path) -> tuple[FaceDetecting, FaceEmbedding]:
    store = ModelDirectory(models_dir)
    return open_face_detector("yunet", store=store), open_face_embedder("sface", store=store)


def template(picture: Picture, faces: tuple[FaceDetecting, FaceEmbedding]) -> Float:
    found = faces[0].detect([picture])[0]
    assert len(found) == 1
    vector: Float = faces[1].embed(align(picture, found.landmarks[0])[None])[0]
    return vector


def test_faces_in_the_zone_are_found_and_told_apart(faces: tuple[FaceDetecting, FaceEmbedding], tmp_path: Path) -> None:
    cast = make_cast(SEED)
    enrolled = {resident.subject: template(portrait(resident), faces) for resident in cast.consenting}

    def standing(act: Act) -> list[int]:
        if act.kind is ActKind.BYSTANDER:
            return []
        return list(np.linspace(act.decisive_frame + 1, act.leave_frame - 1, FRAMES_PER_ACT).astype(int))

    found = 0
    seen = encoded(GATE_CAMERA, cast, standing, tmp_path)
    for act, picture in seen:
        zone = np.ascontiguousarray(picture[:, 730:1190])
        boxes = faces[0].detect([zone])[0]
        if len(boxes) != 1:
            continue
        found += 1
        assert 105 <= boxes.boxes[0, 2] - boxes.boxes[0, 0] <= 200
        probe = faces[1].embed(align(zone, boxes.landmarks[0])[None])[0]
        scores: dict[SubjectKey, float] = {subject: float(probe @ known) for subject, known in enrolled.items()}
        subject = act.expects.passages[0].subject
        if subject is not None:
            assert scores.pop(subject) > 0.6
        assert max(scores.values()) < 0.40
    assert found >= 0.97 * len(seen)


def test_somebody_with_anothers_pass_and_those_not_enrolled_look_like_no_resident_to_the_watchers(
    faces: tuple[FaceDetecting, FaceEmbedding],
) -> None:
    models = Models(*faces)
    cast = make_cast(SEED)
    enrolled = np.stack([template_of(resident.face, models) for resident in cast.consenting])
    without = next(resident for resident in cast.residents if not resident.consents)
    at_the_gate = [at_gate(person.face, models)[0] for person in (without, cast.strangers[0])]
    at_the_door, _ = at_door(cast.strangers[1].face, models)
    for probes in (*at_the_gate, at_the_door):
        assert len(probes) >= 15
        assert float((probes @ enrolled.T).max()) < MAX_OTHER


def test_a_holder_at_the_door_looks_like_their_own_portrait_in_every_mood(
    faces: tuple[FaceDetecting, FaceEmbedding],
) -> None:
    models = Models(*faces)
    holder = make_cast(SEED).consenting[0]
    probes, missed = at_door(holder.face, models)
    assert missed <= 1
    assert float((probes @ template_of(holder.face, models)).min()) > MIN_OWN


def test_the_pass_on_a_phone_is_read_from_the_encoded_frame(tmp_path: Path) -> None:
    cast = make_cast(SEED)
    numbers = {resident.subject: number for number, resident in enumerate(cast.residents)}

    def shown(act: Act) -> list[int]:
        if act.shows is None:
            return []
        first = act.decisive_frame if act.kind is not ActKind.FOLLOWED else act.leave_frame - 40
        return [first + 10, first + 20, first + 30]

    seen = encoded(DOOR_CAMERA, cast, shown, tmp_path)
    assert len(seen) == 12
    for act, picture in seen:
        assert act.shows is not None
        codes = zxingcpp.read_barcodes(picture)
        assert [code.text for code in codes] == [pass_of(numbers[act.shows])]


def test_plates_at_the_barrier_are_read_exactly(models_dir: Path, tmp_path: Path) -> None:
    store = ModelDirectory(models_dir)
    detector, reader = open_plate_detector("anju-plate-det", store=store), open_plate_reader("anju-plates", store=store)
    seen = encoded(LANE_CAMERA, make_cast(SEED), lambda act: [act.decisive_frame + 10], tmp_path)
    assert len(seen) == 6
    for act, picture in seen:
        lane = np.ascontiguousarray(picture[378:972, 422:1498])
        found = detector.detect([lane])[0]
        assert len(found) == 1
        assert 130 <= found.boxes[0, 2] - found.boxes[0, 0] <= 210
        read = reader.read([rectify(lane, found.quads[0])])[0]
        assert read.text == act.vehicle
