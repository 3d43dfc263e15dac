"""From a read to the barrier: it opens for the very plate that is listed, however likely another one was misread."""

from __future__ import annotations

import random
from datetime import timedelta

from core.contract.config import Name, PlateLane
from core.contract.events import PlateReading
from core.contract.ids import CameraId, VehicleKey, new_id
from core.contract.lists import PutVehicle
from core.contract.vocabulary import PlateColour, Reason, Ring, VehicleKind, Verdict
from edge.checkpoint.decide import decide
from edge.evidence import PlateEvidence
from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import GATE, NOON, Estate

LANE = PlateLane(
    id=GATE,
    name=Name(zh="东门车道", en="East lane"),
    camera=CameraId("cam"),
    ring=Ring.PERIMETER,
    zone=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),
)


def test_whatever_is_read_and_however_surely_only_a_listed_plate_opens(estate: Estate, mirror: ListMirror) -> None:
    draw = random.Random(7)

    def plate() -> str:
        return draw.choice("京赣藏皖") + "A" + "".join(draw.choices("0DQ8B", k=5))

    listed = {plate(): VehicleKey(new_id()) for _ in range(40)}
    for text, key in listed.items():
        put = PutVehicle(
            vehicle=key,
            kind=VehicleKind.RESIDENT,
            plate=text,
            checkpoints=(GATE,),
            valid_from=NOON - timedelta(days=1),
        )
        mirror.apply(estate.delta(put))
    reasons = set()
    for read in [*listed, *(plate() for _ in range(2_000))]:
        reading = PlateReading(text=read, colour=PlateColour.BLUE, confidence=0.9, reads=3)
        decision = decide(LANE, PlateEvidence(reading, tuple(draw.random() for _ in read)), mirror, NOON)
        reasons.add(decision.reason)
        assert (decision.verdict is Verdict.ADMIT) == (read in listed)
        assert decision.vehicle == listed.get(read)
    assert reasons == {Reason.LISTED, Reason.LOOKS_LIKE, Reason.UNLISTED}
