"""One picture of a camera with all that is configured for it, so that an installer sees what they have set up."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from core.contract.config import Door, EstateConfig, FaceGate, PlateLane
from core.contract.config_scenes import CountedZone, CountingLine, FireLane, OneWayLine, ScenePlace
from core.contract.config_shapes import Line, Name
from core.contract.ids import CameraId
from core.contract.vocabulary import BodyKind, Direction
from edge.scenes.drawing import Hue, Pattern, Pixel, Sheet
from models.resize import resize
from models.types import Image

Language = Literal["zh", "en"]
MAX_SIDE, MIN_SIDE = 1920, 1280
"""Of what is drawn: on a smaller picture the words would hide it."""

_WORDS: dict[str, dict[Language, str]] = {
    "face_gate": {"zh": "人脸通道", "en": "face gate"},
    "door": {"zh": "门", "en": "door"},
    "plate_lane": {"zh": "车道", "en": "plate lane"},
    "counting": {"zh": "计数线", "en": "counting line"},
    "one_way": {"zh": "单行线", "en": "one way"},
    "fire_lane": {"zh": "消防通道", "en": "fire lane"},
    "zone": {"zh": "计数区", "en": "zone"},
    "through": {"zh": "进门方向", "en": "going through"},
    "forward": {"zh": "正向:", "en": "forward:"},
    "backward": {"zh": "反向:", "en": "backward:"},
    "wrong": {"zh": "逆行", "en": "wrong way"},
    "at_least": {"zh": "最小", "en": "at least"},
    "face": {"zh": "人脸", "en": "face"},
    "plate": {"zh": "车牌", "en": "plate"},
    "body": {"zh": "目标高", "en": "body height"},
    "standing": {"zh": "停车超过", "en": "standing for"},
    "stays": {"zh": "长时停留", "en": "long stay"},
    "contact": {"zh": "门磁", "en": "contact"},
    "nothing": {"zh": "此摄像机没有配置任何区域", "en": "nothing is configured for this camera"},
    BodyKind.PERSON: {"zh": "人", "en": "people"},
    BodyKind.VEHICLE: {"zh": "机动车", "en": "vehicles"},
    BodyKind.TWO_WHEELER: {"zh": "两轮车", "en": "two-wheelers"},
    Direction.IN: {"zh": "进", "en": "in"},
    Direction.OUT: {"zh": "出", "en": "out"},
}


def setup_picture(image: Image, config: EstateConfig, camera: CameraId, language: Language) -> Image:
    """``image`` (BGR, of ``camera``) with checkpoints, lines, lanes and zones on it, enlarged or scaled down.

    Raises KeyError for a camera that is not configured.
    """
    name = config.camera(camera).name
    longest = max(image.shape[:2])
    ratio = min(max(longest, MIN_SIDE), MAX_SIDE) / longest
    sized = resize(image, round(image.shape[1] * ratio), round(image.shape[0] * ratio))
    # A little darker: what is drawn is what this picture is for.
    drawing = _Setup(Sheet((np.ascontiguousarray(sized) * 0.85).astype(np.uint8)), language, ratio)
    drawing.title(name, camera, image.shape[1], image.shape[0])
    checkpoints = [one for one in config.checkpoints if one.camera == camera]
    places = [place for place in config.scenes.places if place.camera == camera]
    for checkpoint in checkpoints:
        drawing.checkpoint(checkpoint)
    for place in sorted(places, key=lambda one: isinstance(one, CountingLine | OneWayLine)):
        drawing.place(place)
    if not checkpoints and not places:
        drawing.note(_WORDS["nothing"][language])
    drawing.sheet.lay_cards()
    return drawing.sheet.image


class _Setup:
    """Draws what is configured, in one language. ratio: pixels drawn per pixel of the camera's picture."""

    def __init__(self, sheet: Sheet, language: Language, ratio: float) -> None:
        self.sheet = sheet
        self._language = language
        self._ratio = ratio

    def title(self, name: Name, camera: CameraId, width: int, height: int) -> None:
        self.sheet.label((0, 0), [f"{self._said(name)}  {camera}  {width}×{height}"], Hue.SKY)

    def note(self, text: str) -> None:
        self.sheet.label((round(self.sheet.width * 0.3), self.sheet.height // 2), [text], Hue.SKY)

    def checkpoint(self, checkpoint: FaceGate | Door | PlateLane) -> None:
        self.sheet.area(checkpoint.zone, Hue.SKY, Pattern.SOLID)
        head = f"{self._word(checkpoint.kind)}  {self._said(checkpoint.name)}  {self._word(checkpoint.direction)}"
        px = checkpoint.min_plate_px if isinstance(checkpoint, PlateLane) else checkpoint.min_face_px
        what = self._word("plate" if isinstance(checkpoint, PlateLane) else "face")
        lines = [head, f"{what} {self._word('at_least')} {px} px"]
        if isinstance(checkpoint, Door):
            if checkpoint.contact is not None:
                lines.append(f"{self._word('contact')} {checkpoint.contact.sensor}")
            self._directed(checkpoint.threshold_line, Hue.ORANGE, self._word("through"), "")
        self._smallest(checkpoint, px)
        self.sheet.label(self._corner(checkpoint.zone), lines, Hue.SKY)

    def place(self, place: ScenePlace) -> None:
        match place:
            case CountingLine():
                self.sheet.line(place.line, Hue.ORANGE)
                forward, backward = self._said(place.forward), self._said(place.backward)
                words = f"{self._word('forward')} {forward}", f"{self._word('backward')} {backward}"
                self._directed(place.line, Hue.ORANGE, *words)
                self._card(self.sheet.pixel(place.line[1]), "counting", place, Hue.ORANGE, self._kinds(place.kinds))
            case OneWayLine():
                self.sheet.line(place.line, Hue.VERMILION, dashed=True)
                self._directed(place.line, Hue.VERMILION, "", self._word("wrong"))
                self._card(self.sheet.pixel(place.line[1]), "one_way", place, Hue.VERMILION, self._kinds(place.kinds))
            case FireLane():
                self.sheet.area(place.zone, Hue.VERMILION, Pattern.HATCHED)
                more = f"{self._word('standing')} {_duration(place.standing_s)}"
                self._card(self._corner(place.zone), "fire_lane", place, Hue.VERMILION, more)
            case CountedZone():
                self.sheet.area(place.zone, Hue.GREEN, Pattern.DASHED)
                more = f"{self._kinds(place.kinds)}  {self._word('stays')} ≥ {_duration(place.long_stay_s)}"
                self._card(self._corner(place.zone), "zone", place, Hue.GREEN, more)

    def _card(self, near: Pixel, kind: str, place: ScenePlace, hue: Hue, more: str) -> None:
        shift = round(self.sheet.unit * 6)
        height = round(place.min_height * self.sheet.height / self._ratio)
        smallest = f"{self._word('body')} {self._word('at_least')} {height} px"
        head = f"{self._word(kind)}  {self._said(place.name)}"
        self.sheet.label((near[0] + shift, near[1] + shift), [head, more, smallest], hue)
        self._body((near[0] - shift, near[1]), place.min_height, hue)

    def _directed(self, line: Line, hue: Hue, forward: str, backward: str) -> None:
        """The line with an arrow across its middle that points forward, and what the two sides are called."""
        sheet = self.sheet
        start, end = (sheet.pixel(point) for point in line)
        if hue is Hue.ORANGE and not backward:
            sheet.line(line, hue)
        length = max(1.0, math.hypot(end[0] - start[0], end[1] - start[1]))
        right = (-(end[1] - start[1]) / length, (end[0] - start[0]) / length)
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        reach = 30 * sheet.unit
        tail = (round(middle[0] - right[0] * reach * 0.8), round(middle[1] - right[1] * reach * 0.8))
        tip = (round(middle[0] + right[0] * reach), round(middle[1] + right[1] * reach))
        sheet.arrow(tail, tip, hue)
        if forward:
            sheet.label(self._beside(tip, right), [forward], hue)
        if backward:
            sheet.label(self._beside(tail, (-right[0], -right[1])), [backward], hue)

    def _beside(self, point: Pixel, towards: tuple[float, float]) -> Pixel:
        """Where a short card may lie at ``point`` without covering the arrow that ends there."""
        unit = self.sheet.unit
        across = 8 if towards[0] >= -0.3 else -70
        down = 4 if towards[1] >= 0 else -22
        return round(point[0] + across * unit), round(point[1] + down * unit)

    def _smallest(self, checkpoint: FaceGate | Door | PlateLane, px: int) -> None:
        """The smallest face or plate that counts, as large as it would be seen, in the middle of the zone."""
        wide = px * self._ratio
        high = wide * (0.32 if isinstance(checkpoint, PlateLane) else 1.25)
        x, y = self.sheet.pixel(_middle(checkpoint.zone))
        box = (round(x - wide / 2), round(y - high / 2), round(x + wide / 2), round(y + high / 2))
        self.sheet.outline(box, Hue.YELLOW)

    def _body(self, foot: Pixel, min_height: float, hue: Hue) -> None:
        """The smallest body that counts, standing at ``foot``."""
        high = min_height * self.sheet.height
        wide = high * 0.4
        x = max(round(wide / 2) + 2, foot[0] - round(wide / 2 + 6 * self.sheet.unit))
        self.sheet.outline((round(x - wide / 2), round(foot[1] - high), round(x + wide / 2), foot[1]), hue)

    def _corner(self, corners: tuple[tuple[float, float], ...]) -> Pixel:
        """A little inside the upper left of a polygon."""
        shift = round(self.sheet.unit * 4)
        x, y = self.sheet.pixel(min(corners, key=lambda corner: corner[0] + 2 * corner[1]))
        return x + shift, y + shift

    def _kinds(self, kinds: tuple[BodyKind, ...]) -> str:
        joint = "、" if self._language == "zh" else ", "
        return joint.join(self._word(kind) for kind in kinds)

    def _said(self, name: Name) -> str:
        return name.zh if self._language == "zh" else name.en

    def _word(self, key: str) -> str:
        return _WORDS[key][self._language]


def _middle(corners: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    return sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners)


def _duration(seconds: float) -> str:
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"
