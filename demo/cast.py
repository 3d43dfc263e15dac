"""Who lives in the demo estate, who only passes by, and what drives in: everything follows from one seed.

Faces come from `CIRCLES`: drawn people whom the face model tells apart. Strangers who are compared come from the same
circle, because a stranger picked at random may well look like somebody to a model.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from pydantic import Field

from core.contract.base import Instant, Message
from core.contract.ids import PassId, SubjectKey, VehicleKey
from core.contract.vocabulary import PlateColour


class Circle(NamedTuple):
    """Face seeds: six people to be enrolled, and at least three whom nobody takes for one of the six."""

    enrolled: tuple[int, ...]
    others: tuple[int, ...]

    @property
    def everybody(self) -> tuple[int, ...]:
        return self.enrolled + self.others


CIRCLES: tuple[Circle, ...] = (
    Circle((71, 225, 415, 429, 983, 1188), (304, 305, 379, 840, 850)),
    Circle((11, 96, 292, 1013, 1023, 1405), (225, 497, 563, 919, 1243)),
    Circle((195, 205, 220, 611, 902, 1060), (15, 286, 919, 1012, 1346)),
    Circle((44, 272, 609, 817, 867, 959), (11, 415, 416, 1354)),
    Circle((187, 195, 229, 252, 290, 840), (88, 919, 1223, 1326)),
    Circle((15, 139, 309, 1013, 1023, 1301), (545, 902, 959, 1073, 1188)),
)
"""Chosen for drawing version 1, SFace and the checkpoints of `configs/demo.yaml` by `tests.support.faces`, which draws
everybody in 20 moods at the gate and at the door (there with a phone), encodes the frames like a clip, and looks at
them and at the portraits with the edge's own code. Worst of those frames, over all circles: with one's own portrait
the cosine is 0.723, with the portrait of anybody else enrolled 0.362 (of those not enrolled too), and between the two
lie 0.398; the edge accepts from 0.427 on. The circles were picked by these numbers, so a clip's other frames may come a
little closer. ``others`` among themselves are not compared. 66 of the 77 people measured could be used.
"""

PLATES: dict[PlateColour, tuple[str, ...]] = {
    PlateColour.BLUE: (
        "鄂E5665R",
        "京H64B13",
        "鲁ET7673",
        "津KX8331",
        "湘LF3547",
        "浙H5R388",
        "鲁F7A718",
        "皖J56R23",
        "浙A72N69",
        "津F55P25",
        "京D536K5",
        "鄂C988G5",
    ),
    PlateColour.GREEN: (
        "浙EF73277",
        "豫KD65695",
        "皖LD37189",
        "湘FF52657",
        "鲁FD77586",
        "湘CD62325",
        "京HD31326",
        "津HD91786",
        "鲁LD34456",
        "京FF57772",
        "豫JF19352",
        "鄂HD33267",
    ),
    PlateColour.YELLOW: (
        "鄂H451X3",
        "京HT9548",
        "苏H573F5",
        "鄂HY2735",
        "京C55N56",
        "豫J1866R",
        "湘J4176H",
        "鄂N522Y7",
        "浙A567P5",
        "沪G5B127",
        "苏A92B75",
        "鲁B62G88",
    ),
}
"""Texts that clp-rec read exactly on three drawn, noisy, compressed cars each, with three crop margins."""

NAMES: tuple[tuple[str, str], ...] = (
    ("林小雨", "Lin Xiaoyu"),
    ("陈建国", "Chen Jianguo"),
    ("王思远", "Wang Siyuan"),
    ("赵敏", "Zhao Min"),
    ("周海涛", "Zhou Haitao"),
    ("吴桂芳", "Wu Guifang"),
    ("郑一鸣", "Zheng Yiming"),
    ("孙丽华", "Sun Lihua"),
    ("马晓东", "Ma Xiaodong"),
    ("胡佳宁", "Hu Jianing"),
    ("高文博", "Gao Wenbo"),
    ("何秀英", "He Xiuying"),
    ("罗天宇", "Luo Tianyu"),
    ("梁若曦", "Liang Ruoxi"),
    ("宋志强", "Song Zhiqiang"),
    ("唐雪梅", "Tang Xuemei"),
    ("许安然", "Xu Anran"),
    ("邓国平", "Deng Guoping"),
    ("冯子涵", "Feng Zihan"),
    ("曹玉兰", "Cao Yulan"),
)
RESIDENTS_WITH_CONSENT = 6
COMPARED_NOT_ENROLLED = 3
"""Whose faces the system compares with those of the enrolled: one resident without consent, two strangers."""
PASS_FROM = datetime(2025, 1, 1, tzinfo=UTC)
PASS_UNTIL = datetime(2045, 1, 1, tzinfo=UTC)
"""The window of every pass in the demo: fixed, so that the same seed gives the same clips on every day."""

_NAMESPACE = uuid.UUID("5a7c6a0e-0d3b-4c53-9f0c-7f0c2b1d4e11")


class PassPlan(Message):
    """A QR pass the demo's resident has: the system under demonstration signs it."""

    pass_id: PassId
    valid_from: Instant = PASS_FROM
    valid_until: Instant = PASS_UNTIL


class Resident(Message):
    """Somebody who lives here. ``consents``: to their face being used at gates and doors; without it, a card."""

    subject: SubjectKey
    name_zh: str
    name_en: str
    face: int
    consents: bool
    qr_pass: PassPlan | None = None


class Stranger(Message):
    """Somebody nobody has enrolled."""

    face: int


class Vehicle(Message):
    vehicle: VehicleKey
    plate: str
    colour: PlateColour
    paint: Annotated[int, Field(ge=0)]
    """Index into `demo.draw.vehicles.PAINTS`."""
    body: Annotated[str, Field(pattern="^(saloon|suv|van)$")]
    listed: bool


class Cast(Message):
    """Everybody and everything that appears in the demo of one seed; no face and no plate belongs to two.

    strangers: one who tries the gate, one who passes by and later shows somebody else's pass, one who follows, one who
    waits.
    """

    seed: int
    residents: tuple[Resident, ...]
    strangers: tuple[Stranger, ...]
    vehicles: tuple[Vehicle, ...]

    @property
    def consenting(self) -> tuple[Resident, ...]:
        """Those whose faces may be enrolled."""
        return tuple(resident for resident in self.residents if resident.consents)

    def resident(self, subject: SubjectKey) -> Resident:
        """The resident with that key. Raises KeyError."""
        return {resident.subject: resident for resident in self.residents}[subject]


def make_cast(seed: int) -> Cast:
    """Six residents who consented (with passes), one who did not, four strangers and six vehicles."""
    random_of = random.Random(f"cast {seed}")
    circle = random_of.choice(CIRCLES)
    faces = random_of.sample(circle.enrolled, RESIDENTS_WITH_CONSENT)
    faces += random_of.sample(circle.others, COMPARED_NOT_ENROLLED)
    # The last two are never compared with anybody (one waits without a pass, one walks in behind): from anywhere.
    everybody = {face for one in CIRCLES for face in one.everybody}
    faces += random_of.sample(sorted(everybody - set(circle.everybody)), 2)
    names = random_of.sample(NAMES, RESIDENTS_WITH_CONSENT + 1)
    residents = tuple(
        _resident(seed, number, name, face, consents=number < RESIDENTS_WITH_CONSENT)
        for number, (name, face) in enumerate(zip(names, faces, strict=False))
    )
    strangers = tuple(Stranger(face=face) for face in faces[len(residents) : len(residents) + 4])
    return Cast(seed=seed, residents=residents, strangers=strangers, vehicles=_vehicles(seed, random_of))


def _key(seed: int, what: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{seed}/{what}"))


def _resident(seed: int, number: int, name: tuple[str, str], face: int, *, consents: bool) -> Resident:
    qr_pass = PassPlan(pass_id=PassId(_key(seed, f"pass {number}"))) if consents else None
    subject = SubjectKey(_key(seed, f"resident {number}"))
    return Resident(subject=subject, name_zh=name[0], name_en=name[1], face=face, consents=consents, qr_pass=qr_pass)


def _vehicles(seed: int, random_of: random.Random) -> tuple[Vehicle, ...]:
    """Four listed ones with every colour among them, two that are not listed."""
    blue, green, yellow = PlateColour.BLUE, PlateColour.GREEN, PlateColour.YELLOW
    colours = [blue, green, yellow, random_of.choice((blue, green)), blue, random_of.choice((green, yellow))]
    taken: set[str] = set()
    vehicles = []
    for number, colour in enumerate(colours):
        plate = random_of.choice([text for text in PLATES[colour] if text not in taken])
        taken.add(plate)
        body = "van" if colour is yellow else random_of.choice(("saloon", "suv"))
        key = VehicleKey(_key(seed, f"vehicle {number}"))
        paint = random_of.randrange(8)
        vehicles.append(Vehicle(vehicle=key, plate=plate, colour=colour, paint=paint, body=body, listed=number < 4))
    return tuple(vehicles)
