"""Whom thresholds let in and whom they miss, on people they were not made with.

    python -m benchmarks.thresholds [--quick]

Half of the people calibrate, the other half are searched for in galleries of the other half, and the other way round,
in many random halves. Peers: OpenCV's recommendation for SFace (0.363, made for 1:1), and the table that comes with
Anju. Needs the default models and the evaluation data `faces`, in the folder ANJU_EVAL_DATA names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Row, against_limit, against_peer, write
from core.contract.ids import ModelId
from edge.enrol.portrait import ENROLMENT_LIMITS, PortraitReader
from edge.enrol.refusals import EnrolmentRefusedError
from edge.vision.quality import QualityLimits
from models.store import open_face_detector, open_face_embedder
from models.types import Float
from tests.support.evaluation import evaluation_folder, rows
from watchlists.thresholds import calibration_of
from watchlists.thresholds.calibrate import Calibrator, Wanted, calibrate
from watchlists.thresholds.rates import missed, searching
from watchlists.thresholds.scores import ScoreSet, everybody_with_everybody

HALVES, QUICK_HALVES = 40, 4
GALLERIES = (100, 300)
FPIR_TARGET = 0.01
OPENCV = 0.363
"""`face_recognizer` tutorial of OpenCV: cosine from which two pictures show one person."""


def embedded(folder: Path) -> tuple[ModelId, Float, np.ndarray, np.ndarray]:
    """Model, vectors (n, d), people (n,), references (n,) bool: each person's first picture a desk would take."""
    detector, embedder = open_face_detector("yunet", 2), open_face_embedder("sface", 2)
    desk = PortraitReader(detector, embedder, ENROLMENT_LIMITS)
    gate = PortraitReader(detector, embedder, QualityLimits())
    vectors: list[Float] = []
    people: list[str] = []
    references: list[bool] = []
    for row in rows(folder, "manifest.csv"):
        encoded = (folder / "images" / row["file"]).read_bytes()
        vector = None if row["identity"] in people else _read(desk, encoded)
        references.append(vector is not None)
        vector = _read(gate, encoded) if vector is None else vector
        if vector is None:
            references.pop()
            continue
        vectors.append(vector)
        people.append(row["identity"])
    return ModelId(embedder.model), np.stack(vectors), np.array(people), np.array(references)


def held_out(halves: int, gallery: int, model: ModelId, of: Callable[[np.ndarray], ScoreSet], names: np.ndarray) -> Any:
    """Mean FPIR and FNIR in per cent, (3, 2): calibrated, built in, OpenCV; and how often a calibration was counted."""
    found = []
    counted = 0
    for seed in range(halves):
        shuffled = np.random.default_rng(seed).permutation(names)
        one, other = shuffled[: len(names) // 2], shuffled[len(names) // 2 :]
        for known, unknown in ((one, other), (other, one)):
            scores = of(unknown)
            chosen = Calibrator(of(known)).choose(gallery, FPIR_TARGET)
            counted += chosen.basis == "measured"
            built_in = calibration_of(model).identify_at(gallery).cosine
            found.append([_errors(scores, gallery, cosine) for cosine in (chosen.cosine, built_in, OPENCV)])
    return 100 * np.mean(found, axis=0), counted / len(found)


def table(gallery: int, errors: Any, counted: float) -> list[Row | dict[str, Any]]:
    """Rows of one gallery size."""
    (fpir, fnir), (fpir_table, fnir_table), (fpir_opencv, fnir_opencv) = errors.tolist()
    how = "counted" if counted > 0.5 else "by the fitted tail"
    what = f"%, {gallery} people enrolled, nobody of them in the calibration ({how})"
    return [
        against_limit(f"strangers let in, {what}; 1 was wanted", ours=fpir, limit=1.5),
        against_peer(f"strangers let in, {what} (OpenCV's 0.363)", ours=fpir, peer=fpir_opencv, goal=5),
        _beside(f"strangers let in, {what} (table that comes with Anju)", fpir, fpir_table),
        _beside(f"people missed, {what} (OpenCV's 0.363)", fnir, fnir_opencv),
        against_peer(f"people missed, {what} (table that comes with Anju)", ours=fnir, peer=fnir_table, goal=1),
    ]


def _beside(what: str, ours: float, peer: float) -> dict[str, Any]:
    """The other side of a trade: shown, with no goal of its own."""
    three = [float(f"{value:.3g}") for value in (ours, peer, peer / ours)]
    return {"what": what, "ours": three[0], "peer": three[1], "ratio": three[2], "goal": "none", "met": None}


def _errors(scores: ScoreSet, gallery: int, cosine: float) -> tuple[float, float]:
    own = missed(scores, cosine)
    assert own is not None, "the evaluation data have several pictures of many people"
    return searching(scores, gallery).rate(cosine), own.estimate


def _read(reader: PortraitReader, encoded: bytes) -> Float | None:
    try:
        return reader.read(encoded).vector
    except EnrolmentRefusedError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer halves")
    quick = parser.parse_args().quick
    halves = QUICK_HALVES if quick else HALVES
    folder = evaluation_folder("faces")
    if folder is None:
        print("not measured: no evaluation data 'faces' here; name their folder in ANJU_EVAL_DATA", file=sys.stderr)
        return
    model, vectors, people, references = embedded(folder)
    names = np.unique(people)

    def of(chosen: np.ndarray) -> ScoreSet:
        mine = np.isin(people, chosen)
        return everybody_with_everybody(vectors[mine], people[mine].tolist(), references[mine].tolist())

    made: list[Row | dict[str, Any]] = []
    for gallery in GALLERIES:
        made += table(gallery, *held_out(halves, gallery, model, of, names))
    made.append(_coverage(of(names), model))
    write("thresholds", made, quick=quick)


def _coverage(scores: ScoreSet, model: ModelId) -> dict[str, Any]:
    """The table that comes with Anju rests on every picture of LFW, this one on those of a part that a gate takes."""
    calibration = calibrate(scores, Wanted(model, 1000), now=datetime.now(UTC), made_by="benchmark")
    table_of_all = calibration_of(model).identify_at(1000).cosine
    taken = len(scores.search_person)
    what = f"threshold for 1,000 people, tail fitted to {taken:,} pictures a gate takes (all 13,233 of LFW, counted)"
    return _beside(what, calibration.chosen.cosine, table_of_all)


if __name__ == "__main__":
    main()
