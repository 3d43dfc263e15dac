"""Does a shot's quality say whether it will be recognised? Fitted on some people, measured on others.

    python -m benchmarks.quality [--quick]

Every mated picture of the evaluation faces, as it is and made worse in known ways of random strength (simulated), is
compared with the person's reference; a comparison succeeds when its cosine reaches the threshold for 300 people. A
logistic model whose weights can't be negative is fitted to the components (`edge.vision.quality.features`) of four
fifths of the people and asked about the last fifth, five times. Told are how well its probabilities hold (reliability),
and how many failures are left when the worst shots are discarded (error versus discard, ISO/IEC 29794-1), beside single
components as rivals. Prints the weights of a fit to everybody, which `edge/vision/quality.py` carries.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from benchmarks import degraded
from benchmarks.degraded import Degrading
from benchmarks.face_set import Anju, Evaluation, Seen, photos
from benchmarks.report import Row, against_limit, against_peer, write
from core.contract.ids import ModelId
from edge.vision.quality import FEATURES, chance, features
from models.types import Image
from tests.support.evaluation import evaluation_folder
from watchlists.thresholds import calibration_of

QUICK_EVERY = 6
FOLDS = 5
PENALTY = 1e-3
DISCARDED = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
ENROLLED = 300
Numbers = npt.NDArray[np.float64]


def _drawn(low: float, high: float, way: Callable[[float], Degrading], *, ratio: bool = False) -> Degrading:
    """Of a strength drawn evenly between two, or evenly in its logarithm."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:
        strength = float(np.exp(draw.uniform(np.log(low), np.log(high)))) if ratio else draw.uniform(low, high)
        return way(strength)(picture, width_px, draw)

    return make


WAYS: Mapping[str, Degrading] = {
    "clean": degraded.unchanged,
    "smaller (20-112 px)": _drawn(20, 112, degraded.smaller, ratio=True),
    "much smaller (20-48 px)": _drawn(20, 48, degraded.smaller),
    "out of focus": _drawn(0.5, 6, degraded.out_of_focus),
    "moving": _drawn(2, 28, degraded.moving),
    "dark and noisy": _drawn(0.008, 0.4, degraded.dark, ratio=True),
    "bright": _drawn(1.3, 12, degraded.bright, ratio=True),
    "JPEG": _drawn(4, 40, lambda quality: degraded.packed(int(quality))),
    "out of focus and smaller": degraded.both(
        _drawn(0.5, 3.5, degraded.out_of_focus), _drawn(28, 90, degraded.smaller)
    ),
    "moving and dark": degraded.both(_drawn(2, 16, degraded.moving), _drawn(0.03, 0.4, degraded.dark, ratio=True)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Arrays side by side, one row a picture in which a face was found.

    parts: float64 (n, 8), see `features`; carried: the value the edge gives; success: bool; person, way: str;
    rivals: name to a single component that should be the larger the better.
    """

    parts: Numbers
    carried: Numbers
    success: npt.NDArray[np.bool_]
    person: np.ndarray
    way: np.ndarray
    rivals: dict[str, Numbers]


def look(evaluation: Evaluation) -> Looks:
    """Every mated picture in every way against the person's reference."""
    anju = evaluation.anju
    threshold = calibration_of(ModelId(anju.embedder.model)).identify_at(ENROLLED).cosine
    references = {photo.person: anju.see(photo.load()) for photo in evaluation.of("enrol")}
    rows: list[tuple[Any, ...]] = []
    for number, (way, degrade) in enumerate(WAYS.items()):
        for photo in evaluation.of("mated"):
            reference = references[photo.person]
            picture = evaluation.degraded(photo, degrade, number)
            row = None if reference is None else _compare(anju, picture, reference, threshold)
            if row is not None:
                rows.append((*row, photo.person, way))
    parts, carried, success, detector, width, variance, person, way_of = zip(*rows, strict=True)
    rivals = {
        "detector score": np.array(detector),
        "face width": np.array(width),
        "variance of the Laplacian": np.array(variance),
    }
    return Looks(np.stack(parts), np.array(carried), np.array(success), np.array(person), np.array(way_of), rivals)


def _compare(anju: Anju, picture: Image, reference: Seen, threshold: float) -> tuple[Any, ...] | None:
    seen = anju.see(picture)
    if seen is None:
        return None
    grey = cv2.cvtColor(seen.crop[22:98, 22:90], cv2.COLOR_BGR2GRAY)
    variance = float(cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_32F).var())
    measures = seen.measures
    success = float(seen.vector @ reference.vector) >= threshold
    return features(measures), chance(measures), success, measures.score, measures.width_px, variance


def fit(parts: Numbers, success: npt.NDArray[np.bool_]) -> Numbers:
    """Offset and weights, float64 (1 + k,), of a logistic model; weights 0 or more, for the parts as they are."""
    middle, spread = parts.mean(axis=0), parts.std(axis=0) + 1e-9
    plain = (parts - middle) / spread

    def loss(model: Numbers) -> tuple[float, Numbers]:
        odds = model[0] + plain @ model[1:]
        off = 1 / (1 + np.exp(-odds)) - success
        value = (np.logaddexp(0, odds) - success * odds).mean() + PENALTY * (model[1:] ** 2).sum()
        return value, np.concatenate([[off.mean()], plain.T @ off / len(off) + 2 * PENALTY * model[1:]])

    start = np.zeros(1 + parts.shape[1])
    bounds = [(None, None)] + [(0, None)] * parts.shape[1]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = found[1:] / spread
    return np.concatenate([[found[0] - weights @ middle], weights])


def held_out(looks: Looks) -> Numbers:
    """Probability of success of each look, from a model fitted without that person."""
    names, of = np.unique(looks.person, return_inverse=True)
    fold = np.random.default_rng(0).integers(0, FOLDS, len(names))[of]
    probability = np.empty(len(of))
    for number in range(FOLDS):
        mine = fold == number
        model = fit(looks.parts[~mine], looks.success[~mine])
        probability[mine] = 1 / (1 + np.exp(-(model[0] + looks.parts[mine] @ model[1:])))
    return probability


def reliability(probability: Numbers, success: npt.NDArray[np.bool_]) -> tuple[Table, float]:
    """Ten groups of equal size: what was promised and what came; and the mean distance of the two."""
    table = Table("promised", "came", "looks", title="reliability, people held out")
    order = np.argsort(probability)
    groups = np.array_split(order, 10)
    for group in groups:
        table.add_row(f"{probability[group].mean():.3f}", f"{success[group].mean():.3f}", str(len(group)))
    gaps = [abs(probability[group].mean() - success[group].mean()) * len(group) for group in groups]
    return table, float(sum(gaps) / len(order))


def left_over(value: Numbers, success: npt.NDArray[np.bool_], discarded: float) -> float:
    """Share of failures among what is left when the worst ``discarded`` of all looks are gone."""
    kept = np.argsort(value, kind="stable")[int(discarded * len(value)) :]
    return float(1 - success[kept].mean())


def separates(value: Numbers, success: npt.NDArray[np.bool_]) -> float:
    """Chance that a look that succeeds has more of ``value`` than one that fails."""
    ranks = np.argsort(np.argsort(value)) + 1.0
    good, bad = int(success.sum()), int((~success).sum())
    return float((ranks[success].sum() - good * (good + 1) / 2) / max(good * bad, 1))


def show(looks: Looks, probability: Numbers) -> float:
    """Print the tables and the weights; the calibration error."""
    console = Console()
    table, error = reliability(probability, looks.success)
    console.print(table)
    curve = Table("discarded", *(f"{share:.0%}" for share in DISCARDED), title="failures left, error versus discard")
    curves = {"quality, people held out": probability, "quality, as carried": looks.carried} | looks.rivals
    for name, value in curves.items():
        curve.add_row(name, *(f"{left_over(value, looks.success, share):.3f}" for share in DISCARDED))
    console.print(curve)
    ways = Table("way", "looks", "succeed", "promised", title="by way of degrading")
    for way in WAYS:
        mine = looks.way == way
        ways.add_row(way, str(mine.sum()), f"{looks.success[mine].mean():.3f}", f"{probability[mine].mean():.3f}")
    console.print(ways)
    model = fit(looks.parts, looks.success)
    weights = ", ".join(f"{weight:.3f}" for weight in model[1:])
    console.print(f"fit to everybody ({', '.join(FEATURES)}):\n_WEIGHTS = [{weights}]\n_OFFSET = {model[0]:.2f}")
    return error


def main() -> None:
    """Measure, print, and write `results/quality.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a sixth of the people")
    quick = parser.parse_args().quick
    folder = evaluation_folder("faces")
    if folder is None:
        print("not measured: no evaluation data 'faces' here; name their folder in ANJU_EVAL_DATA", file=sys.stderr)
        return
    listed = [one for one in photos(folder, every=QUICK_EVERY if quick else 1) if one.role != "non_mated"]
    looks = look(Evaluation(listed, Anju()))
    probability = held_out(looks)
    error = show(looks, probability)
    made: list[Row | dict[str, Any]] = [
        against_limit(
            "distance of promised and real success, %, ten groups, people held out", ours=100 * error, limit=5
        ),
        against_limit(
            "chance that of two looks the one that succeeds has the better quality, %, people held out",
            ours=100 * separates(probability, looks.success),
            limit=85,
            lower_is_better=False,
        ),
    ]
    for name, value in looks.rivals.items():
        for share in (0.1, 0.2, 0.3):
            what = f"failures left, %, the worst {share:.0%} of looks discarded by quality, people held out ({name})"
            ours, peer = (100 * left_over(one, looks.success, share) for one in (probability, value))
            made.append(against_peer(what, ours=ours, peer=peer, goal=1))
    write("quality", made, quick=quick)


if __name__ == "__main__":
    main()
