"""Synthetic faces: people in families, several shots of each, and everybody who may step in front of a camera.

Families of about 250 people lie at a cosine of 0.2 or so to each other and two shots of a person at 0.8, which is how
embeddings of faces cluster; strangers come from the same families.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.contract.ids import ModelId, TemplateId
from watchlists.faces.ids import Lookup, to_bytes
from watchlists.faces.template import Float, Ids, TemplateBlock

MODEL = ModelId("synthetic@000000000000")
SHOTS = 2
_FAMILY = 250
_FAMILY_SHARE, _OWN_SHARE, _SHOT_SHARE = 0.45, 0.9, 0.5
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Gallery:
    """vectors: float32 (n, d); template_ids, subjects, consents: uint8 (n, 16); families: float32 (f, d).

    Also the store an index asks for single vectors; these lie in memory, in the clear.
    """

    vectors: Float
    template_ids: Ids
    subjects: Ids
    consents: Ids
    families: Float
    lookup: Lookup

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    def blocks(self) -> Iterator[TemplateBlock]:
        for start in range(0, len(self), _BLOCK):
            rows = slice(start, start + _BLOCK)
            ids = (self.template_ids[rows], self.subjects[rows], self.consents[rows])
            yield TemplateBlock(MODEL, *ids, np.zeros(len(ids[0]), bool), self.vectors[rows])

    def vectors_of(self, template_ids: Sequence[TemplateId]) -> Float:
        rows = [int(self.lookup.rows(to_bytes(one))[0]) for one in template_ids]
        return self.vectors[rows]


@dataclass(frozen=True, eq=False)
class PlainStore:
    """What an index asks where a decision hangs on it: here in memory, in the clear."""

    gallery: Gallery

    def vectors(self, template_ids: Sequence[TemplateId]) -> Float:
        return self.gallery.vectors_of(template_ids)


def draw_gallery(templates: int, dimension: int, *, twins: int = 0, duplicates: int = 0) -> Gallery:
    """``templates`` templates, ``SHOTS`` each; ``twins`` of them have somebody at 0.95, ``duplicates`` their double."""
    draw = np.random.default_rng(templates + dimension)
    families = unit(normals(draw, max(templates // SHOTS // _FAMILY, 4), dimension))
    people = _people(draw, families, -(-templates // SHOTS))
    vectors = np.repeat(people, SHOTS, axis=0)[:templates]
    for start in range(0, templates, 1 << 16):
        part = vectors[start : start + (1 << 16)]
        part[:] = unit(part + np.float32(_SHOT_SHARE / dimension**0.5) * normals(draw, *part.shape))
    copied = SHOTS * np.arange(twins + duplicates)
    if len(copied):
        others = templates - SHOTS * (1 + np.arange(twins + duplicates))
        cosines = np.where(np.arange(len(copied)) < twins, 0.95, 1.0)
        vectors[others] = near(vectors[copied], cosines, draw)
        vectors[others[twins:]] = vectors[copied[twins:]]
    ids = draw.integers(0, 256, (templates, 16), dtype=np.uint8)
    subjects = np.repeat(draw.integers(0, 256, (len(people), 16), dtype=np.uint8), SHOTS, axis=0)[:templates]
    return Gallery(vectors, ids, subjects, subjects[:, ::-1].copy(), families, Lookup(ids))


def genuine(gallery: Gallery, count: int, seed: int) -> Float:
    """Another shot of enrolled people."""
    draw = np.random.default_rng(seed)
    shots = gallery.vectors[draw.integers(0, len(gallery), count)]
    return unit(shots + np.float32(_SHOT_SHARE / gallery.dimension**0.5) * normals(draw, *shots.shape))


def strangers(gallery: Gallery, count: int, seed: int) -> Float:
    """People of the same families who are not enrolled."""
    draw = np.random.default_rng(seed)
    return _people(draw, gallery.families, count)


def near_threshold(gallery: Gallery, count: int, threshold: float, seed: int) -> Float:
    """Probes whose cosine with some template is within 0.01 of ``threshold``, half of them within 0.0001."""
    draw = np.random.default_rng(seed)
    off = draw.uniform(-1, 1, count) * np.where(np.arange(count) % 2, 1e-2, 1e-4)
    return near(gallery.vectors[draw.integers(0, len(gallery), count)], threshold + off, draw)


def near(vectors: Float, cosines: np.ndarray, draw: np.random.Generator) -> Float:
    """For each of ``vectors`` a unit vector with that cosine to it."""
    aside = normals(draw, *vectors.shape).astype(np.float64)
    aside -= np.vecdot(aside, vectors)[:, None] * vectors
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return unit(cosines[:, None] * vectors + np.sqrt(1 - cosines**2)[:, None] * aside)


def normals(draw: np.random.Generator, rows: int, dimension: int) -> Float:
    return draw.standard_normal((rows, dimension), dtype=np.float32)


def unit(vectors: np.ndarray) -> Float:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _people(draw: np.random.Generator, families: Float, count: int) -> Float:
    people = np.empty((count, families.shape[1]), np.float32)
    for start in range(0, count, 1 << 16):
        part = people[start : start + (1 << 16)]
        own = np.float32(_OWN_SHARE / families.shape[1] ** 0.5) * normals(draw, *part.shape)
        part[:] = unit(np.float32(_FAMILY_SHARE) * families[draw.integers(0, len(families), len(part))] + own)
    return people
