"""What one call of each model costs, beside the same model in OpenCV or as its authors published it.

    python -m benchmarks.models [--quick]

Needs the default models: `anju models fetch`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from skimage import data as pictures

from benchmarks.report import Row, against_limit, against_peer, write
from benchmarks.timing import medians_ms
from models.alignment import align
from models.directory import ModelDirectory
from models.manifest import Task, load_manifest
from models.plate_crop import rectify
from models.plate_reader_own import HEIGHT_PX, WIDTH_PX, OwnPlateReader
from models.store import open_face_detector, open_face_embedder, open_plate_detector, open_plate_reader
from models.types import Image

ROUNDS, QUICK_ROUNDS = 60, 12
Call = Callable[[], object]
BLOBS = {
    "yunet": (1, 3, 384, 640),
    "sface": (1, 3, 112, 112),
    "anju-plate-det": (1, 3, 544, 960),
    "anju-plates": (1, 3, HEIGHT_PX, WIDTH_PX),
}
"""What each network gets for a 1080p picture, one face and one plate."""


def street() -> Image:
    """1920x1080 BGR: the astronaut's portrait (NASA, public domain) twice, on a grey ground."""
    portrait: Image = pictures.astronaut()  # type: ignore[no-untyped-call]
    picture = np.full((1080, 1920, 3), 96, np.uint8)
    picture[200:712, 300:812] = portrait[:, :, ::-1]
    picture[500:756, 1300:1556] = cv2.resize(portrait[:, :, ::-1], (256, 256))
    return picture


def faces(store: ModelDirectory, rounds: int) -> list[Row]:
    """YuNet and SFace beside OpenCV's runners of the same files and SFace as published."""
    detector, embedder = open_face_detector("yunet", store=store), open_face_embedder("sface", store=store)
    picture = np.asarray(cv2.resize(street(), (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    theirs = cv2.FaceDetectorYN.create(str(_published(store, "yunet")), "", (640, 360), 0.6, 0.3, 5000)
    found = medians_ms({"ours": lambda: detector.detect([picture]), "OpenCV": lambda: theirs.detect(picture)}, rounds)
    crop = align(picture, detector.detect([picture])[0].landmarks[0])
    crops = np.stack([crop] * 4)
    blob = np.ascontiguousarray(crop[None, :, :, ::-1].transpose(0, 3, 1, 2), np.float32)
    recogniser = cv2.FaceRecognizerSF.create(str(_published(store, "sface")), "")
    original = _plain_session(_published(store, "sface"), threads=1)
    spent = medians_ms(
        {
            "ours": lambda: embedder.embed(crop[None]),
            "ours, 4": lambda: embedder.embed(crops),
            "OpenCV": lambda: recogniser.feature(crop),
            "published": lambda: original.run(None, {"data": blob}),
        },
        rounds,
    )
    return [
        _one_by_one(store, picture, rounds),
        against_peer(
            "find faces, 640x360, 1 thread, ms (peer: OpenCV FaceDetectorYN, same model)",
            ours=found["ours"],
            peer=found["OpenCV"],
            goal=1.5,
        ),
        against_peer(
            "embed a face, 1 thread, ms (peer: OpenCV FaceRecognizerSF, same model)",
            ours=spent["ours"],
            peer=spent["OpenCV"],
            goal=1.0,
        ),
        against_peer(
            "embed a face, 1 thread, ms (peer: ONNX Runtime, graph as published)",
            ours=spent["ours"],
            peer=spent["published"],
            goal=1.8,
        ),
        against_peer(
            "embed a face in a batch of 4, 1 thread, ms a face (peer: ONNX Runtime, graph as published, one by one)",
            ours=spent["ours, 4"] / 4,
            peer=spent["published"],
            goal=1.7,
        ),
    ]


def _one_by_one(store: ModelDirectory, picture: Image, rounds: int) -> Row:
    """Pictures of several cameras one after the other, as they are looked at, beside all in one batch."""
    finder = _plain_session(store.ready(load_manifest().model("yunet"), Task.FACE_DETECTION), threads=1)
    four = np.repeat(np.pad(picture, ((0, 24), (0, 0), (0, 0))).transpose(2, 0, 1)[None].astype(np.float32), 4, axis=0)
    at_once = medians_ms(
        {
            "one by one": lambda: [finder.run(None, {"input": four[:1]}) for _ in range(4)],
            "all at once": lambda: finder.run(None, {"input": four}),
        },
        rounds,
    )
    return against_peer(
        "find faces in four cameras' pictures one by one, 1 thread, ms (peer: the same network, all four at once)",
        ours=at_once["one by one"],
        peer=at_once["all at once"],
        goal=0.9,
    )


def plates(store: ModelDirectory, rounds: int) -> list[Row]:
    """Plate detector and reader beside OpenCV running the same files."""
    detector, other = open_plate_detector("anju-plate-det", store=store), open_plate_reader("clp-rec", store=store)
    reader = OwnPlateReader(_runnable(store, "anju-plates"))
    picture = street()
    quad = np.array([[900, 800], [1100, 805], [1100, 868], [900, 862]], np.float32)
    crop = rectify(picture, quad)
    theirs, their_reader, their_other = (
        cv2.dnn.readNetFromONNX(str(_published(store, name))) for name in ("anju-plate-det", "anju-plates", "clp-rec")
    )
    blank = np.zeros((1, 3, 32, 320), np.float32)

    def opencv_detects() -> None:
        small = cv2.resize(picture, (960, 544), interpolation=cv2.INTER_AREA)
        theirs.setInput(cv2.dnn.blobFromImage(small))
        theirs.forward(["scores", "corners"])

    def opencv_reads() -> None:
        their_reader.setInput(cv2.dnn.blobFromImage(crop, 1.0, (WIDTH_PX, HEIGHT_PX)))
        their_reader.forward(["characters", "colours", "rows"])

    def opencv_reads_with_clp_rec() -> None:
        blank[0, :, :, :100] = cv2.dnn.blobFromImage(crop, 1 / 127.5, (100, 32), (127.5, 127.5, 127.5))[0]
        their_other.setInput(blank)
        their_other.forward()

    calls: dict[str, Call] = {
        "detect": lambda: detector.detect([picture]),
        "OpenCV detects": opencv_detects,
        "read": lambda: reader.read([crop]),
        "OpenCV reads": opencv_reads,
        "second opinion": lambda: other.read([crop]),
        "OpenCV's second opinion": opencv_reads_with_clp_rec,
    }
    spent = medians_ms(calls, rounds)
    return [
        against_peer(
            "find plates, 1080p looked at in 960x544, 1 thread, ms (peer: OpenCV DNN, same file)",
            ours=spent["detect"],
            peer=spent["OpenCV detects"],
            goal=1.0,
        ),
        against_peer(
            "read a plate, 1 thread, ms (peer: OpenCV DNN, same file)",
            ours=spent["read"],
            peer=spent["OpenCV reads"],
            goal=1.0,
        ),
        against_peer(
            "a second opinion on a plate, clp-rec, 1 thread, ms (peer: OpenCV DNN, same file)",
            ours=spent["second opinion"],
            peer=spent["OpenCV's second opinion"],
            goal=1.0,
        ),
    ]


def in_turn(store: ModelDirectory, rounds: int) -> list[Row]:
    """All four models one after the other, as an edge uses them, on two threads; the peer's threads spin."""
    picture = street()
    detector, embedder = open_face_detector("yunet", 2, store), open_face_embedder("sface", 2, store)
    plate_detector = open_plate_detector("anju-plate-det", 2, store)
    reader = OwnPlateReader(_runnable(store, "anju-plates"), 2)
    crop = align(picture, detector.detect([picture])[0].landmarks[0])
    plate = rectify(picture, np.array([[900, 800], [1100, 805], [1100, 868], [900, 862]], np.float32))

    def ours() -> None:
        detector.detect([picture])
        embedder.embed(crop[None])
        plate_detector.detect([picture])
        reader.read([plate])

    spinning = [
        (_plain_session(_runnable(store, name), 2), np.zeros(shape, np.float32)) for name, shape in BLOBS.items()
    ]

    def theirs() -> None:
        for session, blob in spinning:
            session.run(None, {session.get_inputs()[0].name: blob})

    # One after the other: threads that spin take the cores from whoever is measured beside them.
    mine = medians_ms({"ours": ours}, rounds)["ours"]
    spun = medians_ms({"spinning": theirs}, rounds)["spinning"]
    return [
        against_peer(
            "four models in turn, 2 threads, ms, pictures prepared (peer: the same networks alone, threads spin)",
            ours=mine,
            peer=spun,
            goal=1.0,
        ),
        against_limit("four models in turn, 2 threads, ms (half of the 300 ms a gate may take)", ours=mine, limit=150),
    ]


def _published(store: ModelDirectory, name: str) -> Path:
    model = load_manifest().model(name)
    return store.original(model, model.files[0])


def _runnable(store: ModelDirectory, name: str) -> Path:
    model = load_manifest().model(name)
    return store.runnable(model, model.files[0])


def _plain_session(path: Path, threads: int) -> ort.InferenceSession:
    """A session as ONNX Runtime makes it if only told how many threads: they spin."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Measure, print, and write `results/models.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    quick = parser.parse_args().quick
    rounds = QUICK_ROUNDS if quick else ROUNDS
    cv2.setNumThreads(1)
    store = ModelDirectory()
    write("models", faces(store, rounds) + plates(store, rounds) + in_turn(store, rounds), quick=quick)


if __name__ == "__main__":
    main()
