"""How many plates are read without a mistake, by type, beside other readers, in one run.

    python -m benchmarks.plate_reading [--quick] [--fonts FOLDER]

Photographed plates: the crops of the evaluation data (blue, 94x24 pixels, nearly all of one province). Drawn plates:
every type, all provinces equally often, in typefaces and with seeds that the training never met (two Chinese typefaces
and five Latin ones; while training was worked on, mistakes in them were looked at: `models.training.plates`), 64 to 200
pixels wide in the camera's picture, as a gate's camera should see them; below that in rows of their own. Shares come
with their 95 % interval (Wilson). Every reader gets the same crops: straightened by corners that are a bit off, 200
pixels wide.

Peers: `clp_v2_c_rec`, the reader that Anju used before; RapidOCR (recognition only) where it is installed; HyperLPR3
where it is installed with its models, which its package does not carry.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.report import Row, write
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
_Z95 = 1.959964
_SURE = ("blue", "yellow", "new energy, small", "new energy, large")
GOAL_SURE, GOAL_RARE, GOAL_CROPS = 0.97, 0.93, 0.99
MS_LIMIT = 4.0
HYPERLPR_MODEL = "20230229/onnx/rpv3_mdict_160_r3.onnx"

Reader = Callable[[Sequence[Image]], list[str]]


@dataclass(frozen=True, slots=True)
class Set:
    """Crops of one row of the table, with what is written on them; goal: share to be read, None where there is none."""

    name: str
    crops: list[Image]
    texts: list[str]
    goal: float | None


def wilson(right: int, total: int) -> tuple[float, float]:
    """95 % interval of a share."""
    share, spread = right / total, _Z95**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def photographed(quick: bool) -> list[Set]:
    """The evaluation data's crops: all, and those that nothing was chosen on (`models.training.plates.calibrate`)."""
    folder = require_evaluation("plates")
    labels = rows(folder, "labels.csv")[:: 5 if quick else 1]
    crops = [np.asarray(cv2.imread(str(folder / "crops" / row["file"])), np.uint8) for row in labels]
    plates = [row["plate"] for row in labels]
    untouched = slice(1, None, 2)
    return [
        Set("photographed, blue", crops, plates, GOAL_CROPS),
        Set("photographed, blue, the half not used for calibration", crops[untouched], plates[untouched], GOAL_CROPS),
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
    ours, before = open_plate_reader("anju-plates"), open_plate_reader("clp-rec")
    return {
        "ours": lambda crops: [read.text for read in ours.read(crops)],
        "clp_v2_c_rec": lambda crops: [read.text for read in before.read(crops)],
        "RapidOCR": _rapidocr(),
        "HyperLPR3": _hyperlpr(),
    }


def _rapidocr() -> Reader | str:
    if importlib.util.find_spec("rapidocr") is None:
        return "not installed (pip install rapidocr)"
    engine = importlib.import_module("rapidocr").RapidOCR(params={"Global.log_level": "critical"})

    def read(crops: Sequence[Image]) -> list[str]:
        answers = [engine(crop, use_det=False, use_cls=False, use_rec=True) for crop in crops]
        return [_cleaned("".join(answer.txts or ())) for answer in answers]

    return read


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
    return lambda crops: [_cleaned(engine(crop)[0]) for crop in crops]


def _cleaned(text: str) -> str:
    """Without separators and blanks, which general readers tell."""
    return "".join(character for character in text.upper() if character.isalnum())


def measured(quick: bool, fonts: Path) -> list[Mapping[str, Any] | Row]:
    """All rows."""
    asked = readers()
    at_work = {name: reader for name, reader in asked.items() if not isinstance(reader, str)}
    table: list[Mapping[str, Any] | Row] = []
    provinces: dict[str, list[int]] = {province: [0, 0] for province in PROVINCES}
    for one in sets(fonts, quick):
        answers = {name: reader(one.crops) for name, reader in at_work.items()}
        right = {name: sum(map(str.__eq__, answers[name], one.texts)) for name in at_work}
        table.append(_row(one, right))
        if one.name.startswith("drawn") and one.goal is not None:
            for text, answer in zip(one.texts, answers["ours"], strict=True):
                if text[0] in provinces:
                    provinces[text[0]][0] += answer[:1] == text[0]
                    provinces[text[0]][1] += 1
    worst = min(provinces, key=lambda province: provinces[province][0] / max(1, provinces[province][1]))
    table.append(_plain(f"drawn, province read right, worst of 31 ({worst}), %", 100 * _share(provinces[worst])))
    everywhere = np.sum(list(provinces.values()), axis=0).tolist()
    table.append(_plain("drawn, province read right, all, %", 100 * _share(everywhere)))
    table += [_skipped(name, reason) for name, reason in asked.items() if isinstance(reason, str)]
    return table + _speeds(at_work, quick)


def _share(counts: Sequence[int]) -> float:
    return counts[0] / max(1, counts[1])


def _row(one: Set, right: Mapping[str, int]) -> Mapping[str, Any]:
    total = len(one.texts)
    low, high = wilson(right["ours"], total)
    ours = right["ours"] / total
    rivals = ", ".join(f"{name} {100 * count / total:.1f}" for name, count in right.items() if name != "ours")
    what = f"{one.name}, {total} plates without a mistake, % (95 %: {100 * low:.1f} to {100 * high:.1f}); {rivals}"
    peer = right["clp_v2_c_rec"] / total
    return {
        "what": what,
        "ours": round(100 * ours, 1),
        "peer": round(100 * peer, 1),
        "ratio": round(ours / peer, 2) if peer else None,
        "goal": "none" if one.goal is None else f"at least {100 * one.goal:g} %",
        "met": None if one.goal is None else ours >= one.goal,
    }


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


def _speeds(at_work: Mapping[str, Reader], quick: bool) -> list[Mapping[str, Any] | Row]:
    """Milliseconds a crop, one thread, one crop at a time, processor time: others may be busy beside."""
    crop = np.full((64, 200, 3), 128, np.uint8)
    spent: dict[str, list[float]] = {name: [] for name in at_work}
    for _ in range(10 if quick else 60):
        for name, reader in at_work.items():
            started = time.process_time()
            reader([crop])
            spent[name].append((time.process_time() - started) * 1000)
    middle = {name: sorted(times)[len(times) // 2] for name, times in spent.items()}
    rivals = ", ".join(f"{name} {ms:.1f}" for name, ms in middle.items() if name != "ours")
    return [
        {
            "what": f"processor time a crop, ms (peer: clp_v2_c_rec; all: {rivals})",
            "ours": round(middle["ours"], 2),
            "peer": round(middle["clp_v2_c_rec"], 2),
            "ratio": round(middle["clp_v2_c_rec"] / middle["ours"], 2),
            "goal": f"at most {MS_LIMIT:g}",
            "met": middle["ours"] <= MS_LIMIT,
        }
    ]


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
