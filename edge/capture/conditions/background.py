"""What always stands in a camera's view, learnt from its edges, and how much of it is in a picture.

Learnt slowly, and only from pictures in which a part of it is still to be seen: dusk, snow and a parked van become
part of it; a camera that was turned or covered does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.capture.conditions.edges import HEIGHT, WIDTH, Edges
from models.types import Float

LEARNING_LOOKS = 15
"""Pictures after which a background is known."""
_FORGETS_S = 300.0
_SHARPNESS_FORGETS_S = 21_600.0
"""Hardly changed by another light, it is remembered longer: dew takes half an hour."""
_ROWS, _COLUMNS = 6, 8
_TILE = (HEIGHT // _ROWS) * (WIDTH // _COLUMNS)
_STEADY = 0.35
"""Length of the mean edge from which the edge is one that stays; passing ones point everywhere and cancel out."""
_TILE_EDGES = 8.0
_TILES_TO_JUDGE = 6
_UNLIT, _DAZZLED = 40.0, 235.0
_THERE = 0.45
_FLAT = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """looks: how many pictures it was learnt from; cosine, sine: mean edge, float32 (HEIGHT, WIDTH), as in `Edges`;
    strength: how much of the picture is edges, in [0, 1]; sharpness: as `sharpness_of`, None where never measured.
    """

    looks: int
    cosine: Float
    sine: Float
    strength: float
    sharpness: float | None = None

    @property
    def steady(self) -> Float:
        """float32 (HEIGHT, WIDTH): length of the mean edge where it is one that stays, else 0."""
        length = np.hypot(self.cosine, self.sine)
        return np.where(length > _STEADY, length, np.float32(0)).astype(np.float32)

    @property
    def known(self) -> bool:
        return self.looks >= LEARNING_LOOKS


@dataclass(frozen=True, slots=True)
class Comparison:
    """seen: share of the background that is there, of what could be judged, in [0, 1]; judged: share of it that is
    neither unlit nor dazzled; edges: how much of the picture is edges, as a multiple of what is usual;
    sharpness: as `sharpness_of`.
    """

    seen: float
    judged: float
    edges: float
    sharpness: float | None


def compare(background: Background, edges: Edges) -> Comparison | None:
    """How much of ``background`` is in the picture; None where it has too few edges to tell: a white wall, the sky."""
    steady = background.steady
    weight = _tiles(steady)
    has = weight > _TILE_EDGES
    if has.sum() < _TILES_TO_JUDGE:
        return None
    along = edges.cosine * background.cosine + edges.sine * background.sine
    agreement = np.divide(along, steady, out=np.zeros_like(along), where=steady > 0)
    light = _tiles(edges.light) / _TILE
    judged = has & (light > _UNLIT) & (light < _DAZZLED)
    there = judged & (_tiles(agreement) > _THERE * weight)
    return Comparison(
        seen=float(there.sum() / max(1, judged.sum())),
        judged=float(judged.sum() / has.sum()),
        edges=float(edges.strength.mean()) / max(background.strength, 1e-6),
        sharpness=sharpness_of(edges, agreement > 0.5, (steady == 0) & (edges.strength < _FLAT)),
    )


def sharpness_of(edges: Edges, on_edges: np.ndarray, on_flats: np.ndarray) -> float | None:
    """How fine the picture's edges are beside how steep they are; None where too few are to be seen.

    on_edges, on_flats: bool (HEIGHT, WIDTH). Noise is as strong beside the edges as on them, and taken off: a dark
    picture is no sharper for it. Brightness and contrast cancel out.
    """
    if on_edges.sum() < _TILE:
        return None
    noise = float(edges.fine[on_flats].mean()) if on_flats.sum() > _TILE else 0.0
    fine, coarse = float(edges.fine[on_edges].mean()) - noise, float(edges.coarse[on_edges].mean())
    return math.sqrt(max(fine, 0.0) / coarse) if coarse > 0 else None


def learn(background: Background | None, edges: Edges, sharpness: float | None, passed_s: float) -> Background:
    """``background`` with one more picture in it, made ``passed_s`` after the one before."""
    if background is None:
        return Background(1, edges.cosine, edges.sine, float(edges.strength.mean()), sharpness)
    looks = background.looks + 1
    share = 1 / looks if looks <= LEARNING_LOOKS else 1 - math.exp(-min(passed_s, 60.0) / _FORGETS_S)
    before, sharp = background.sharpness, sharpness
    if before is not None:
        slowly = max(1 / max(1, looks - LEARNING_LOOKS), 1 - math.exp(-min(passed_s, 60.0) / _SHARPNESS_FORGETS_S))
        sharp = before if sharpness is None else before + slowly * (sharpness - before)
    return Background(
        looks,
        background.cosine + np.float32(share) * (edges.cosine - background.cosine),
        background.sine + np.float32(share) * (edges.sine - background.sine),
        background.strength + share * (float(edges.strength.mean()) - background.strength),
        sharp,
    )


def _tiles(values: Float) -> Float:
    """Sums of float32 (HEIGHT, WIDTH) over each tile, float32 (_ROWS, _COLUMNS)."""
    tiled = values.reshape(_ROWS, HEIGHT // _ROWS, _COLUMNS, WIDTH // _COLUMNS)
    return np.asarray(tiled.sum(axis=(1, 3)), np.float32)
