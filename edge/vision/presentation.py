"""What the scores of single shots say of a whole pass: a face, a picture of one, or nothing (ISO/IEC 30107-1).

Pure. A shot is compared with anybody only if it looked like a face itself; the pass counts by the mean over all its
shots, so that one lucky shot of a picture makes it no face, and one unlucky shot of a face no picture. A shot that
nothing could look at leaves the pass not checked, however good the others were. So do fewer than ``LEAST_SHOTS``:
otherwise who holds up a picture would only have to go before the next ones are taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.contract.config import PresentationPolicy
from core.contract.vocabulary import Presentation

LEAST_SHOTS = 3


def looks_like_a_face(score: float, threshold: float) -> bool:
    """Whether one shot passes; a score that is no number does not."""
    return score >= threshold


def may_be_compared(score: float | None, threshold: float, policy: PresentationPolicy) -> bool:
    """Whether anything may be made of a shot; score: None where nothing could look at it."""
    return policy == "if_available" if score is None else looks_like_a_face(score, threshold)


def presentation_of(scores: Sequence[float], threshold: float, *, unchecked: int = 0) -> Presentation:
    """The word for a pass.

    scores: of every shot looked at, those refused included; unchecked: shots compared that nothing had looked at.
    """
    if not scores:
        return Presentation.NOT_CHECKED
    if not looks_like_a_face(sum(scores) / len(scores), threshold):
        return Presentation.ATTACK
    return Presentation.BONA_FIDE if unchecked == 0 and len(scores) >= LEAST_SHOTS else Presentation.NOT_CHECKED
