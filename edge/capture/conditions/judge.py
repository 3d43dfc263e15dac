"""What a camera's pictures say of it: frozen, dark, blocked, out of focus, moved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from core.contract.vocabulary import CameraCondition
from edge.capture.conditions.background import Background, Comparison, compare, learn
from edge.capture.conditions.edges import Edges, edges_of
from edge.capture.conditions.finding import NOTHING, Finding, Grade
from edge.capture.conditions.stillness import Stillness, watch_stillness
from edge.capture.conditions.turned import ROLLS_DEG, Turned, turned
from edge.capture.conditions.usual import Spells, spell
from edge.capture.glance import Glance

Findings = dict[CameraCondition, Finding | None]

PICTURE_CONDITIONS = (
    CameraCondition.FROZEN,
    CameraCondition.DARK,
    CameraCondition.BLOCKED,
    CameraCondition.UNFOCUSED,
    CameraCondition.MOVED,
)
STILL_WITHOUT_NOISE_S = 3600.0
"""After so long even a camera whose pictures have no noise is asked about."""
ELSEWHERE_S = 300.0
"""A lorry may stand right before a camera for some minutes: then, too, nothing of the place is to be seen."""
_DARK_LUMA = 38.0
"""The brightest 2 % of a picture in which nothing can be made out; black is 16."""
_EMPTY_EDGES = 0.01
_BLOCKED_SEEN, _BLOCKED_EDGES = 0.4, 0.45
_ELSEWHERE_SEEN = 0.15
_WHOLE_SEEN = 0.8
_FOCUS_SEEN = 0.5
_JUDGED = 0.3
_ANCHORED = 0.25
_UNFOCUSED, _UNFOCUSED_BLIND = 0.5, 0.35
_FAR = 0.1

_DARK = Finding(Grade.BLIND, "nothing but darkness: switch the lamp or the camera's infrared on, uncover the lens")
_FROZEN = Finding(Grade.BLIND, "the same picture again and again: restart the camera; what it shows is old")
_BLOCKED = Finding(Grade.BLIND, "something covers the lens or the view: go there, uncover or clean it")
_ELSEWHERE = Finding(
    Grade.BLIND,
    "nothing of the usual view is to be seen: the camera was turned away or something large stands before it",
    ELSEWHERE_S,
)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is known of one camera's view. ``roll``: which of ``ROLLS_DEG`` is tried next, or fitted last."""

    background: Background | None = None
    stillness: Stillness = field(default_factory=Stillness)
    dark: Spells = field(default_factory=Spells)
    still: Spells = field(default_factory=Spells)
    at_s: float | None = None
    roll: int = 0


def judge(view: View, glance: Glance) -> tuple[View, Findings]:
    """The next ``view`` and what ``glance`` shows. Costs about a millisecond; three while the background is missing."""
    stillness = watch_stillness(view.stillness, glance.luma, glance.at_s)
    still = spell(view.still, stillness.still, glance.at_s)
    edges = edges_of(glance.luma)
    dark = float(np.percentile(edges.light, 98)) < _DARK_LUMA
    dark_spells = spell(view.dark, dark, glance.at_s)
    findings: Findings = dict.fromkeys(PICTURE_CONDITIONS)
    findings[CameraCondition.FROZEN] = _frozen(stillness, still)
    findings[CameraCondition.DARK] = replace(_DARK, after_s=dark_spells.usual_now_s) if dark else NOTHING
    passed_s = 0.0 if view.at_s is None else max(0.0, glance.at_s - view.at_s)
    view = replace(view, stillness=stillness, still=still, dark=dark_spells, at_s=glance.at_s)
    if dark or stillness.frozen:
        return view, findings
    view = _judge_view(view, edges, glance, findings, passed_s)
    return view, findings


def _frozen(stillness: Stillness, still: Spells) -> Finding:
    if stillness.frozen:
        return _FROZEN
    return replace(_FROZEN, after_s=max(STILL_WITHOUT_NOISE_S, still.usual_s)) if stillness.still else NOTHING


def _judge_view(view: View, edges: Edges, glance: Glance, findings: Findings, passed_s: float) -> View:
    """Fill in what the background tells, and learn it where that is safe."""
    empty = float(edges.strength.mean()) < _EMPTY_EDGES
    background = view.background
    compared = None if background is None or not background.known else compare(background, edges)
    if background is None or compared is None:
        findings[CameraCondition.BLOCKED] = _BLOCKED if empty else NOTHING
        return view if empty else replace(view, background=learn(background, edges, None, passed_s))
    if compared.judged < _JUDGED and not empty:
        return view
    if empty or (compared.seen < _BLOCKED_SEEN and compared.edges < _BLOCKED_EDGES):
        findings[CameraCondition.BLOCKED] = _BLOCKED
        return view
    findings[CameraCondition.BLOCKED] = NOTHING
    view, moved = _moved(view, background, compared, edges, glance)
    findings[CameraCondition.MOVED] = moved
    unfocused = _unfocused(background, compared) if moved is NOTHING else None
    findings[CameraCondition.UNFOCUSED] = unfocused
    if moved is not NOTHING or compared.seen < _ANCHORED or unfocused not in (NOTHING, None):
        return view
    sharpness = compared.sharpness if compared.seen >= _FOCUS_SEEN else None
    return replace(view, background=learn(background, edges, sharpness, passed_s))


def _moved(
    view: View, background: Background, compared: Comparison, edges: Edges, glance: Glance
) -> tuple[View, Finding]:
    if compared.seen >= _WHOLE_SEEN:
        return replace(view, roll=0), NOTHING
    where = turned(background, glance.luma, edges, ROLLS_DEG[view.roll])
    if where is not None:
        return view, Finding(Grade.BLIND if where.distance >= _FAR else Grade.THERE, _moved_text(where))
    view = replace(view, roll=(view.roll + 1) % len(ROLLS_DEG))
    return view, _ELSEWHERE if compared.seen < _ELSEWHERE_SEEN else NOTHING


def _moved_text(where: Turned) -> str:
    ways = (
        (abs(where.right) >= 0.01, f"{abs(where.right):.0%} farther to the {'right' if where.right > 0 else 'left'}"),
        (abs(where.down) >= 0.01, f"{abs(where.down):.0%} farther {'down' if where.down > 0 else 'up'}"),
        (where.roll_deg != 0, f"about {abs(where.roll_deg):.0f} degrees askew"),
    )
    how = ", ".join(way for applies, way in ways if applies)
    return f"the camera looks {how}: turn it back or draw its zones anew"


def _unfocused(background: Background, compared: Comparison) -> Finding | None:
    if compared.seen < _FOCUS_SEEN or compared.sharpness is None or background.sharpness is None:
        return None
    share = compared.sharpness / max(background.sharpness, 1e-6)
    if share >= _UNFOCUSED:
        return NOTHING
    detail = f"the picture is {share:.0%} as sharp as it was: clean the lens, focus it, look for dew or a spider's web"
    return Finding(Grade.BLIND if share < _UNFOCUSED_BLIND else Grade.THERE, detail)
