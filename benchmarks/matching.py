"""What matching costs, and whom other ways of matching would let in.

    python -m benchmarks.matching [--quick]

Faces: one search of our index beside FAISS' flat index, which knows no subjects and no margins, and beside the way
Frigate compares: one mean vector per name, in a Python loop. One thread.

Plates: the share of strangers' vehicles of the same city that would be let in if a barrier opened for the registered
plates, for what a reader mixes up with them, or for whatever differs from them in one character. Drawn plates; serials
have 0, 1 or 2 letters in 20, 50 and 30 of 100 cases.
"""

from __future__ import annotations

import argparse
from typing import Any

import faiss as faiss_stubs
import numpy as np

from benchmarks.report import Row, against_limit, against_peer, write
from benchmarks.timing import medians_ms
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, VehicleKey, new_id
from watchlists.face_index import FaceIndex, Float, Template
from watchlists.plate_index import ExactPlate, LooksLike, PlateHasher, PlateIndex

faiss: Any = faiss_stubs  # its type stubs describe the C++ signatures, not the Python ones
ROUNDS, QUICK_ROUNDS = 400, 60
STRANGERS, QUICK_STRANGERS = 20_000, 2_000
GALLERIES = {1_000: 0.3, 10_000: 2.0}
"""Templates, and the goal beside FAISS alone: 20 to 30 µs go into checking probes and telling people apart at any size;
at 10,000, a large estate, we mean to take half of FAISS' time."""
REGISTERED = (500, 2_000, 5_000)
LOOKUPS = 2_000
MODEL = ModelId("synthetic@000000000000")
DIMENSION = 128
PER_SUBJECT = 2
NOISE = 0.05
LETTERS = list("ABCDEFGHJKLMNPQRSTUVWXYZ")
LETTERS_IN_SERIAL = (0.2, 0.5, 0.3)


def faces(templates: int, goal: float, rounds: int) -> list[Row]:
    """One search among ``templates`` templates of half as many subjects."""
    draw = np.random.default_rng(templates)
    centres = _unit(draw.normal(size=(templates // PER_SUBJECT, DIMENSION)))
    vectors = _unit(np.repeat(centres, PER_SUBJECT, axis=0) + NOISE * draw.normal(size=(templates, DIMENSION)))
    probe = _unit(vectors[:1] + NOISE * draw.normal(size=(1, DIMENSION)))
    subjects = [SubjectKey(new_id()) for _ in centres]
    ours = FaceIndex(MODEL, DIMENSION)
    ours.update(enrol=[_template(subjects[row // PER_SUBJECT], vector) for row, vector in enumerate(vectors)])
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(vectors)
    allowed = frozenset(subjects[::10])
    allowed_rows = np.flatnonzero(np.arange(templates) // PER_SUBJECT % 10 == 0)
    filtered = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed_rows))
    means = dict(zip(subjects, vectors.reshape(-1, PER_SUBJECT, DIMENSION).mean(axis=1), strict=True))
    spent = medians_ms(
        {"ours": lambda: ours.search(MODEL, probe), "flat": lambda: flat.search(probe, 2)},
        rounds,
    ) | medians_ms(
        {
            "ours filtered": lambda: ours.search(MODEL, probe, allowed),
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


def plates(registered: int, strangers: int) -> list[Row | dict[str, Any]]:
    """Strangers let in, in per cent, with ``registered`` plates on the list."""
    draw = np.random.default_rng(registered)
    listed = _city(registered, draw, set())
    unlisted = _city(strangers, draw, listed)
    hasher, index = PlateHasher(bytes(32)), PlateIndex()
    index.update(put={VehicleKey(new_id()): hasher.digest(text) for text in listed})
    found = [index.find(hasher.digest(text)) for text in unlisted]
    exact = sum(isinstance(one, ExactPlate) for one in found)
    alike = sum(isinstance(one, LooksLike) for one in found)
    patterns = {pattern for text in listed for pattern in _one_off(text)}
    near = sum(any(pattern in patterns for pattern in _one_off(text)) for text in unlisted)
    share = 100 / len(unlisted)
    what = f"strangers of the same city among {registered:,} registered plates, %"
    return [
        {
            "what": f"{what}: let in by us, exactly listed plates only (edit distance 1)",
            "ours": exact * share,
            "peer": round(near * share, 2),
            "ratio": None,
            "goal": "none",
            "met": exact == 0,
        },
        against_peer(
            f"{what}: shown to a guard by us, OCR-equivalent plates (edit distance 1)",
            ours=max(alike, 1) * share,
            peer=near * share,
            goal=2,
        ),
    ]


def lookups(rounds: int) -> list[Row]:
    """Plates looked up in a second among 50,000, from the text as read to the answer."""
    draw = np.random.default_rng(50_000)
    listed = _city(50_000, draw, set())
    hasher, index = PlateHasher(bytes(32)), PlateIndex()
    index.update(put={VehicleKey(new_id()): hasher.digest(text) for text in listed})
    known, unknown = sorted(listed)[:LOOKUPS], sorted(_city(LOOKUPS, draw, listed))
    spent = medians_ms(
        {
            "known": lambda: [index.find(hasher.digest(text)) for text in known],
            "unknown": lambda: [index.find(hasher.digest(text)) for text in unknown],
        },
        rounds,
    )
    what = "plates looked up a second among 50,000, normalising and HMAC included"
    return [
        against_limit(
            f"{what}: listed, found exactly", ours=_rate(spent["known"]), limit=150_000, lower_is_better=False
        ),
        against_limit(
            f"{what}: not listed, OCR-equivalents asked too",
            ours=_rate(spent["unknown"]),
            limit=20_000,
            lower_is_better=False,
        ),
    ]


def _rate(spent_ms: float) -> float:
    return LOOKUPS / spent_ms * 1000


def _unit(vectors: np.ndarray) -> Float:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _template(subject: SubjectKey, vector: Float) -> Template:
    return Template(TemplateId(new_id()), subject, ConsentId(new_id()), MODEL, vector)


def _best_mean(probe: Float, means: dict[SubjectKey, Float]) -> tuple[SubjectKey | None, float]:
    """Frigate's ArcFaceRecognizer.classify: the cosine with each name's mean, one after the other."""
    best: tuple[SubjectKey | None, float] = (None, -1.0)
    for name, mean in means.items():
        cosine = float(np.dot(probe, mean) / (np.linalg.norm(probe) * np.linalg.norm(mean)))
        if cosine > best[1]:
            best = (name, cosine)
    return best


def _city(count: int, draw: np.random.Generator, taken: set[str]) -> set[str]:
    """``count`` standard plates of one city, none of them in ``taken``."""
    drawn: set[str] = set()
    while len(drawn) < count:
        serial = [str(digit) for digit in draw.integers(0, 10, 5)]
        for place in draw.permutation(5)[: draw.choice(3, p=LETTERS_IN_SERIAL)]:
            serial[place] = LETTERS[draw.integers(len(LETTERS))]
        text = "皖A" + "".join(serial)
        if text not in taken:
            drawn.add(text)
    return drawn


def _one_off(text: str) -> list[str]:
    """``text`` with each character in turn replaced by a wildcard: plates of one length share one at distance 1."""
    return [f"{text[:at]}?{text[at + 1 :]}" for at in range(len(text))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and strangers")
    quick = parser.parse_args().quick
    faiss.omp_set_num_threads(1)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    rows: list[Row | dict[str, Any]] = [row for size, goal in GALLERIES.items() for row in faces(size, goal, rounds)]
    rows += [row for count in REGISTERED for row in plates(count, QUICK_STRANGERS if quick else STRANGERS)]
    rows += lookups(rounds // 20)
    write("matching", rows)


if __name__ == "__main__":
    main()
