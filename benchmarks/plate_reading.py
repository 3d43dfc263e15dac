"""How many plates are read without a mistake, by type, beside other readers, in one run.

    python -m benchmarks.plate_reading [--quick] [--fonts FOLDER]

Photographed plates: the crops of the evaluation data (blue, 94x24 pixels, nearly all of one province). Drawn plates:
every type, all provinces equally often, in typefaces and with seeds that the training never met (two Chinese typefaces
and five Latin ones; while training was worked on, mistakes in them were looked at: `models.training.plates`), 64 to 200
pixels wide in the camera's picture, as a gate's camera should see them; below that in rows of their own. Shares come
with their 95 % interval (Wilson). Every reader gets the same crops: straightened by corners that are a bit off, 200
pixels wide. Crops as high as two rows are given to readers of one row with the rows put one beside the other.
Told wrongly: with every character at the confidence that a lane asks for or more, from one crop; a lane looks at
several.

Ours is what an edge runs: the trained net, and `clp_v2_c_rec` asked where it doubts. Each of the two is read alone as
well, so the peer `clp_v2_c_rec` is half of ours. Rivals that are not: RapidOCR (PP-OCRv6, recognition only, one
confidence for the whole text, O and I taken for 0 and 1) where it is installed (benchmarks/requirements.txt);
HyperLPR3 where it is installed with its models, which its package does not carry.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.report import Row, against_limit, write
from benchmarks.shares import per_cent, within
from edge.vision.plate_reading import TALL
from edge.vision.plate_vote import VoteRules
from models.directory import ModelDirectory
from models.manifest import Task, load_manifest
from models.plate_crop import one_beside_the_other
from models.plate_reader_own import OwnPlateReader
from models.protocols import PlateReading
from models.store import open_plate_reader
from models.training.plates.camera import FAR, ORDINARY, Conditions
from models.training.plates.fonts import DEFAULT_FOLDER
from models.training.plates.glyphs import PROVINCES, GlyphBank
from models.training.plates.kinds import KINDS, Kind
from models.training.plates.samples import sample
from models.types import Image
from tests.support.evaluation import require_evaluation, rows

DRAWN_SEED = 20_261_122
PER_KIND, QUICK_PER_KIND = 500, 60
_SURE = ("blue", "yellow", "new energy, small", "new energy, large")
GOAL_SURE, GOAL_RARE, GOAL_CROPS = 0.97, 0.93, 0.99
_DRAWN_GOALS = (GOAL_SURE, GOAL_RARE)
MS_LIMIT = 4.0
SURE = VoteRules().sure_confidence
HYPERLPR_MODEL = "20230229/onnx/rpv3_mdict_160_r3.onnx"
OURS, ALONE, OTHER_HALF = "ours", "our net alone", "clp_v2_c_rec alone"
RAPIDOCR, HYPERLPR = "RapidOCR", "HyperLPR3"
_BY_CHARACTER = (OURS, ALONE, OTHER_HALF)
_SPEED_CROPS, _QUICK_SPEED_CROPS = 6, 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reader makes of one crop. lowest: confidence of the least sure character, or of all where it tells no
    more."""

    text: str
    lowest: float


Reader = Callable[[Sequence[Image]], list[Answer]]
Answers = Mapping[str, Sequence[Answer]]
"""By reader, one for each crop of a set."""


@dataclass(frozen=True, slots=True)
class Set:
    """Crops of one row of the table, with what is written on them; goal: share to be read, None where there is none."""

    name: str
    crops: list[Image]
    texts: list[str]
    goal: float | None


def photographed(quick: bool) -> list[Set]:
    """The evaluation data's crops: all, and those that nothing was chosen on (`models.training.plates.calibrate`)."""
    folder = require_evaluation("plates")
    labels = rows(folder, "labels.csv")[:: 5 if quick else 1]
    crops = [np.asarray(cv2.imread(str(folder / "crops" / row["file"])), np.uint8) for row in labels]
    plates = [row["plate"] for row in labels]
    untouched = slice(1, None, 2)
    return [
        Set("photographed, blue, the half that nothing was chosen on", crops[untouched], plates[untouched], GOAL_CROPS),
        Set("photographed, blue, with the half that ours was calibrated on", crops, plates, None),
    ]


def drawn(kind: Kind, conditions: Conditions, bank: GlyphBank, count: int) -> Set:
    """``count`` plates of ``kind`` in held-out typefaces."""
    goal = GOAL_SURE if kind.name in _SURE else GOAL_RARE
    stream = DRAWN_SEED + KINDS.index(kind)
    samples = [sample(bank, conditions, (stream, number), None, kind) for number in range(count)]
    return Set(f"drawn, {kind.name}", [one.crop for one in samples], [one.text for one in samples], goal)


def sets(fonts: Path, quick: bool) -> list[Set]:
    """Everything that is read."""
    count = QUICK_PER_KIND if quick else PER_KIND
    bank = GlyphBank("held_out", fonts)
    made = photographed(quick)
    made += [drawn(kind, ORDINARY, bank, count) for kind in KINDS]
    far = [drawn(kind, FAR, bank, count // 5) for kind in KINDS]
    crops = [crop for one in far for crop in one.crops]
    made.append(Set("drawn, all types, 40 to 64 px wide", crops, [text for one in far for text in one.texts], None))
    return made


def readers() -> dict[str, Reader | str]:
    """Each reader, or why it is not measured."""
    own = ModelDirectory().ready(load_manifest().model("anju-plates"), Task.PLATE_READING)
    return {
        OURS: _answers_of(open_plate_reader("anju-plates")),
        ALONE: _answers_of(OwnPlateReader(own)),
        OTHER_HALF: _of_one_row(_answers_of(open_plate_reader("clp-rec"))),
        RAPIDOCR: _rapidocr(),
        HYPERLPR: _hyperlpr(),
    }


def _answers_of(reader: PlateReading) -> Reader:
    return lambda crops: [Answer(read.text, min(read.confidences, default=0.0)) for read in reader.read(crops)]


def _of_one_row(reader: Reader) -> Reader:
    """``reader``, for which plates of two rows are put in one."""
    return lambda crops: reader([in_one_row(crop) for crop in crops])


def in_one_row(crop: Image) -> Image:
    """``crop``, or its rows one beside the other where it is as high as a plate of two rows."""
    height, width = crop.shape[:2]
    return one_beside_the_other(crop) if width < TALL * height else crop


def _rapidocr() -> Reader | str:
    if importlib.util.find_spec("rapidocr") is None:
        return "not installed (pip install -r benchmarks/requirements.txt)"
    one_thread = {"EngineConfig.onnxruntime.intra_op_num_threads": 1}
    engine = importlib.import_module("rapidocr").RapidOCR(params={"Global.log_level": "critical", **one_thread})

    def read(crops: Sequence[Image]) -> list[Answer]:
        found = [engine(crop, use_det=False, use_cls=False, use_rec=True) for crop in crops]
        return [Answer(cleaned("".join(one.txts or ())), min(one.scores or (), default=0.0)) for one in found]

    return _of_one_row(read)


def _hyperlpr() -> Reader | str:
    if importlib.util.find_spec("hyperlpr3") is None:
        return "not installed (pip install hyperlpr3; its models come from its own server)"
    # Asked for before the import, which downloads.
    path = Path.home() / ".hyperlpr3" / HYPERLPR_MODEL
    if not path.is_file():
        return f"installed without its models: its package carries none, {path.name} comes from its own server"
    engine = importlib.import_module("hyperlpr3.inference.recognition").PPRCNNRecognitionORT(
        str(path), input_size=(48, 160)
    )
    return lambda crops: [Answer(cleaned(engine(crop)[0]), 0.0) for crop in crops]


def cleaned(text: str) -> str:
    """As a plate would have it: without separators and blanks, and without the letters O and I, which none bears."""
    kept = "".join(character for character in text.upper() if character.isalnum())
    return kept.replace("O", "0").replace("I", "1")


def measured(quick: bool, fonts: Path) -> list[Mapping[str, Any] | Row]:
    """All rows."""
    asked = readers()
    at_work = {name: reader for name, reader in asked.items() if not isinstance(reader, str)}
    read_by_all = [(one, {name: read(one.crops) for name, read in at_work.items()}) for one in sets(fonts, quick)]
    table: list[Mapping[str, Any] | Row] = [right_row(*both) for both in read_by_all]
    table += [wrong_row(*both) for both in read_by_all]
    table += province_rows([(one, answers[OURS]) for one, answers in read_by_all])
    table += [_skipped(name, reason) for name, reason in asked.items() if isinstance(reason, str)]
    each = _QUICK_SPEED_CROPS if quick else _SPEED_CROPS
    crops = [crop for one, _ in read_by_all if one.goal in _DRAWN_GOALS for crop in one.crops[:each]]
    return [*table, speed_row(at_work, crops)]


def _right(answers: Sequence[Answer], texts: Sequence[str]) -> list[bool]:
    return [answer.text == text for answer, text in zip(answers, texts, strict=True)]


def right_row(one: Set, answers: Answers) -> Mapping[str, Any]:
    """Plates read without a mistake, by every reader."""
    right = {name: sum(_right(each, one.texts)) for name, each in answers.items()}
    total = len(one.texts)
    ours, peer = right[OURS] / total, right[OTHER_HALF] / total
    others = "; ".join(f"{name} {per_cent(count, total)}" for name, count in right.items() if name != OURS)
    about = f"95 %: {within(right[OURS], total)}; {others}"
    return {
        "what": f"{one.name}: {total} plates, read without a mistake, % ({about}) (peer: {OTHER_HALF}, half of ours)",
        "ours": round(100 * ours, 1),
        "peer": round(100 * peer, 1),
        "ratio": round(ours / peer, 2) if peer else None,
        "goal": "none" if one.goal is None else f"at least {100 * one.goal:g} %",
        "met": None if one.goal is None else ours >= one.goal,
    }


def told_wrongly(answers: Sequence[Answer], texts: Sequence[str]) -> tuple[int, int]:
    """How many texts are told as sure, and how many of them are wrong."""
    told = [(answer.text, text) for answer, text in zip(answers, texts, strict=True) if answer.lowest >= SURE]
    return len(told), sum(said != text for said, text in told)


def wrong_row(one: Set, answers: Answers) -> Mapping[str, Any]:
    """Texts told wrongly though every character is sure: what may open for the wrong vehicle."""
    counts = {name: told_wrongly(answers[name], one.texts) for name in _BY_CHARACTER}
    told, wrong = counts[OURS]
    total = len(one.texts)
    halves = "; ".join(f"{name} {counts[name][1]} of {counts[name][0]} told" for name in _BY_CHARACTER[1:])
    about = f"95 %: {within(wrong, total, 2)} % of all; {halves}"
    return {
        "what": f"{one.name}: told wrongly with every character at {SURE:g} or more, of {total} plates, "
        f"{told} of them told ({about}) (peer: {OTHER_HALF}, half of ours)",
        "ours": wrong,
        "peer": counts[OTHER_HALF][1],
        "ratio": None,
        "goal": "none",
        "met": None,
    }


def province_rows(read: Sequence[tuple[Set, Sequence[Answer]]]) -> list[Mapping[str, Any] | Row]:
    """Of plates drawn as a gate should see them: the province's character, and whole plates of the types in `_SURE`."""
    character: dict[str, list[bool]] = {}
    whole: dict[str, list[bool]] = {}
    for one, answers in read:
        for text, answer in zip(one.texts, answers, strict=True):
            if one.goal not in _DRAWN_GOALS or text[0] not in PROVINCES:
                continue
            character.setdefault(text[0], []).append(answer.text[:1] == text[0])
            if one.goal == GOAL_SURE:
                whole.setdefault(text[0], []).append(answer.text == text)
    right, total = sum(map(sum, character.values())), sum(map(len, character.values()))
    told = f"drawn, all types: the province's character read right, {total} plates, % (95 %: {within(right, total)})"
    what, share = _worst("drawn, all types: the province's character read right", character)
    of_all = [_plain(told, 100 * right / total), _plain(what, share)]
    what, share = _worst(f"drawn, {', '.join(_SURE)}: read without a mistake", whole)
    return [*of_all, against_limit(what, ours=share, limit=100 * GOAL_SURE, lower_is_better=False)]


def _worst(what: str, by_province: Mapping[str, Sequence[bool]]) -> tuple[str, float]:
    """Which province does worst, in words, and its share in per cent."""
    worst = min(by_province, key=lambda province: float(np.mean(by_province[province])))
    right, total = sum(by_province[worst]), len(by_province[worst])
    about = f"{worst}, {total} plates, % (95 %: {within(right, total)})"
    return f"{what}, worst of {len(by_province)} provinces: {about}", 100 * right / total


def _plain(what: str, ours: float) -> Mapping[str, Any]:
    return {"what": what, "ours": round(ours, 1), "peer": None, "ratio": None, "goal": "none", "met": None}


def _skipped(name: str, reason: str) -> Mapping[str, Any]:
    return {
        "what": f"{name}: not measured, {reason}",
        "ours": None,
        "peer": None,
        "ratio": None,
        "goal": "none",
        "met": None,
    }


def speed_row(at_work: Mapping[str, Reader], crops: Sequence[Image]) -> Mapping[str, Any]:
    """Milliseconds a crop, one thread, one crop at a time, processor time: others may be busy beside. Means: how often
    ours asks its other half counts."""
    spent: dict[str, list[float]] = {name: [] for name in at_work}
    for crop in crops:
        for name, reader in at_work.items():
            started = time.process_time()
            reader([crop])
            spent[name].append((time.process_time() - started) * 1000)
    mean = {name: float(np.mean(times)) for name, times in spent.items()}
    others = ", ".join(f"{name} {ms:.1f}" for name, ms in mean.items() if name != OURS)
    return {
        "what": f"processor time a crop, ms, mean of {len(crops)} drawn ones ({others}) (peer: {OTHER_HALF})",
        "ours": round(mean[OURS], 2),
        "peer": round(mean[OTHER_HALF], 2),
        "ratio": round(mean[OTHER_HALF] / mean[OURS], 2),
        "goal": f"at most {MS_LIMIT:g}",
        "met": mean[OURS] <= MS_LIMIT,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fonts", type=Path, default=DEFAULT_FOLDER)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    write("plate_reading", measured(arguments.quick, arguments.fonts), quick=arguments.quick)


if __name__ == "__main__":
    main()
