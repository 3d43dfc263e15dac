"""Who is that, among hundreds: Anju's path from picture to answer beside the plain exact pipeline, in one run.

    python -m benchmarks.identification [--quick]

Anju: YuNet, alignment, quality, SFace, shots fused, `FaceIndex`. Peer: OpenCV's FaceDetectorYN and FaceRecognizerSF
with the same weights, every face taken, exact search in NumPy. Open set (ISO/IEC 19795-1): each side has the lowest
threshold at which at most 1 % of strangers find somebody; a miss is an enrolled person whose own reference is not the
best one above it, or in whose picture no face was found or taken. Degraded pictures are simulated (`degraded`).
What shots of a pass weigh is fitted to one half of the people for the other (the weights that come with Anju saw all of
them); the thresholds that come with Anju saw them too: `benchmarks.thresholds` holds people out.
Needs the default models and the evaluation data `faces`, in the folder ANJU_EVAL_DATA names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.degraded import CONDITIONS, Degrading, any_of_a_pass
from benchmarks.face_set import Anju, Evaluation, Photo, Plain, photos
from benchmarks.quality import fit
from benchmarks.report import Row, against_limit, write
from benchmarks.shares import within
from core.contract.ids import ModelId
from edge.checkpoint.shooting import MAX_EMBEDDED, SETTLE_S, Shooting
from edge.checkpoint.watcher import StepSums, WatchCounts
from edge.evidence import Moment
from edge.vision.quality import QualityLimits, features
from edge.vision.shots import Shot, fused
from models.types import Float, Image
from tests.support.evaluation import evaluation_folder
from watchlists.faces.ids import to_bytes
from watchlists.faces.index import FaceIndex
from watchlists.faces.template import Ids, TemplateBlock
from watchlists.thresholds import calibration_of

FPIR = 0.01
QUICK_EVERY = 6
RESAMPLED = 1000
SHOTS = 3
LOOKS = MAX_EMBEDDED
LOOK_S = 0.5
"""A gate embeds two of the poorest shots a second."""
_LEAVING = range(1, 1 + LOOKS)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_NO_FACE = -1.0
_THAT_COMES = "at the threshold that comes with Anju, made from all of LFW, these people among them"


@dataclass(frozen=True, slots=True)
class Searches:
    """Answers of one side. own: float (n,), score where the best was the right one, else -1; found: float (m,), best
    score of each stranger, -1 where there was no face; people: (n,), whose search it was."""

    own: np.ndarray
    found: np.ndarray
    people: np.ndarray

    def missed(self, threshold: float) -> float:
        return float((self.own <= threshold).mean())

    def let_in(self, threshold: float) -> float:
        return float((self.found > threshold).mean())

    def threshold(self) -> float:
        """Lowest at which no more than ``FPIR`` of strangers find somebody."""
        falling = np.sort(self.found)[::-1]
        return max(0.0, float(falling[int(FPIR * len(falling))]))

    def fnir(self) -> float:
        return self.missed(self.threshold())

    def resampled(self, draws: int) -> np.ndarray:
        """FNIR of ``draws`` sets of people drawn anew; searches of one person stay together."""
        names, of = np.unique(self.people, return_inverse=True)
        results = np.empty(draws)
        for index in range(draws):
            draw = np.random.default_rng(index)
            times = np.bincount(draw.integers(0, len(names), len(names)), minlength=len(names))[of]
            found = self.found[draw.integers(0, len(self.found), len(self.found))]
            threshold = Searches(self.own, found, self.people).threshold()
            results[index] = ((self.own <= threshold) * times).sum() / times.sum()
        return results


class Gallery:
    """References of one side: an index of Anju's, or a matrix."""

    def __init__(self, vectors: Float, people: Sequence[str], model: ModelId | None) -> None:
        """model: of Anju's index; None: plain exact search."""
        self.people = np.array(people)
        self._vectors = vectors
        self._model = model
        if model is not None:
            self._load(vectors, people, model)

    def best(self, probe: Float | None) -> tuple[float, str]:
        """Highest score and whose; -1 and nobody without a probe (n, d)."""
        if probe is None:
            return _NO_FACE, ""
        if self._model is None:
            scores = (self._vectors @ probe.T).max(axis=1)
            return float(scores.max()), str(self.people[int(scores.argmax())])
        (match,) = self._index.search(self._model, [probe], threshold=-1.0)
        assert match is not None, "everybody reaches -1"
        return match.score, self._names[match.subject]

    def _load(self, vectors: Float, people: Sequence[str], model: ModelId) -> None:
        keys = {name: _key(1 + index) for index, name in enumerate(dict.fromkeys(people))}
        self._names: dict[str, str] = {key: name for name, key in keys.items()}
        subjects = _ids(keys[name] for name in people)
        templates = _ids(_key(1_000_000 + row) for row in range(len(people)))
        self._index = FaceIndex(model, vectors.shape[1])
        block = TemplateBlock(model, templates, subjects, subjects, np.zeros(len(people), bool), vectors)
        self._index.load([block])


@dataclass(frozen=True, slots=True)
class Probe:
    """What Anju makes of one picture. vector, parts (see `features`): None where no face was found or taken."""

    vector: Float | None
    quality: float
    parts: Float | None = None


class Bench:
    """Both sides on one evaluation set; every picture is looked at once."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.anju = evaluation.anju
        self.model = ModelId(self.anju.embedder.model)
        self._plain = Plain()
        self._by_anju: dict[tuple[str, int, int], Probe] = {}
        self._by_plain: dict[tuple[str, int, int], Float | None] = {}

    def probe(self, photo: Photo, condition: str, degrade: Degrading, seed: int = 0) -> Probe:
        key = condition, photo.number, seed
        if key not in self._by_anju:
            seen = self.anju.see(self.evaluation.degraded(photo, degrade, seed))
            taken = seen is not None and not seen.refused
            self._by_anju[key] = (
                Probe(seen.vector, seen.value, features(seen.measures)) if seen and taken else Probe(None, 0.0)
            )
        return self._by_anju[key]

    def probe_vector(self, photo: Photo, condition: str, degrade: Degrading) -> Float | None:
        return self.probe(photo, condition, degrade).vector

    def plain(self, photo: Photo, condition: str, degrade: Degrading, seed: int = 0) -> Float | None:
        key = condition, photo.number, seed
        if key not in self._by_plain:
            self._by_plain[key] = self._plain.see(self.evaluation.degraded(photo, degrade, seed))
        return self._by_plain[key]

    def gallery(self, references: Sequence[Photo], *, ours: bool) -> Gallery:
        """Of the clean ``references`` in which a face was found."""
        way = self.probe_vector if ours else self.plain
        chosen = [(photo.person, way(photo, "clean", CONDITIONS["clean"])) for photo in references]
        vectors = np.stack([vector for _, vector in chosen if vector is not None])
        names = [name for name, vector in chosen if vector is not None]
        return Gallery(vectors, names, self.model if ours else None)


def search(gallery: Gallery, mated: Sequence[tuple[str, Float | None]], others: Sequence[Float | None]) -> Searches:
    """Everybody asked for. A probe is float32 (n, d)."""
    own = []
    for name, probe in mated:
        score, who = gallery.best(probe)
        own.append(score if who == name else _NO_FACE)
    found = [gallery.best(probe)[0] for probe in others]
    return Searches(np.array(own), np.array(found), np.array([name for name, _ in mated]))


def one_shot(bench: Bench, condition: str, enrolled: Sequence[Photo], mated: Sequence[Photo], others: Sequence[Photo],
             *, ours: bool) -> Searches:  # fmt: skip
    degrade = CONDITIONS[condition]

    def vector(photo: Photo) -> Float | None:
        way = bench.probe_vector if ours else bench.plain
        found = way(photo, condition, degrade)
        return None if found is None else found[None]

    gallery = bench.gallery(enrolled, ours=ours)
    return search(gallery, [(photo.person, vector(photo)) for photo in mated], [vector(photo) for photo in others])


def compared(what: str, ours: Searches, plain: Searches) -> list[Row | dict[str, Any]]:
    """FNIR of both sides, and how sure their difference is: drawn anew in the same people."""
    difference = ours.resampled(RESAMPLED) - plain.resampled(RESAMPLED)
    low, high = 100 * np.quantile(difference, [0.025, 0.975])
    interval = 100 * np.quantile(ours.resampled(RESAMPLED), [0.025, 0.975])
    text = (
        f"people missed, %, FPIR 1 %, {what}, {len(ours.own)} searches, 95 % interval {interval[0]:.1f} to "
        f"{interval[1]:.1f} (plain exact pipeline; difference {low:+.1f} to {high:+.1f})"
    )
    return [_no_worse(text, 100 * ours.fnir(), 100 * plain.fnir())]


def conditions(bench: Bench) -> list[Row | dict[str, Any]]:
    """One reference and one picture each, clean and degraded, and a larger gallery."""
    evaluation = bench.evaluation
    enrolled, mated, others = (evaluation.of(role) for role in ("enrol", "mated", "non_mated"))
    made: list[Row | dict[str, Any]] = []
    calibrated = calibration_of(bench.model).identify_at(len(enrolled)).cosine
    for condition in CONDITIONS:
        ours = one_shot(bench, condition, enrolled, mated, others, ours=True)
        plain = one_shot(bench, condition, enrolled, mated, others, ours=False)
        name = condition if condition == "clean" else f"{condition} (simulated)"
        made += compared(f"{name}, {len(enrolled)} enrolled", ours, plain)
        at = f"{_THAT_COMES} ({calibrated:.3f}), {name}, {len(enrolled)} enrolled"
        made.append(_shown(f"people missed, %, {at} (strangers let in, %)", ours.missed(calibrated), calibrated, ours))
    half = len(others) * 3 // 7
    larger, strangers = [*enrolled, *others[:half]], others[half:]
    ours = one_shot(bench, "clean", larger, mated, strangers, ours=True)
    plain = one_shot(bench, "clean", larger, mated, strangers, ours=False)
    return made + compared(f"clean, {len(larger)} enrolled", ours, plain)


def two_references(bench: Bench) -> list[Row | dict[str, Any]]:
    """The first ``mated`` picture by name becomes the second reference; the others are searched for, both ways."""
    evaluation = bench.evaluation
    enrolled, others = evaluation.of("enrol"), evaluation.of("non_mated")
    first: dict[str, Photo] = {}
    for photo in sorted(evaluation.of("mated"), key=lambda one: one.path.name):
        first.setdefault(photo.person, photo)
    left = [photo for photo in evaluation.of("mated") if first[photo.person] is not photo]
    seconds = [first[name] for name in dict.fromkeys(photo.person for photo in left)]
    made: list[Row | dict[str, Any]] = []
    for condition in ("clean", "moving"):
        one = one_shot(bench, condition, enrolled, left, others, ours=True)
        two = one_shot(bench, condition, [*enrolled, *seconds], left, others, ours=True)
        name = condition if condition == "clean" else f"{condition} (simulated)"
        what = f"people missed, %, FPIR 1 %, two references each, {name}, {len(left)} searches (one reference)"
        made.append(_no_worse(what, 100 * two.fnir(), 100 * one.fnir()))
        if condition == "clean":
            limit = "people missed, %, FPIR 1 %, two references each, clean"
            made.append(against_limit(limit, ours=max(100 * two.fnir(), 0.1), limit=1.5))
    return made


class Halves:
    """Quality whose weights were fitted without the person: to the looks of the other half of the people."""

    def __init__(self, bench: Bench) -> None:
        evaluation = bench.evaluation
        people = sorted({photo.person for photo in evaluation.photos})
        self._half = {person: number % 2 for number, person in enumerate(people)}
        clean = CONDITIONS["clean"]
        references = {photo.person: bench.probe_vector(photo, "clean", clean) for photo in evaluation.of("enrol")}
        at = calibration_of(bench.model).identify_at(len(references)).cosine
        parts: list[list[Float]] = [[], []]
        success: list[list[bool]] = [[], []]
        for photo in evaluation.of("mated"):
            reference = references.get(photo.person)
            looks = [bench.probe(photo, condition, degrade) for condition, degrade in CONDITIONS.items()]
            for look in [*looks, *(_look(bench, photo, seed) for seed in range(1, 1 + SHOTS))]:
                if reference is not None and look.vector is not None and look.parts is not None:
                    parts[self._half[photo.person]].append(look.parts)
                    success[self._half[photo.person]].append(float(look.vector @ reference) >= at)
        fitted = [fit(np.stack(one).astype(np.float64), np.array(so)) for one, so in zip(parts, success, strict=True)]
        self._models = fitted[::-1]

    def of(self, person: str, look: Probe) -> Probe:
        """``look`` with that quality."""
        if look.parts is None:
            return look
        model = self._models[self._half[person]]
        return replace(look, quality=float(1 / (1 + np.exp(-(model[0] + look.parts @ model[1:])))))


def _look(bench: Bench, photo: Photo, seed: int) -> Probe:
    return bench.probe(photo, "pass", any_of_a_pass, seed)


def three_shots(bench: Bench) -> list[Row | dict[str, Any]]:
    """A pass of each picture: three simulated looks of it, used in the ways there are."""
    evaluation = bench.evaluation
    enrolled, mated, others = (evaluation.of(role) for role in ("enrol", "mated", "non_mated"))
    gallery, halves = bench.gallery(enrolled, ours=True), Halves(bench)

    def shots(photo: Photo, *, held_out: bool = True, looks: int = SHOTS) -> list[Probe]:
        seen = [_look(bench, photo, seed) for seed in range(1, 1 + looks)]
        taken = [one for one in seen if one.vector is not None]
        return [halves.of(photo.person, one) for one in taken] if held_out else taken

    def all_by(way: Callable[[list[Probe]], Float | None], *, held_out: bool = True) -> Searches:
        known = [(photo.person, way(shots(photo, held_out=held_out))) for photo in mated]
        return search(gallery, known, [way(shots(photo, held_out=held_out)) for photo in others])

    ways = {name: all_by(way) for name, way in WAYS.items()}
    fusing = ways["fused"]
    calibrated = calibration_of(bench.model).identify_at(len(enrolled)).cosine
    missed = "people missed, %, FPIR 1 %, three simulated shots of a pass, fused by quality"
    made: list[Row | dict[str, Any]] = []
    for name in ("the first shot alone", "the best shot alone", "the mean of three", "the best score of three"):
        what = f"{missed}, its weights fitted to other people ({name})"
        made.append(_no_worse(what, 100 * fusing.fnir(), 100 * ways[name].fnir()))
    carried = all_by(_fused, held_out=False)
    what = f"{missed}, with the weights that come with Anju, fitted to these people (weights fitted to others)"
    made.append(_beside(what, 100 * carried.fnir(), 100 * fusing.fnir()))
    for name in ("fused", "the best score of three", "the first shot alone", "the best shot alone"):
        one = ways[name]
        let = int((one.found > calibrated).sum())
        of = f"{let} of {len(one.found)}, 95 %: {within(let, len(one.found), 2)}"
        what = f"people missed, %, three shots of a pass, {name}, {_THAT_COMES} (strangers let in, %: {of})"
        made.append(_shown(what, one.missed(calibrated), calibrated, one))
    return [*made, _at_a_gate([shots(photo, looks=LOOKS) for photo in others], gallery, calibrated)]


def _at_a_gate(passes: list[list[Probe]], gallery: Gallery, threshold: float) -> Row:
    """Strangers let in on one visit by a gate's own rule, each of whom goes after the look that suits them."""
    after = [[let_in(one[:number], gallery, threshold) for number in _LEAVING] for one in passes]
    return gate_row(np.array(after, bool))


def gate_row(after: np.ndarray) -> Row:
    """after: bool (strangers, looks), whether each would be let in, leaving after that many looks."""
    ever, total = int(after.any(axis=1).sum()), len(after)
    told = ", ".join(f"{share:.2g}" for share in 100 * after.mean(axis=0))
    what = (
        f"strangers let in, %, by a gate's own rule, on one visit, each going at the moment that suits them "
        f"({ever} of {total}, 95 %: {within(ever, total, 2)}; all after 1 to {after.shape[1]} looks: {told})"
    )
    return against_limit(f"{what}, {_THAT_COMES}", ours=max(0.1, 100 * ever / total), limit=1.0)


def let_in(looks: Sequence[Probe], gallery: Gallery, threshold: float) -> bool:
    """What a face gate comes to over ``looks``, `LOOK_S` apart, by the code it runs; the margin is not asked for."""
    counts, sums, vectors = WatchCounts(), StepSums(), _Known(looks)
    gate = Shooting(vectors, QualityLimits(), counts, sums)
    score = _NO_FACE
    for number, look in enumerate(looks):
        last = number == len(looks) - 1
        at_s = number * LOOK_S
        gate.take(Shot(np.full((1, 1, 1), number, np.uint8), look.quality, Moment(at_s, _EPOCH, at_s)))
        # A poor shot waits for a better one; here each look waits that long before the next.
        if not gate.probe(at_s + SETTLE_S, hurry=last):
            continue
        if gate.another:
            gate, score = Shooting(vectors, QualityLimits(), counts, sums), _NO_FACE
            continue
        score = gallery.best(gate.probes())[0]
        if gate.complete or gate.clear(score, threshold):
            break
    return score >= threshold


@dataclass(slots=True)
class _Known:
    """See `models.protocols.FaceEmbedding`: gives the vectors of looks, which a shot's pixels number."""

    looks: Sequence[Probe]
    model: str = "known"
    dimension: int = 0

    def embed(self, crops: Image) -> Float:
        return np.stack([_vector(self.looks[int(crop[0, 0, 0])]) for crop in crops])


def _vector(look: Probe) -> Float:
    assert look.vector is not None, "only looks with a face are taken"
    return look.vector


def real_passes(bench: Bench) -> list[Row | dict[str, Any]]:
    """Three different pictures of a person, where there are as many: other days, other light, never worse than that."""
    evaluation = bench.evaluation
    gallery = bench.gallery(evaluation.of("enrol"), ours=True)
    of: dict[str, list[Probe]] = {}
    for photo in evaluation.of("mated"):
        of.setdefault(photo.person, []).append(bench.probe(photo, "clean", CONDITIONS["clean"]))
    three = {name: probes for name, probes in of.items() if len(probes) == SHOTS}
    if not three:
        return []
    halves = Halves(bench)
    alone = [(name, _fused([one])) for name, probes in three.items() for one in probes]
    together = [(name, _fused([halves.of(name, one) for one in probes])) for name, probes in three.items()]
    one, all_three = search(gallery, alone, []), search(gallery, together, [])
    at = calibration_of(bench.model).identify_at(len(gallery.people)).cosine
    what = f"people missed, %, three different real pictures of {len(three)} people fused, {_THAT_COMES} (each alone)"
    return [_no_worse(what, 100 * all_three.missed(at), 100 * one.missed(at))]


def _fused(shots: list[Probe]) -> Float | None:
    vectors = [one.vector for one in shots if one.vector is not None]
    if not vectors:
        return None
    qualities = np.array([one.quality for one in shots if one.vector is not None], np.float32)
    return fused(np.stack(vectors), qualities)[None]


def _first(shots: list[Probe]) -> Float | None:
    return _fused(shots[:1])


def _best(shots: list[Probe]) -> Float | None:
    return _fused(sorted(shots, key=lambda one: -one.quality)[:1])


def _all(shots: list[Probe]) -> Float | None:
    vectors = [one.vector for one in shots if one.vector is not None]
    return np.stack(vectors) if vectors else None


def _mean(shots: list[Probe]) -> Float | None:
    return _fused([Probe(one.vector, 1.0) for one in shots])


WAYS: dict[str, Callable[[list[Probe]], Float | None]] = {
    "fused": _fused,
    "the first shot alone": _first,
    "the best shot alone": _best,
    "the best score of three": _all,
    "the mean of three": _mean,
}


def _no_worse(what: str, ours: float, peer: float) -> dict[str, Any]:
    """A share that has to be no larger than the peer's; both may be 0."""
    ratio = 1.0 if ours == peer else peer / max(ours, 1e-3)
    return {
        "what": what,
        "ours": _three(ours),
        "peer": _three(peer),
        "ratio": _three(ratio),
        "goal": "no more than the peer",
        "met": bool(ours <= peer),
    }


def _beside(what: str, ours: float, peer: float) -> dict[str, Any]:
    """Two figures with no goal of their own."""
    return _no_worse(what, ours, peer) | {"goal": "none", "met": None}


def _shown(what: str, missed: float, threshold: float, searches: Searches) -> dict[str, Any]:
    """Both errors at one threshold, with no goal of their own."""
    return {
        "what": what,
        "ours": _three(100 * missed),
        "peer": _three(100 * searches.let_in(threshold)),
        "ratio": None,
        "goal": "none",
        "met": None,
    }


def _three(value: float) -> float:
    return float(f"{value:.3g}")


def _key(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


def _ids(keys: Iterable[str]) -> Ids:
    return np.stack([np.frombuffer(to_bytes(key), np.uint8) for key in keys])


def main() -> None:
    """Measure, print, and write `results/identification.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a sixth of the people")
    quick = parser.parse_args().quick
    folder = evaluation_folder("faces")
    if folder is None:
        print("not measured: no evaluation data 'faces' here; name their folder in ANJU_EVAL_DATA", file=sys.stderr)
        return
    bench = Bench(Evaluation(photos(folder, every=QUICK_EVERY if quick else 1), Anju()))
    made = conditions(bench) + two_references(bench) + three_shots(bench) + real_passes(bench)
    write("identification", made, quick=quick)


if __name__ == "__main__":
    main()
