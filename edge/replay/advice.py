"""What an installer can do about the passes a replay missed: a sentence for each cause, the most frequent first. Pure.

Only what the figures support is said: a limit is to be moved as far as what was seen, and not where the models stop.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.trace import Noted, What
from edge.replay.why import Finding, Stop, Why

LEAST_FACE_PX = 40
"""Faces narrower than that are told apart badly, whatever the limit says (docs/models.md)."""
LEAST_PLATE_PX = 60

_PLAIN: dict[Noted | Stop, str] = {
    Stop.NEVER_ACTIVE: (
        "the stream's packets did not tell of movement: set the camera's encoder to variable bit rate, a keyframe "
        "every 2 seconds, and no 'smart' codec"
    ),
    Stop.NO_LOOK: "no picture was looked at: is the checkpoint's camera this one, and the truth's time right?",
    Stop.NOTHING_FOUND: (
        "nothing was found in the zone: look whether the zone lies where faces (or plates) are, not where feet are, "
        "and whether they are large enough"
    ),
    Stop.NOT_DECIDED: "gone before there was one good shot: a larger zone, or a camera aimed further up the way",
    Stop.OTHERWISE: "decided, with another answer: see what was told instead",
    Gate.POSE: "faces are turned away: hang the camera at face height, in the direction people walk in",
    Gate.DARK: "faces are too dark: light from the front, or the camera's backlight compensation (WDR)",
    Gate.BRIGHT: "faces are washed out: no lamp next to the lens, a shorter exposure",
    Gate.BLUR: "faces are blurred: a shorter exposure (1/100 s or less), more light, and check the focus",
    Gate.CROWD: "more than one person in the zone: make the zone smaller, for one person, and mark it on the floor",
    Gate.PRESENTATION: "taken for a picture or a screen: reflections and a low resolution do that; look at the frame",
    Gate.MARGIN: "alike to two people: enrol a second portrait of both",
    Gate.PLATE_GRAMMAR: "what was read is no plate: a sharper picture, or a camera nearer to the lane's axis",
    Gate.PLATE_CONFIDENCE: "the characters are not sure: a shorter exposure (1/500 s for a moving car), more light",
    Gate.PLATE_BLUR: "plates are blurred: a shorter exposure (1/500 s for a moving car), more light; check the focus",
    Gate.PLATE_COLOUR: "what was read can't be of the plate's colour: white balance, light on plates at night",
    Gate.PLATE_AGREEMENT: "reads of one plate did not agree: a sharper picture, or a zone it is seen in for longer",
    What.TOO_BRIEF: "in the zone for too short a time: a larger zone",
    What.LISTS_OLD: "the lists are too old to recognise anybody: connect the edge to its core",
    What.PASS_REFUSED: "the code shown is no pass of this estate, or not valid here and now",
    What.NOT_ENROLLED: "the pass's holder has no face enrolled: nothing may be compared",
    What.PLATE_CUT_OFF: "plates are cut off by the zone's edge: draw the zone larger than the plate's way",
    What.PLATE_SHAPELESS: "no four corners of a plate were found: a camera nearer to the lane's axis",
}


def advise(causes: Sequence[Why]) -> tuple[str, ...]:
    """One sentence for each cause among ``causes`` (the passes that were not caught), most passes first."""
    counts = Counter(one.stopped_by for one in causes)
    told = []
    for cause, passes in counts.most_common():
        findings = [found for one in causes for found in one.findings if found.what is cause]
        told.append(f"{passes} x {advice_for(cause, findings)}")
    return tuple(told)


def advice_for(cause: Noted | Stop, findings: Sequence[Finding]) -> str:
    """What to do about ``cause``, with the figures of its ``findings``."""
    if cause is Gate.SIZE:
        return _smaller("face", "min_face_px", LEAST_FACE_PX, findings)
    if cause is Gate.PLATE_SIZE:
        return _smaller("plate", "min_plate_px", LEAST_PLATE_PX, findings)
    if cause is Gate.THRESHOLD:
        return _unlike(findings)
    return _PLAIN.get(cause, str(cause))


def _smaller(thing: str, setting: str, least_px: int, findings: Sequence[Finding]) -> str:
    widths = [found.best for found in findings if found.best is not None]
    limits = [found.limit for found in findings if found.limit is not None]
    if not widths or not limits:
        return f"{thing}s too small: lower {setting}, or bring the camera nearer"
    widest = math.floor(min(widths))
    seen = f"{thing}s too small: {widest} px at their widest, {setting} is {limits[0]:g}"
    if widest >= least_px:
        return f"{seen}; lower {setting} to {widest}, or bring the camera nearer"
    return f"{seen}; below {least_px} px they can't be told apart: bring the camera nearer, or use its main stream"


def _unlike(findings: Sequence[Finding]) -> str:
    near = [found for found in findings if found.best is not None and found.limit is not None]
    if not near:
        return "like nobody enrolled: a better portrait, taken with the light of the gate"
    best = max(near, key=lambda found: (found.best or 0.0) - (found.limit or 0.0))
    return (
        f"like nobody enrolled, {best.best:.2f} at best where {best.limit:.2f} is asked for: a better or a second "
        "portrait; never lower the threshold for one person"
    )
