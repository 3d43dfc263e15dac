"""People made of numbers: each a random direction, so how often two are alike is known exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from core.contract.ids import ModelId
from watchlists.thresholds.calibrate import Wanted, calibrate
from watchlists.thresholds.file import CalibrationV1
from watchlists.thresholds.scores import ScoreSet, everybody_with_everybody

MODEL = ModelId("drawn@000000000000")
DIMENSION = 40
_WITHIN = 0.4
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def people(count: int, seed: int, pictures: int = 1) -> tuple[npt.NDArray[np.float32], list[str], list[bool]]:
    """Vectors, whose they are, and which are references: the first of each person."""
    draw = np.random.default_rng(seed)
    centres = np.repeat(_unit(draw.normal(size=(count, DIMENSION))), pictures, axis=0)
    vectors = _unit(centres + _WITHIN * _unit(draw.normal(size=centres.shape)) * (pictures > 1))
    names = [f"person-{person:04}" for person in range(count) for _ in range(pictures)]
    return vectors.astype(np.float32), names, [at % pictures == 0 for at in range(count * pictures)]


@lru_cache(maxsize=8)
def drawn_set(count: int, seed: int, pictures: int = 1) -> ScoreSet:
    return everybody_with_everybody(*people(count, seed, pictures))


@lru_cache(maxsize=8)
def drawn_calibration(count: int = 320, gallery: int = 100, seed: int = 1, model: ModelId = MODEL) -> CalibrationV1:
    return calibrate(drawn_set(count, seed, 2), Wanted(model, gallery), now=NOON, made_by="anju test")


def true_fmr(cosine: float) -> float:
    """Chance that two random directions have at least this cosine, 0 or more (area of a cap, Li 2011)."""
    return float(0.5 * special.betainc((DIMENSION - 1) / 2, 0.5, 1 - cosine**2))


def true_fpir(cosine: float, gallery: int) -> float:
    return float(-np.expm1(gallery * np.log1p(-true_fmr(cosine))))


def cosine_of(fpir: float, gallery: int) -> float:
    """The threshold somebody who knows the truth would choose."""
    return float(optimize.brentq(lambda cosine: true_fpir(cosine, gallery) - fpir, 0.05, 0.99))


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
