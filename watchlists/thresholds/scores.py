"""A set of comparison scores: who was compared with whom, how alike they were, and who stands behind the numbers.

Comparisons of one person are not independent, so people are counted, not only comparisons. Names are turned into
numbers here and forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from watchlists.thresholds.errors import BadScoresError, NoImpostorsError

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
MAX_COMPARISONS = 20_000_000
"""About 3.5 GB while they are sorted; 4,400 people with one picture each, everybody against everybody."""
_COSINE_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Rows as they come, all arrays (n,). Raises BadScoresError.

    score: float64, cosine; mated: bool, of one person; probe_subject, gallery_subject: whose picture was looked for,
    and among whose it was compared, numbered 0.. in the order of their names; probe: which search of the probe's
    subject, any number: the rows of one search are what a gate does with one passage.
    """

    score: Numbers
    mated: npt.NDArray[np.bool_]
    probe_subject: Codes
    gallery_subject: Codes
    probe: Codes

    def __post_init__(self) -> None:
        if len(self.score) == 0:
            raise BadScoresError("there is no score in the set: compare people's pictures with each other first")
        if len(self.score) > MAX_COMPARISONS:
            raise BadScoresError(f"{len(self.score)} scores are more than {MAX_COMPARISONS}: take fewer people")
        wrong = ~np.isfinite(self.score) | (np.abs(self.score) > 1 + _COSINE_ROUNDING)
        _refuse(wrong, "its score is no cosine (NaN, infinite or beyond [-1, 1]): look at what made it")
        apart = self.mated != (self.probe_subject == self.gallery_subject)
        _refuse(apart, "mated is 1 exactly where probe_subject and gallery_subject are one person: correct the labels")


@dataclass(frozen=True, eq=False)
class ScoreSet:
    """Comparisons, sorted and counted; of several references of one person the best counts.

    impostor: float64 (m,), cosines with others, falling; impostor_search, impostor_gallery: int64 (m,), which search,
    and whose reference; genuine: float64 (g,), best cosine with an own reference, a search; genuine_search: int64 (g,);
    search_person: int64 (searches,); people: how many there are; sha256: of the rows, whatever order they came in.
    """

    impostor: Numbers = field(repr=False)
    impostor_search: Codes = field(repr=False)
    impostor_gallery: Codes = field(repr=False)
    genuine: Numbers = field(repr=False)
    genuine_search: Codes = field(repr=False)
    search_person: Codes = field(repr=False)
    people: int
    sha256: str

    @cached_property
    def compared(self) -> Codes:
        """int64 (searches,): with how many others each search was compared."""
        return np.bincount(self.impostor_search, minlength=len(self.search_person))

    @cached_property
    def one_way(self) -> float:
        """Pairs of people over pairs of who was searched for and who was there: 1/2 where all are in both places."""
        searched = self.search_person[self.impostor_search]
        there = self.impostor_gallery
        ordered = np.unique(searched * self.people + there)
        unordered = np.unique(np.minimum(searched, there) * self.people + np.maximum(searched, there))
        return len(unordered) / len(ordered)

    @cached_property
    def membership(self) -> sparse.csr_array:
        """(people, searches), 1 where the person was in the gallery of a search that is not theirs."""
        ones = np.ones(len(self.impostor))
        shape = (self.people, len(self.search_person))
        return sparse.csr_array((ones, (self.impostor_gallery, self.impostor_search)), shape=shape)


def score_set(rows: Comparisons) -> ScoreSet:
    """``rows``, one a search and person. Raises NoImpostorsError."""
    order = np.lexsort((rows.score, rows.gallery_subject, rows.probe, rows.probe_subject))
    score, mated = np.clip(rows.score[order], -1.0, 1.0), rows.mated[order]
    person, gallery, probe = rows.probe_subject[order], rows.gallery_subject[order], rows.probe[order]
    new_search = np.concatenate([[True], (np.diff(person) != 0) | (np.diff(probe) != 0)])
    search = np.cumsum(new_search) - 1
    last_of_pair = np.concatenate([(np.diff(search) != 0) | (np.diff(gallery) != 0), [True]])  # scores rise: the best
    impostor, genuine = last_of_pair & ~mated, last_of_pair & mated
    if not impostor.any():
        raise NoImpostorsError(
            "nobody was compared with anybody else, so how often strangers are accepted can't be known: "
            "add comparisons of different people (mated 0)"
        )
    falling = np.argsort(-score[impostor], kind="stable")
    return ScoreSet(
        impostor=score[impostor][falling],
        impostor_search=search[impostor][falling],
        impostor_gallery=gallery[impostor][falling],
        genuine=score[genuine],
        genuine_search=search[genuine],
        search_person=person[new_search],
        people=int(max(person.max(), gallery.max())) + 1,
        sha256=_hash(person, search, gallery, score),
    )


def everybody_with_everybody(
    vectors: npt.NDArray[np.float32], people: Sequence[str], enrolled: Sequence[bool]
) -> ScoreSet:
    """Each picture a search among the enrolled pictures of all people, itself left out.

    vectors: float32 (n, d), unit length; people: whose picture each is; enrolled: which of them are references.
    Raises BadScoresError, NoImpostorsError.
    """
    _, person = np.unique(np.asarray(people, dtype=np.str_), return_inverse=True)
    references = np.flatnonzero(np.asarray(enrolled, bool))
    if len(vectors) * len(references) > MAX_COMPARISONS:
        raise BadScoresError(
            f"{len(vectors)} pictures and {len(references)} references make more than {MAX_COMPARISONS} comparisons: "
            "take fewer people or pictures"
        )
    probe = np.repeat(np.arange(len(vectors)), len(references))
    reference = np.tile(references, len(vectors))
    score = np.asarray(vectors @ vectors[references].T, np.float64).ravel()
    other = probe != reference
    probe, reference, score = probe[other], reference[other], score[other]
    same = person[probe] == person[reference]
    return score_set(Comparisons(score, same, person[probe], person[reference], probe))


def _hash(person: Codes, search: Codes, gallery: Codes, score: Numbers) -> str:
    """Of the sorted rows as little-endian numbers."""
    digest = hashlib.sha256(b"anju/scores/v1")
    for column in (person, search, gallery):
        digest.update(np.ascontiguousarray(column, "<i8").tobytes())
    digest.update(np.ascontiguousarray(score, "<f8").tobytes())
    return digest.hexdigest()


def _refuse(wrong: npt.NDArray[np.bool_], why: str) -> None:
    if wrong.any():
        raise BadScoresError(f"row {int(np.argmax(wrong)) + 1} ({int(wrong.sum())} such rows): {why}")
