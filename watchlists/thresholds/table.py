"""A table of thresholds over gallery sizes, and whether it still fits the gallery that is loaded.

A threshold fit for comparing two pictures lets strangers in when it is asked of a whole gallery: at 0.363, OpenCV's
recommendation for SFace in 1:1, 16 % of strangers match one of 200 people and 65 % one of 1,680.

How it stays safe where a table says nothing:

- Below its smallest size the threshold of that size holds (``floor``): fewer people never lower it further.
- Beyond its largest the straight line in log N goes on (``extrapolated``) and never falls.
- A calibration made on site may be lower than what comes with Anju only at the sizes it covers: up to 20 % more than
  the size it was made for. Beyond that the higher of the two counts, so an outgrown calibration never lets in more
  strangers than no calibration would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Basis = Literal["measured", "fitted", "interpolated", "floor", "extrapolated"]
STALE_ABOVE = 0.2
"""How much the gallery may differ from what a calibration was made for, as a share of that."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Threshold:
    """Cosine from which to accept, and what it rests on.

    basis: ``measured`` at this gallery size; ``fitted``: by a tail fitted to scores that reach this far;
    ``interpolated`` between two sizes; ``floor`` below the smallest one; ``extrapolated``: beyond the largest one, or
    beyond the scores that were there, to be replaced by a calibration on site.
    """

    cosine: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a calibration fits the gallery; text: what to do where it does not, else what it rests on."""

    state: Literal["ok", "stale"]
    text: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds of one model.

    identify: (templates searched, cosine) for the wanted FPIR, sizes ascending, cosines never falling; verify: cosine
    for 1:1; bases: what each row of ``identify`` rests on, none given: all measured.
    made_for: the gallery size of a calibration made on site, None for a table that comes with Anju; fallback: that
    table, where there is one for the model.
    """

    identify: tuple[tuple[int, float], ...]
    verify: float
    bases: tuple[Basis, ...] = ()
    made_for: int | None = None
    fallback: Calibration | None = None

    def identify_at(self, searched: int) -> Threshold:
        """Threshold for an open-set search among ``searched`` templates, linear in log N. Never above 1."""
        own = self._from_table(searched)
        if self.fallback is None or searched <= self.covers_up_to:
            return own
        built_in = self.fallback.identify_at(searched)
        return max(own, built_in, key=lambda threshold: threshold.cosine)

    @property
    def covers_up_to(self) -> int:
        """Largest gallery these thresholds fit: 20 % above what they were made for, or above the largest measured."""
        largest = self.made_for if self.made_for is not None else self.identify[-1][0]
        return math.floor(largest * (1 + STALE_ABOVE) + _ROUNDING)

    def standing(self, loaded: int) -> Standing:
        """How these thresholds stand with ``loaded`` templates in the gallery. Stale ones stay in use, see above."""
        if self.made_for is None:
            if loaded <= self.covers_up_to:
                return Standing("ok", f"face thresholds that come with Anju, for up to {self.covers_up_to} templates")
            return Standing(
                "stale",
                f"the face thresholds that come with Anju were measured with {self.identify[-1][0]} templates, {loaded}"
                f" are loaded: {_advice(loaded)}",
            )
        # In whole templates: 1200 of 1000 must not be stale because 0.2 has no exact binary form.
        if abs(loaded - self.made_for) <= self.made_for * STALE_ABOVE + _ROUNDING:
            return Standing("ok", f"face thresholds were calibrated for {self.made_for} templates, {loaded} are loaded")
        return Standing(
            "stale",
            f"face thresholds were calibrated for {self.made_for} templates, {loaded} are loaded "
            f"({loaded / self.made_for - 1:+.0%}): {_advice(loaded)}",
        )

    def _from_table(self, searched: int) -> Threshold:
        sizes = [size for size, _ in self.identify]
        if searched in sizes:
            at = sizes.index(searched)
            return Threshold(self.identify[at][1], self.bases[at] if self.bases else "measured")
        if searched < sizes[0] or len(sizes) == 1:
            return Threshold(self.identify[0][1], "floor" if searched < sizes[0] else "extrapolated")
        above = next((at for at, size in enumerate(sizes) if size > searched), len(sizes) - 1)
        (small, low), (large, high) = self.identify[above - 1], self.identify[above]
        share = math.log(searched / small) / math.log(large / small)
        cosine = min(1.0, low + share * (high - low))
        return Threshold(cosine, "extrapolated" if searched > sizes[-1] else "interpolated")


def _advice(loaded: int) -> str:
    size = max(loaded, 1)
    return f"run 'anju watchlists calibrate --gallery {size}' and name its file in edges[].calibration_file"
