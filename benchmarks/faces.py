"""What finding a face costs, and whose answers are those of comparing everybody.

    python -m benchmarks.faces [--quick]
    pip install -r benchmarks/requirements.txt    for hnswlib and usearch beside it

Synthetic faces (``galleries``), one thread, half of the people known and half strangers; thresholds are SFace's for so
many templates, the margin asked is 0.05. Rivals get what they need for two subjects in most cases: the 4 nearest
vectors, no subjects, no margin, no erasure. ``PQ64x4fs,Refine(SQfp16)``, k_factor 32, is FAISS' fast-scan index as it
comes. Graphs are built for 100,000 at most: at a million each takes longer than all of this.

Decisions: accepted or not, who, and whether the margin is kept, beside float32 compared with everybody; cosines within
2e-6 of one another, of the threshold or of the margin are ties and count for either side.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as faiss_stubs
import numpy as np

from benchmarks.galleries import (
    MODEL,
    SHOTS,
    Gallery,
    PlainStore,
    draw_gallery,
    genuine,
    near,
    near_threshold,
    strangers,
)
from benchmarks.report import Row, against_limit, against_peer, write
from benchmarks.timing import in_turns_ms, medians_ms
from core.contract.consent import vouch
from core.contract.ids import ConsentId, SubjectKey, TemplateId, new_id
from edge.worker import SWITCH_S
from watchlists.faces.change import Change, Match, Selection
from watchlists.faces.ids import to_bytes, to_text
from watchlists.faces.index import ExactVectors, FaceIndex
from watchlists.faces.template import Float, Template, TemplateBlock
from watchlists.store.file import StoreFile
from watchlists.store.template_store import TemplateStore, create
from watchlists.store.vault import Vault
from watchlists.thresholds.builtin import SFACE

faiss: Any = faiss_stubs  # its type stubs describe the C++ signatures, not the Python ones
MARGIN = 0.05
TIE = 2e-6
NEAREST = 4
DEEP = 16
SETTLE_S = 600.0
CHANGES_PER_S = 50
IN_A_ROW = 20
AT_ONCE = 10_000
RIVALS_ASKED = 10_000
FLAT = "faiss IndexFlatIP"
REFINED = "faiss PQ64x4fs+Refine(SQfp16)"

Nearest = Callable[[Float, int], tuple[np.ndarray, np.ndarray]]
"""Cosines and rows of the so many nearest: (n, k) each, best first."""


@dataclass(frozen=True)
class Size:
    """A gallery to measure, and how many times faster than the flat index one search is to be."""

    templates: int
    dimension: int
    goal: float
    graphs: bool = False


@dataclass(frozen=True)
class Field:
    """Who takes part, among whom, and from which cosine on somebody counts as known."""

    index: FaceIndex
    rivals: dict[str, Nearest]
    gallery: Gallery
    threshold: float
    name: str


FULL = (Size(10_000, 128, 2), Size(100_000, 128, 5, graphs=True), Size(100_000, 512, 10), Size(1_000_000, 128, 20))
QUICK = (Size(10_000, 128, 2, graphs=True), Size(20_000, 512, 5), Size(100_000, 128, 5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the templates and of the probes")
    quick = parser.parse_args().quick
    faiss.omp_set_num_threads(1)
    sys.setswitchinterval(SWITCH_S)  # as an edge does
    sizes = QUICK if quick else FULL
    rows: list[Row | dict[str, Any]] = []
    for size in sizes:
        probes = (10_000 if quick else 100_000) if size.graphs else 10_000 // (10 if quick else 1)
        rows += measure(size, rounds=100 if quick else 400, probes=probes, largest=size is sizes[-1])
    write("faces", rows, quick=quick)


def measure(size: Size, *, rounds: int, probes: int, largest: bool) -> list[Row | dict[str, Any]]:
    """Everything about one size; changes, memory and the start only for the largest."""
    doubles = size.templates // 100
    gallery = draw_gallery(size.templates, size.dimension, twins=doubles, duplicates=doubles)
    threshold = SFACE.identify_at(size.templates).cosine
    name = f"{size.templates:,} x {size.dimension}-d"
    rows: list[Row | dict[str, Any]] = []
    flat = faiss.IndexFlatIP(size.dimension)
    flat.add(gallery.vectors)
    build_s, refined = timed(lambda: _refined(gallery.vectors))
    index, start_rows = started(
        gallery.blocks, PlainStore(gallery), f"start from plain vectors, s, {name}", gallery.vectors[:1].copy(), build_s
    )
    if largest:
        rows += [*start_rows, *started_from_store(gallery, name, build_s)]
    rivals: dict[str, Nearest] = {FLAT: flat.search, REFINED: refined.search}
    if size.graphs:
        rivals |= graphs(gallery.vectors)
    field = Field(index, rivals, gallery, threshold, name)
    rows += speed(field, rounds, size.goal)
    rows += filtered(field, rounds) if size.templates <= 10_000 else []
    rows += decisions(field, probes)
    if largest:
        rows.append(against_limit(f"bytes a template in memory, all structures, {name}", ours=_bytes(index), limit=340))
        rows += changes(field, rounds)
    index.close()
    return rows


def _bytes(index: FaceIndex) -> float:
    held = index.memory()
    return held.total / held.templates


def _refined(vectors: Float) -> Any:
    index = faiss.index_factory(vectors.shape[1], "PQ64x4fs,Refine(SQfp16)", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    index.k_factor = 32
    return index


def started(
    source: Callable[[], Iterable[TemplateBlock]], exact: ExactVectors, field: str, probe: Float, build_s: float
) -> tuple[FaceIndex, list[Row | dict[str, Any]]]:
    """An index that has loaded ``source`` and settled, and what that took beside building the refined FAISS index."""
    index = FaceIndex(MODEL, probe.shape[1], exact=exact)
    start = time.perf_counter()
    index.load(source())
    (match,) = index.search(MODEL, [probe], threshold=0.9)
    first_s = time.perf_counter() - start
    settled = index.settled(SETTLE_S)
    fast_s = time.perf_counter() - start
    if match is None or not settled or index.state.phase != "fast":
        raise SystemExit(f"{field}: the index did not become fast: {index.state}")
    peer = f"{REFINED}, trained and filled with plain vectors"
    return index, [
        against_peer(f"{field}: all is fast ({peer})", ours=fast_s, peer=build_s, goal=1 / 1.5),
        against_peer(f"{field}: first exact answer ({peer})", ours=first_s, peer=build_s, goal=2),
    ]


def started_from_store(gallery: Gallery, name: str, build_s: float) -> list[Row | dict[str, Any]]:
    """The same from templates at rest: read, decrypted, a data key per person."""
    with tempfile.TemporaryDirectory() as folder:
        file = StoreFile(Path(folder) / "lists.db")
        vault = Vault(bytes(32), "benchmark")
        with file.transaction() as db:
            create(db, vault)
        store = TemplateStore(file.db, vault, file.reader)
        for start in range(0, len(gallery), AT_ONCE):
            with file.transaction():
                store.put(_templates(gallery, range(start, min(start + AT_ONCE, len(gallery)))))
        file.fold_log()
        exact = store.exact(MODEL, gallery.dimension)
        index, rows = started(
            lambda: store.blocks(MODEL, gallery.dimension),
            exact,
            f"start from the encrypted store, s, {name}",
            gallery.vectors[:1].copy(),
            build_s,
        )
        index.close()
        exact.close()
    return rows


def _templates(gallery: Gallery, rows: range) -> Iterator[Template]:
    for row in rows:
        subject, consent = (to_text(ids[row].tobytes()) for ids in (gallery.subjects, gallery.consents))
        proof = vouch(SubjectKey(subject), ConsentId(consent))
        yield Template(TemplateId(to_text(gallery.template_ids[row].tobytes())), proof, MODEL, gallery.vectors[row])


def graphs(vectors: Float) -> dict[str, Nearest]:
    """The usual graph indexes, with their usual settings (M 32, efConstruction 40 to 200, efSearch 128)."""
    count, dimension = vectors.shape
    hnsw = faiss.IndexHNSWFlat(dimension, 32, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efSearch = 128
    hnsw.add(vectors)
    found: dict[str, Nearest] = {"faiss IndexHNSWFlat": hnsw.search}
    if (hnswlib := _optional("hnswlib")) is not None:
        graph = hnswlib.Index("ip", dimension)
        graph.init_index(count, M=32, ef_construction=100)
        graph.set_num_threads(1)
        graph.add_items(vectors)
        graph.set_ef(128)

        def by_hnswlib(probes: Float, nearest: int) -> tuple[Float, np.ndarray]:
            rows, distances = graph.knn_query(probes, nearest)
            return 1 - distances, rows.astype(np.int64)

        found["hnswlib"] = by_hnswlib
    if (usearch := _optional("usearch.index")) is not None:
        other = usearch.Index(ndim=dimension, metric="ip", dtype="f32", connectivity=32, expansion_search=128)
        other.add(np.arange(count), vectors, threads=1)

        def by_usearch(probes: Float, nearest: int) -> tuple[Float, np.ndarray]:
            matches = other.search(probes, nearest, threads=1)
            keys, distances = np.atleast_2d(matches.keys), np.atleast_2d(matches.distances)
            return 1 - distances, keys.astype(np.int64)

        found["usearch"] = by_usearch
    return found


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"without {name.partition('.')[0]}: pip install -r benchmarks/requirements.txt")
        return None


def speed(field: Field, rounds: int, goal: float) -> list[Row | dict[str, Any]]:
    """One search of one person; rivals in turns, ``IN_A_ROW`` people each, medians over all of them.

    And once with a person each: then every search finds the caches as the flat index left them, swept.
    """
    index, rivals, gallery, threshold, name = field.index, field.rivals, field.gallery, field.threshold, field.name
    people = np.concatenate([genuine(gallery, rounds // 2, 1), strangers(gallery, rounds // 2, 2)])
    people = people[np.random.default_rng(3).permutation(len(people))]
    asked: dict[str, Callable[[Float], object]] = {"ours": lambda probe: _ask(index, probe, threshold)}
    asked |= {rival: _asking(nearest) for rival, nearest in rivals.items()}
    probes = [person[None].copy() for person in people]
    p50 = in_turns_ms(asked, probes, IN_A_ROW)
    swept = in_turns_ms({one: asked[one] for one in ("ours", FLAT)}, probes[: rounds // 2], 1)
    what = f"one search, p50 ms, {name}"
    rows: list[Row | dict[str, Any]] = [against_peer(f"{what} ({FLAT})", ours=p50["ours"], peer=p50[FLAT], goal=goal)]
    rows += [
        _aside(f"{what} ({rival})", p50["ours"], p50[rival], p50[rival] / p50["ours"])
        for rival in rivals
        if rival != FLAT
    ]
    after = f"{what}, each right after one of the other ({FLAT})"
    rows.append(_aside(after, swept["ours"], swept[FLAT], swept[FLAT] / swept["ours"]))
    batch = people[:64]
    batch_s, _ = timed(lambda: index.search(MODEL, [one[None] for one in batch], threshold=threshold, margin=MARGIN))
    flat_s, _ = timed(lambda: rivals[FLAT](batch, NEAREST))
    each = f"one of {len(batch)} people asked at once, ms, {name} ({FLAT}, its batch)"
    ours, peer = batch_s / len(batch) * 1e3, flat_s / len(batch) * 1e3
    return [*rows, _aside(each, ours, peer, peer / ours)]


def _asking(nearest: Nearest) -> Callable[[Float], object]:
    return lambda probe: nearest(probe, NEAREST)


def filtered(field: Field, rounds: int) -> list[Row | dict[str, Any]]:
    """90 % of the people don't count here: FAISS with a selector; and Frigate's loop over one mean vector per name."""
    gallery = field.gallery
    counts = np.arange(len(gallery)) // SHOTS % 10 == 0
    admitted = {to_text(row.tobytes()) for row in gallery.subjects[counts]}
    selected = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.flatnonzero(counts)))
    flat = faiss.IndexFlatIP(gallery.dimension)
    flat.add(gallery.vectors)
    means = gallery.vectors.reshape(-1, SHOTS, gallery.dimension).mean(axis=1)
    people = iter(genuine(gallery, 3 * rounds + 10, 4))
    spent = medians_ms(
        {
            "ours": lambda: field.index.search(
                MODEL, [next(people)[None]], threshold=field.threshold, margin=MARGIN, admits=admitted.__contains__
            ),
            "flat": lambda: flat.search(next(people)[None], NEAREST, params=selected),
        },
        rounds,
    )
    probe = gallery.vectors[0].copy()
    loop = medians_ms({"loop": lambda: _best_mean(probe, means)}, rounds // 20)["loop"]
    what = f"one search, p50 ms, {field.name}"
    filtering = f"{what}, 90 % of the people filtered out (IndexFlatIP with IDSelectorBatch)"
    return [
        _aside(filtering, spent["ours"], spent["flat"], spent["flat"] / spent["ours"]),
        against_peer(f"{what} (loop over mean vectors, as Frigate)", ours=spent["ours"], peer=loop, goal=10),
    ]


def _best_mean(probe: Float, means: Float) -> tuple[int, float]:
    """Frigate's ArcFaceRecognizer.classify: the cosine with each name's mean, one after the other."""
    best = (-1, -1.0)
    for name, mean in enumerate(means):
        cosine = float(np.dot(probe, mean) / (np.linalg.norm(probe) * np.linalg.norm(mean)))
        if cosine > best[1]:
            best = (name, cosine)
    return best


def _ask(index: FaceIndex, probe: Float, threshold: float) -> Match | None:
    return index.search(MODEL, [probe], threshold=threshold, margin=MARGIN)[0]


def _aside(what: str, ours: float, peer: float | None, ratio: float | None) -> dict[str, Any]:
    """A figure without a goal."""
    shown = [None if value is None else float(f"{value:.3g}") for value in (ours, peer, ratio)]
    return {"what": what, "ours": shown[0], "peer": shown[1], "ratio": shown[2], "goal": "none", "met": None}


@dataclass(frozen=True)
class Decided:
    """Decisions of n people: the best subject's cosine, the next best subject's, and the best one's row."""

    best: np.ndarray
    second: np.ndarray
    row: np.ndarray


def decisions(field: Field, count: int) -> list[Row | dict[str, Any]]:
    """People whose decision differs from that of comparing everybody: ours, and the rivals' beside it."""
    index, rivals, gallery, threshold, name = field.index, field.rivals, field.gallery, field.threshold, field.name
    draw = np.random.default_rng(5)
    doubles = len(gallery) // 100
    fifth = count // 5
    twins = gallery.vectors[2 * draw.integers(0, doubles, fifth)]
    same = gallery.vectors[2 * draw.integers(doubles, 2 * doubles, fifth)]
    asked = np.concatenate(
        [
            genuine(gallery, fifth, 6),
            strangers(gallery, fifth, 7),
            near_threshold(gallery, fifth, threshold, 8),
            near(twins, draw.uniform(threshold, 1, fifth), draw),
            near(same, draw.uniform(threshold, 1, fifth), draw),
        ]
    )
    truth = _decided(gallery, *_exactly(rivals[FLAT], gallery, asked))
    ours = [_ask(index, probe[None], threshold) for probe in asked]
    wrong = sum(not _right(gallery, truth, at, threshold, match) for at, match in enumerate(ours))
    what = f"decisions among {len(asked):,} people that differ from exact, {name}"
    rows: list[Row | dict[str, Any]] = [
        {"what": what, "ours": wrong, "peer": None, "ratio": None, "goal": "0", "met": wrong == 0}
    ]
    # Rivals are asked about fewer: theirs is a share, ours has to be none.
    some = slice(None, None, -(-len(asked) // RIVALS_ASKED))
    part = Decided(truth.best[some], truth.second[some], truth.row[some])
    for rival, nearest in rivals.items():
        if rival != FLAT:
            found = _decided(gallery, *nearest(asked[some].copy(), DEEP))
            differ = 100 * _differences(gallery, part, found, threshold) / len(part.best)
            share = 100 * wrong / len(asked)
            rows.append(_aside(f"decisions that differ from exact, %, {name} ({rival})", share, differ, None))
    return rows


def _exactly(flat: Nearest, gallery: Gallery, asked: Float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest rows and their cosines in float64."""
    _, rows = flat(asked, DEEP)
    cosines = np.empty(rows.shape)
    for start in range(0, len(asked), 4096):
        part = slice(start, start + 4096)
        found = gallery.vectors[rows[part]].astype(np.float64)
        cosines[part] = np.vecdot(found, asked[part, None].astype(np.float64))
        cosines[part] /= np.linalg.norm(found, axis=2) * np.linalg.norm(asked[part], axis=1)[:, None]
    return cosines, rows


def _decided(gallery: Gallery, cosines: np.ndarray, rows: np.ndarray) -> Decided:
    first = cosines.argmax(axis=1)
    every = np.arange(len(rows))
    best, row = cosines[every, first], rows[every, first]
    others = (gallery.subjects[rows] != gallery.subjects[row][:, None]).any(axis=2) & (rows >= 0)
    return Decided(best, np.where(others, cosines, -2.0).max(axis=1), row)


def _right(gallery: Gallery, truth: Decided, at: int, threshold: float, match: Match | None) -> bool:
    best, second = truth.best[at], truth.second[at]
    if match is None or best < threshold:
        return bool(abs(best - threshold) <= TIE or (match is None) == (best < threshold))
    same = gallery.subjects[truth.row[at]].tobytes() == to_bytes(match.subject)
    clear = abs(best - second - MARGIN) <= TIE or match.clear == (best - second >= MARGIN)
    return bool(clear and (same or best - second <= TIE))


def _differences(gallery: Gallery, truth: Decided, found: Decided, threshold: float) -> int:
    """People of whom a rival decides otherwise than ``truth``."""
    accepted, accepts = truth.best >= threshold, found.best >= threshold
    same = (gallery.subjects[truth.row] == gallery.subjects[found.row]).all(axis=1)
    clear = (truth.best - truth.second >= MARGIN) == (found.best - found.second >= MARGIN)
    unsure = np.abs(truth.best - threshold) <= TIE
    tied = truth.best - truth.second <= TIE
    on_margin = np.abs(truth.best - truth.second - MARGIN) <= TIE
    right = (accepted == accepts) & (~accepted | ((same | tied) & (clear | on_margin)))
    return int((~(right | unsure)).sum())


def changes(field: Field, rounds: int) -> list[Row | dict[str, Any]]:
    """Searches beside a writer, and how soon a change holds."""
    index, gallery, threshold, name = field.index, field.gallery, field.threshold, field.name
    people = np.concatenate([genuine(gallery, rounds, 11), strangers(gallery, rounds, 12)])
    quiet = _times(index, people, threshold)
    with _writer(index, gallery) as enrolled_ms:
        busy = _times(index, people, threshold)
    half = float(np.median(busy))
    beside = f"p99 over p50 of one search, {CHANGES_PER_S} enrolments and erasures a second beside it, {name}"
    newcomers = _newcomers(gallery, rounds)
    spent, returned = [], 0
    for one in newcomers:
        start = time.perf_counter()
        index.enrol(one)
        _ask(index, one.vector[None], threshold)
        spent.append((time.perf_counter() - start) * 1e3)
    for one in newcomers:
        index.erase(one.subject)
        match = _ask(index, one.vector[None], threshold)
        returned += match is not None and match.subject == one.subject
    return [
        against_limit(beside, ours=float(np.quantile(busy, 0.99)) / half, limit=2),
        _aside(f"the same without a writer, {name}", float(np.quantile(quiet, 0.99) / np.median(quiet)), None, None),
        against_limit(f"enrol and find, p99 ms, {name}", ours=float(np.quantile(spent, 0.99)), limit=10),
        against_limit(f"enrol beside searches, p99 ms, {name}", ours=float(np.quantile(enrolled_ms, 0.99)), limit=10),
        {
            "what": f"erased people found by a search right after, of {len(newcomers)}, {name}",
            "ours": returned,
            "peer": None,
            "ratio": None,
            "goal": "0",
            "met": returned == 0,
        },
    ]


def _times(index: FaceIndex, people: Float, threshold: float) -> list[float]:
    return [timed(lambda: _ask(index, person[None], threshold))[0] * 1e3 for person in people]  # noqa: B023


@contextmanager
def _writer(index: FaceIndex, gallery: Gallery) -> Iterator[list[float]]:
    """Somebody enrols, and somebody else is erased, ``CHANGES_PER_S`` times a second. Yields the enrolments' ms."""
    stop, spent = threading.Event(), [0.0]
    newcomers = _newcomers(gallery, 200)

    def write_on() -> None:
        number = 0
        while not stop.wait(1 / CHANGES_PER_S):
            template = newcomers[number % len(newcomers)]
            spent.append(timed(lambda: index.enrol(template))[0] * 1e3)  # noqa: B023 - called at once
            index.erase(newcomers[(number + len(newcomers) // 2) % len(newcomers)].subject)
            number += 1

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        yield spent
    finally:
        stop.set()
        thread.join()
        index.update(Change(erase=Selection(subjects=frozenset(one.subject for one in newcomers))))


def _newcomers(gallery: Gallery, count: int) -> list[Template]:
    return [
        Template(TemplateId(new_id()), vouch(SubjectKey(new_id()), ConsentId(new_id())), MODEL, vector)
        for vector in strangers(gallery, count, 13)
    ]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came out."""
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


if __name__ == "__main__":
    main()
