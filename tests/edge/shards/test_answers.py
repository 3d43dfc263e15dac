"""A process that was taken over can name nobody: what it says is redeemed for what the edge itself found, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import PlateReading, StepTimes
from core.contract.ids import CheckpointId, PassId, SubjectKey, new_id
from core.contract.signed import ClaimError, QrPass, sign_pass, verify_pass
from core.contract.vocabulary import PlateColour, Presentation
from edge.evidence import FaceEvidence, FaceMatch, Observation, PassEvidence, PlateEvidence
from edge.health import Counters
from edge.shards.answers import GOOD_FOR_S, Answers
from edge.shards.limits import LIMITS, Kind, Limits
from edge.shards.messages import (
    Compare,
    Enrolled,
    FaceSeen,
    Found,
    GarbageError,
    Identify,
    MayRun,
    Observed,
    PassSeen,
    PlateSeen,
    Revoked,
    SaidMoment,
    Standing,
)
from edge.shards.observed import observation_of
from tests.edge.checkpoint.test_decide import ANNA, DOOR, GATE, LANE, TEMPLATE, Lists
from watchlists.faces.change import Likeness

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=40)
CORE = Ed25519PrivateKey.generate()
OTHER_DOOR = CheckpointId("other-door")
KINDS = {GATE.id: "face_gate", DOOR.id: "door", OTHER_DOOR: "door", LANE.id: "plate_lane"}
PROBE = np.eye(1, 4, dtype=np.float32)
MATCH = FaceMatch(ANNA, 0.8, 0.5, 0.4, TEMPLATE)


@dataclass(frozen=True)
class Known(Lists):
    """Lists that find Anna, whoever is shown."""

    def identify(self, probes: object, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        return MATCH

    def compare(self, subject: SubjectKey, probes: object) -> Likeness | None:
        return Likeness(0.9, TEMPLATE)

    def enrolled(self, subject: SubjectKey) -> bool:
        return True

    @property
    def verify_threshold(self) -> float:
        return 0.4

    def verify(self, text: str) -> QrPass | None:
        try:
            return verify_pass(text, CORE.public_key())
        except ClaimError:
            return None


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def answers(clock: Clock, counters: Counters) -> Answers:
    return answering(Known(), (GATE.id, DOOR.id, OTHER_DOOR), clock, counters)


def answering(
    lists: Lists, checkpoints: tuple[CheckpointId, ...], clock: Clock, counters: Counters | None = None
) -> Answers:
    limits = Limits(checkpoints, 1, counters or Counters(), clock=clock)
    known = {one: KINDS[one] for one in checkpoints}
    return Answers(lists, known, 4, limits, wall_clock=lambda: NOW, clock=clock)  # type: ignore[arg-type]


def identified(answers: Answers, checkpoint: CheckpointId = GATE.id) -> Found | None:
    question = Identify(number=1, checkpoint=checkpoint, rows=1, columns=4)
    return answers.answer(question, PROBE.tobytes()).found


def compared(answers: Answers, subject: SubjectKey, checkpoint: CheckpointId = DOOR.id) -> Found | None:
    question = Compare(number=1, subject=subject, checkpoint=checkpoint, rows=1, columns=4)
    return answers.answer(question, PROBE.tobytes()).found


def given(answers: Answers, subject: SubjectKey, checkpoint: CheckpointId = DOOR.id) -> int:
    """Number of the answer."""
    found = compared(answers, subject, checkpoint)
    assert found is not None
    return found.answer


def observed(
    answers: Answers,
    seen: FaceSeen | PassSeen | PlateSeen,
    at: FaceGate | Door | PlateLane,
    *,
    received_s: float = 100.0,
) -> Observation:
    moment = SaidMoment(pts_s=1.0, received_at=NOW, received_s=received_s)
    said = Observed(checkpoint=at.id, seen=seen, first=moment, deciding=moment, times=StepTimes(), picture=None)
    return observation_of(said, b"", at, answers=answers, lists=Known(), picture=None, now=LATER, now_s=100.0)  # type: ignore[arg-type]


def face(answer: int | None) -> FaceSeen:
    return FaceSeen(answer=answer, good_shots=2, others_in_zone=0, presentation=Presentation.NOT_CHECKED)


def match_of(observation: Observation) -> FaceMatch | None:
    assert isinstance(observation.seen, FaceEvidence)
    return observation.seen.match


def test_an_answer_says_how_like_and_never_who(answers: Answers) -> None:
    found = identified(answers)
    assert found == Found(answer=1, score=0.8, margin=0.5, threshold=0.4)
    assert ANNA not in found.model_dump_json()
    assert TEMPLATE not in found.model_dump_json()


def test_an_answer_is_good_once_here_and_for_seconds(answers: Answers, clock: Clock) -> None:
    first, second, third = (identified(answers) for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    assert match_of(observed(answers, face(first.answer), GATE)) == MATCH
    assert match_of(observed(answers, face(first.answer), GATE)) is None
    assert answers.match(second.answer, DOOR.id) is None
    clock.now_s += GOOD_FOR_S + 1
    assert answers.match(third.answer, GATE.id) is None
    assert match_of(observed(answers, face(999), GATE)) is None
    assert match_of(observed(answers, face(None), GATE)) is None


def test_nobody_is_looked_for_at_a_checkpoint_that_is_not_its_own_or_with_old_lists(clock: Clock) -> None:
    elsewhere = answering(Known(), (), clock)
    assert identified(elsewhere) is None
    assert compared(elsewhere, ANNA, DOOR.id) is None
    old = answering(replace(Known(), fresh=False), (GATE.id,), clock)
    assert identified(old) is None
    assert not old.answer(MayRun(number=1), b"").yes


def test_each_question_is_one_of_a_kind_of_checkpoint(clock: Clock) -> None:
    answers = answering(Known(), (GATE.id, DOOR.id, LANE.id), clock)
    for checkpoint in (DOOR.id, LANE.id):
        with pytest.raises(GarbageError, match="only a face_gate"):
            identified(answers, checkpoint)
    for checkpoint in (GATE.id, LANE.id):
        with pytest.raises(GarbageError, match="only a door"):
            compared(answers, ANNA, checkpoint)
        with pytest.raises(GarbageError, match="only a door"):
            answers.answer(Standing(number=1, subject=ANNA, checkpoint=checkpoint), b"")
    without = answering(Known(), (GATE.id, LANE.id), clock)
    for question in (Enrolled(number=1, subject=ANNA), Revoked(number=1, pass_id=PassId(new_id()))):
        with pytest.raises(GarbageError, match="of doors"):
            without.answer(question, b"")


def test_what_time_it_was_is_not_for_the_process_to_say(answers: Answers) -> None:
    seen = observed(answers, face(None), GATE, received_s=97.5)
    assert seen.deciding.received_at == seen.first.received_at == LATER - timedelta(seconds=2.5)


def test_probes_of_another_embedder_are_refused(answers: Answers) -> None:
    question = Identify(number=1, checkpoint=GATE.id, rows=1, columns=5)
    with pytest.raises(GarbageError):
        answers.answer(question, bytes(20))


def test_a_pass_is_verified_again_and_a_likeness_belongs_to_its_holder(answers: Answers) -> None:
    qr = QrPass(PassId(new_id()), ANNA, NOW, NOW + timedelta(hours=1))
    text = sign_pass(qr, CORE)

    def seen(text: str, answer: int) -> PassEvidence:
        told = PassSeen(text=text, answer=answer, good_shots=1, others_in_zone=0, presentation=Presentation.NOT_CHECKED)
        evidence = observed(answers, told, DOOR).seen
        assert isinstance(evidence, PassEvidence)
        return evidence

    own = seen(text, given(answers, ANNA))
    assert own.qr == qr
    assert own.likeness == Likeness(0.9, TEMPLATE)
    assert seen(text, given(answers, SubjectKey(new_id()))).likeness is None
    assert seen(text, given(answers, ANNA, OTHER_DOOR)).likeness is None, "compared at another checkpoint"
    forged = seen(sign_pass(qr, Ed25519PrivateKey.generate()), given(answers, ANNA))
    assert (forged.qr, forged.likeness) == (None, None)


def test_faces_are_looked_for_no_faster_than_people_come_and_elsewhere_as_ever(
    answers: Answers, clock: Clock, counters: Counters
) -> None:
    at_once, a_second = LIMITS[Kind.SEARCH]
    asked = [identified(answers) for _ in range(1000)]
    assert sum(one is not None for one in asked) == at_once
    assert counters.snapshot()["shard_limits_met"] == 1000 - at_once
    assert compared(answers, ANNA) is not None
    clock.now_s += 2.0
    assert sum(identified(answers) is not None for _ in range(500)) == 2 * a_second


def test_what_can_not_have_been_seen_is_refused(answers: Answers) -> None:
    with pytest.raises(GarbageError, match="nothing of the kind plate"):
        observed(answers, PlateSeen(reading=None, gone=False, alike=False), GATE)
    for received_s in (0.0, 101.0):
        with pytest.raises(GarbageError, match="another time"):
            observed(answers, face(None), GATE, received_s=received_s)


@pytest.mark.parametrize(("gone", "alike"), [(True, False), (False, True)])
def test_a_vehicle_that_may_not_be_let_in_any_more_stays_one_on_its_way_to_the_edge(
    answers: Answers, gone: bool, alike: bool
) -> None:
    reading = PlateReading(text="浙AD12345", colour=PlateColour.GREEN, confidence=0.9, reads=3)
    seen = observed(answers, PlateSeen(reading=reading, gone=gone, alike=alike), LANE).seen
    assert seen == PlateEvidence(reading, gone=gone, alike=alike)
