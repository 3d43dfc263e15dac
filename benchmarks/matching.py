"""What finding a face costs.

    python -m benchmarks.matching [--quick]

Faces: one search of our index beside FAISS' flat index, which knows no subjects and no margins, and beside the way
Frigate compares: one mean vector per name, in a Python loop. One thread.
"""

from __future__ import annotations

import argparse
from typing import Any

import faiss as faiss_stubs
import numpy as np

from benchmarks.report import Row, against_peer, write
from benchmarks.timing import medians_ms
from core.contract.consent import vouch
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, new_id
from watchlists.faces.change import Change
from watchlists.faces.index import FaceIndex
from watchlists.faces.template import Float, Template

faiss: Any = faiss_stubs  # its type stubs describe the C++ signatures, not the Python ones
ROUNDS, QUICK_ROUNDS = 400, 60
GALLERIES = {1_000: 0.3, 10_000: 2.0}
"""Templates, and the goal beside FAISS alone: 20 to 30 µs go into checking probes and telling people apart at any size;
at 10,000, a large estate, we mean to take half of FAISS' time."""
MODEL = ModelId("synthetic@000000000000")
DIMENSION = 128
PER_SUBJECT = 2
NOISE = 0.05
THRESHOLD, MARGIN = 0.45, 0.05


def faces(templates: int, goal: float, rounds: int) -> list[Row]:
    """One search among ``templates`` templates of half as many subjects."""
    draw = np.random.default_rng(templates)
    centres = _unit(draw.normal(size=(templates // PER_SUBJECT, DIMENSION)))
    vectors = _unit(np.repeat(centres, PER_SUBJECT, axis=0) + NOISE * draw.normal(size=(templates, DIMENSION)))
    probe = _unit(vectors[:1] + NOISE * draw.normal(size=(1, DIMENSION)))
    subjects = [SubjectKey(new_id()) for _ in centres]
    ours = FaceIndex(MODEL, DIMENSION)
    enrolled = tuple(_template(subjects[row // PER_SUBJECT], vector) for row, vector in enumerate(vectors))
    ours.update(Change(enrol=enrolled))
    ours.settled(60)
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(vectors)
    allowed = frozenset(subjects[::10])
    allowed_rows = np.flatnonzero(np.arange(templates) // PER_SUBJECT % 10 == 0)
    filtered = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed_rows))
    means = dict(zip(subjects, vectors.reshape(-1, PER_SUBJECT, DIMENSION).mean(axis=1), strict=True))
    spent = medians_ms(
        {
            "ours": lambda: ours.search(MODEL, [probe], threshold=THRESHOLD, margin=MARGIN),
            "flat": lambda: flat.search(probe, 2),
        },
        rounds,
    ) | medians_ms(
        {
            "ours filtered": lambda: ours.search(
                MODEL, [probe], threshold=THRESHOLD, margin=MARGIN, admits=allowed.__contains__
            ),
            "flat filtered": lambda: flat.search(probe, 2, params=filtered),
        },
        rounds,
    )
    # By itself and less often: it takes a hundred times longer, and whoever came after it would find cold caches.
    spent |= medians_ms({"loop": lambda: _best_mean(probe[0], means)}, rounds // 20)
    what = f"one face among {templates:,} templates, ms"
    return [
        against_peer(f"{what} (faiss IndexFlatIP)", ours=spent["ours"], peer=spent["flat"], goal=goal),
        against_peer(
            f"{what}, 90 % of the people filtered out (IndexFlatIP with IDSelectorBatch)",
            ours=spent["ours filtered"],
            peer=spent["flat filtered"],
            goal=goal,
        ),
        against_peer(f"{what} (loop over mean vectors, as Frigate)", ours=spent["ours"], peer=spent["loop"], goal=10),
    ]


def _unit(vectors: np.ndarray) -> Float:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _template(subject: SubjectKey, vector: Float) -> Template:
    return Template(TemplateId(new_id()), vouch(subject, ConsentId(new_id())), MODEL, vector)


def _best_mean(probe: Float, means: dict[SubjectKey, Float]) -> tuple[SubjectKey | None, float]:
    """Frigate's ArcFaceRecognizer.classify: the cosine with each name's mean, one after the other."""
    best: tuple[SubjectKey | None, float] = (None, -1.0)
    for name, mean in means.items():
        cosine = float(np.dot(probe, mean) / (np.linalg.norm(probe) * np.linalg.norm(mean)))
        if cosine > best[1]:
            best = (name, cosine)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = parser.parse_args().quick
    faiss.omp_set_num_threads(1)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    write("matching", [row for size, goal in GALLERIES.items() for row in faces(size, goal, rounds)])


if __name__ == "__main__":
    main()
