"""A process that was taken over can name nobody: what it says is redeemed for what the edge itself found, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.config import Door, FaceGate
from core.contract.events import StepTimes
from core.contract.ids import CheckpointId, PassId, SubjectKey, new_id
from core.contract.signed import ClaimError, QrPass, sign_pass, verify_pass
from core.contract.vocabulary import Presentation
from edge.evidence import FaceEvidence, FaceMatch, Observation, PassEvidence
from edge.shards.answers import GOOD_FOR_S, Answers
from edge.shards.messages import (
    Compare,
    FaceSeen,
    Found,
    GarbageError,
    Identify,
    MayRun,
    Observed,
    PassSeen,
    PlateSeen,
    SaidMoment,
)
from edge.shards.observed import observation_of
from tests.edge.checkpoint.test_decide import ANNA, DOOR, GATE, TEMPLATE, Lists
from watchlists.faces.change import Likeness

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CORE = Ed25519PrivateKey.generate()
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
def answers(clock: Clock) -> Answers:
    return Answers(Known(), frozenset({GATE.id, DOOR.id}), 4, wall_clock=lambda: NOW, clock=clock)  # type: ignore[arg-type]


def identified(answers: Answers, checkpoint: CheckpointId = GATE.id) -> Found | None:
    question = Identify(number=1, checkpoint=checkpoint, rows=1, columns=4)
    return answers.answer(question, PROBE.tobytes()).found


def observed(
    answers: Answers, seen: FaceSeen | PassSeen | PlateSeen, at: FaceGate | Door, *, received_s: float = 100.0
) -> Observation:
    moment = SaidMoment(pts_s=1.0, received_at=NOW, received_s=received_s)
    said = Observed(checkpoint=at.id, seen=seen, first=moment, deciding=moment, times=StepTimes(), picture=None)
    return observation_of(said, b"", at, answers=answers, lists=Known(), picture=None, now_s=100.0)  # type: ignore[arg-type]


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


def test_nobody_is_looked_for_at_a_checkpoint_that_is_not_its_own_or_with_old_lists() -> None:
    elsewhere = Answers(Known(), frozenset(), 4, wall_clock=lambda: NOW)  # type: ignore[arg-type]
    assert identified(elsewhere) is None
    old = Answers(replace(Known(), fresh=False), frozenset({GATE.id}), 4, wall_clock=lambda: NOW)  # type: ignore[arg-type]
    assert identified(old) is None
    assert not old.answer(MayRun(number=1), b"").yes


def test_probes_of_another_embedder_are_refused(answers: Answers) -> None:
    question = Identify(number=1, checkpoint=GATE.id, rows=1, columns=5)
    with pytest.raises(GarbageError):
        answers.answer(question, bytes(20))


def test_a_pass_is_verified_again_and_a_likeness_belongs_to_its_holder(answers: Answers) -> None:
    qr = QrPass(PassId(new_id()), ANNA, NOW, NOW + timedelta(hours=1))
    text = sign_pass(qr, CORE)

    def compared(subject: SubjectKey) -> int:
        found = answers.answer(Compare(number=1, subject=subject, rows=1, columns=4), PROBE.tobytes()).found
        assert found is not None
        return found.answer

    def seen(text: str, answer: int) -> PassEvidence:
        told = PassSeen(text=text, answer=answer, good_shots=1, others_in_zone=0, presentation=Presentation.NOT_CHECKED)
        evidence = observed(answers, told, DOOR).seen
        assert isinstance(evidence, PassEvidence)
        return evidence

    own = seen(text, compared(ANNA))
    assert own.qr == qr
    assert own.likeness == Likeness(0.9, TEMPLATE)
    assert seen(text, compared(SubjectKey(new_id()))).likeness is None
    forged = seen(sign_pass(qr, Ed25519PrivateKey.generate()), compared(ANNA))
    assert (forged.qr, forged.likeness) == (None, None)


def test_what_can_not_have_been_seen_is_refused(answers: Answers) -> None:
    with pytest.raises(GarbageError, match="nothing of the kind plate"):
        observed(answers, PlateSeen(reading=None), GATE)
    for received_s in (0.0, 101.0):
        with pytest.raises(GarbageError, match="another time"):
            observed(answers, face(None), GATE, received_s=received_s)
