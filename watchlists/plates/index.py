"""Is this plate on a list? Exactly, in one dictionary look-up; or only alike, which is a question for a guard.

No plate is held as text: the index knows keyed digests of the plate and of its OCR-folded form. Which of the listed
plates that look alike a read resembles most is found by hashing what may have been misread, likeliest first.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from core.contract.ids import VehicleKey
from core.contract.plate_digest import PlateDigest, PlateHasher
from core.contract.plates import MAX_TEXT, normalise
from watchlists.plates.misreads import likeliest_misreads
from watchlists.plates.parted import PartedMap

MAX_MISREADS = 64
"""Misreads hashed for one answer: a plate with two misread characters is nearly always among them."""
MAX_CANDIDATES = 8
"""Vehicles shown to a guard as alike; nobody compares more by eye."""
LEAST_ODDS = 1e-5
"""Less likely is out of the question: two characters misread of which the reader was as sure as of right ones.

Of 1,600 drawn plates, 45 to 80 pixels wide, blurred and noisy, the reader we ship took 66 for plates that look alike:
one character of 64 and two of 2. Its confidence in these was 0.76 (median), at most 0.98, in right ones 0.999; the odds
of what was on the plate were 0.006 at least.
"""


@dataclass(frozen=True, slots=True)
class ExactPlate:
    """The very plate is listed: these vehicles bear it (more than one only while a registration is being replaced)."""

    vehicles: tuple[VehicleKey, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vehicle whose plate may have been misread.

    differs_at: positions of the characters that would have been, in the normalised text; None when there are more of
    them than was looked for. odds: how likely that is beside the plate's having been read right, 0..1; an upper bound
    where ``differs_at`` is None.
    """

    vehicle: VehicleKey
    differs_at: tuple[int, ...] | None
    odds: float


@dataclass(frozen=True, slots=True)
class LooksLike:
    """Not listed, but a reader could have misread one of these. For a guard's eyes; it never opens anything.

    candidates: likeliest first, 1 to `MAX_CANDIDATES`.
    """

    candidates: tuple[Candidate, ...]

    @property
    def vehicles(self) -> tuple[VehicleKey, ...]:
        return tuple(candidate.vehicle for candidate in self.candidates)


@dataclass(frozen=True, slots=True)
class _State:
    digests: PartedMap[VehicleKey, PlateDigest]
    exact: PartedMap[bytes, ExactPlate]
    folded: PartedMap[bytes, tuple[VehicleKey, ...]]


class PlateIndex:
    """Listed plates of one site. Thread-safe.

    Readers never wait for writers: each answer comes from one whole state, a change ends by putting the next in its
    place. A change costs what it changes, however many plates are listed.
    """

    def __init__(self, hasher: PlateHasher) -> None:
        """hasher: made the digests that will be put, and makes those of what is looked up."""
        self._hasher = hasher
        self._writer = threading.Lock()
        self._state = _State(PartedMap(), PartedMap(), PartedMap())

    def __len__(self) -> int:
        return len(self._state.digests)

    def update(self, remove: Collection[VehicleKey] = (), put: Mapping[VehicleKey, PlateDigest] | None = None) -> None:
        """Remove vehicles, then put others, as one change. A vehicle has one plate: putting it again replaces it."""
        with self._writer:
            draft = _StateDraft(self._state)
            for vehicle in remove:
                draft.remove(vehicle)
            for vehicle, digest in (put or {}).items():
                draft.put(vehicle, digest)
            self._state = draft.done()

    def find(self, plate: str, confidences: Sequence[float] | None = None) -> ExactPlate | LooksLike | None:
        """Whose plate it is, else whose it resembles, else None. Two types, so that nobody takes one for the other.

        plate: as anybody may write it; too long for a plate is nobody's. confidences: the reader's, 0..1, of no use
        unless there is one for each character of the normalised plate; with them, vehicles that are too unlikely
        (`LEAST_ODDS`) are left out.
        """
        if len(plate) > MAX_TEXT:
            return None
        text, state = normalise(plate), self._state
        if listed := state.exact.get(self._hasher.exact(text)):
            return listed
        alike = state.folded.get(self._hasher.folded(text))
        if alike is None:
            return None
        usable = confidences if confidences and len(confidences) == len(text) else None
        return self._rank(state, alike, text, usable)

    def _rank(
        self, state: _State, alike: Sequence[VehicleKey], text: str, confidences: Sequence[float] | None
    ) -> LooksLike | None:
        """``alike``, all that fold to what ``text`` folds to, with the likeliest first."""
        least_odds = 0.0 if confidences is None else LEAST_ODDS
        candidates: list[Candidate] = []
        odds = 1.0
        for tried, misread in enumerate(likeliest_misreads(text, confidences)):
            odds = misread.odds
            if tried == MAX_MISREADS or odds < least_odds or len(candidates) >= min(len(alike), MAX_CANDIDATES):
                break
            if found := state.exact.get(self._hasher.exact(misread.text)):
                differs_at = tuple(at for at, one in enumerate(text) if one != misread.text[at])
                candidates += [Candidate(vehicle, differs_at, odds) for vehicle in found.vehicles]
        if odds >= least_odds:
            told = {candidate.vehicle for candidate in candidates}
            candidates += [Candidate(vehicle, None, odds) for vehicle in alike if vehicle not in told]
        return LooksLike(tuple(candidates[:MAX_CANDIDATES])) if candidates else None


class _StateDraft:
    """The next state while it is being made."""

    def __init__(self, state: _State) -> None:
        self._digests = state.digests.draft()
        self._exact = state.exact.draft()
        self._folded = state.folded.draft()

    def put(self, vehicle: VehicleKey, digest: PlateDigest) -> None:
        self.remove(vehicle)
        self._digests.put(vehicle, digest)
        bearers = self._exact.get(digest.exact)
        self._exact.put(digest.exact, ExactPlate((*(bearers.vehicles if bearers else ()), vehicle)))
        self._folded.put(digest.folded, (*(self._folded.get(digest.folded) or ()), vehicle))

    def remove(self, vehicle: VehicleKey) -> None:
        digest = self._digests.get(vehicle)
        if digest is None:
            return
        self._digests.remove(vehicle)
        bearers = self._exact.get(digest.exact)
        rest = _without(bearers.vehicles if bearers else (), vehicle)
        if rest:
            self._exact.put(digest.exact, ExactPlate(rest))
        else:
            self._exact.remove(digest.exact)
        alike = _without(self._folded.get(digest.folded) or (), vehicle)
        if alike:
            self._folded.put(digest.folded, alike)
        else:
            self._folded.remove(digest.folded)

    def done(self) -> _State:
        return _State(self._digests.done(), self._exact.done(), self._folded.done())


def _without(vehicles: tuple[VehicleKey, ...], gone: VehicleKey) -> tuple[VehicleKey, ...]:
    return tuple(vehicle for vehicle in vehicles if vehicle != gone)
