"""Nothing is made of what looks like a picture of a face, nor, where a gate says so, of what nothing looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from core.contract.config import PresentationPolicy
from core.contract.events import StepTimes
from core.contract.vocabulary import Presentation, Reason, Verdict
from edge.checkpoint.decide import Decision, decide
from edge.checkpoint.face_gate import FaceGateWatcher
from edge.checkpoint.shooting import MAX_EMBEDDED
from edge.evidence import FaceEvidence, FaceMatch, Moment, Observation
from edge.passage import decided_passage
from models.errors import ModelRunError
from models.protocols import PixelBox, PresentationChecking
from models.types import Float, Image, ModelInputError
from tests.edge.checkpoint.test_decide import Lists
from tests.edge.checkpoint.test_face_gate import SURE, gate
from tests.edge.checkpoint.test_shooting import ScriptedPresence
from tests.edge.checkpoint.watching import (
    CountingEmbedder,
    ScriptedFaces,
    ScriptedGallery,
    ScriptedLists,
    faces,
    watch,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class BrokenPresence(ScriptedPresence):
    """A model whose device is gone."""

    def check(self, region: Image) -> float:
        self.shown.append(region.shape)
        raise ModelRunError("scripted gives no answer: device lost")


@dataclass
class NothingAroundAtFirst(ScriptedPresence):
    """Finds nothing to look at around the first three faces."""

    asked: int = 0

    def region(self, box: Float, width: int, height: int) -> PixelBox:
        self.asked += 1
        if self.asked <= 3:
            raise ModelInputError("box: its middle lies outside the picture")
        return super().region(box, width, height)


class AskingOnlyAfterwards(ScriptedGallery):
    """A gallery that notes how many shots had been checked when it was asked."""

    def __init__(self, presence: ScriptedPresence, matches: Sequence[FaceMatch | None]) -> None:
        super().__init__(tuple(matches))
        self.presence = presence
        self.checked: list[int] = []

    def identify(self, probes: Float, checkpoint: object, now: datetime) -> FaceMatch | None:
        self.checked.append(len(self.presence.shown))
        return super().identify(probes, checkpoint, now)  # type: ignore[arg-type]


def stand(
    presence: PresentationChecking | None,
    policy: PresentationPolicy = "if_available",
    *,
    gallery: ScriptedGallery | None = None,
    width_px: float = 90,
    looks: int = 20,
) -> tuple[Decision, FaceEvidence, CountingEmbedder]:
    """Somebody the lists let through stands in the zone, and leaves; what is decided, from what, and what was made."""
    checkpoint = gate().model_copy(update={"presentation": policy})
    embedder = CountingEmbedder()
    script = ScriptedFaces([faces((300, 180, width_px))] * looks)
    known = gallery or ScriptedGallery((SURE,) * MAX_EMBEDDED)
    watcher = FaceGateWatcher(checkpoint, script, embedder, known, ScriptedLists(), presence=presence)
    [(_, seen)] = watch(watcher, 60)
    assert isinstance(seen.seen, FaceEvidence)
    return decide(checkpoint, seen.seen, Lists(), NOW), seen.seen, embedder


def test_a_face_that_was_looked_at_first_is_let_through() -> None:
    presence = ScriptedPresence((0.9,) * 20)
    gallery = AskingOnlyAfterwards(presence, (SURE,))
    decision, seen, _ = stand(presence, "required", gallery=gallery)
    assert (decision.verdict, seen.presentation) == (Verdict.ADMIT, Presentation.BONA_FIDE)
    assert gallery.checked == [1, 2, 3], "never before the check, and not told before the third"


@pytest.mark.parametrize("policy", ["required", "if_available"])
def test_of_what_looks_like_a_picture_nothing_is_made_and_nobody_is_named(policy: PresentationPolicy) -> None:
    decision, seen, embedder = stand(ScriptedPresence((0.1,) * 20), policy)
    assert (decision.verdict, decision.reason) == (Verdict.USE_OTHER_METHOD, Reason.PRESENTATION_ATTACK)
    assert decision.subject is None
    assert seen.match is None
    assert embedder.crops == []


@pytest.mark.parametrize(
    "presence", [None, BrokenPresence(()), ScriptedPresence((), min_face_px=200)], ids=["absent", "broken", "too small"]
)
def test_where_nothing_could_look_a_strict_gate_makes_nothing_of_the_face(
    presence: PresentationChecking | None,
) -> None:
    decision, seen, embedder = stand(presence, "required")
    assert (decision.verdict, decision.reason) == (Verdict.USE_OTHER_METHOD, Reason.PRESENTATION_UNCHECKED)
    assert seen.presentation is Presentation.NOT_CHECKED
    assert embedder.crops == []


@pytest.mark.parametrize(
    "presence", [None, BrokenPresence(()), ScriptedPresence((), min_face_px=200)], ids=["absent", "broken", "too small"]
)
def test_where_nothing_could_look_another_gate_compares_and_says_that_nothing_looked(
    presence: PresentationChecking | None,
) -> None:
    decision, seen, _ = stand(presence)
    assert (decision.verdict, seen.presentation) == (Verdict.ADMIT, Presentation.NOT_CHECKED)


@pytest.mark.parametrize(
    ("presentation", "reason"),
    [(Presentation.ATTACK, Reason.PRESENTATION_ATTACK), (Presentation.NOT_CHECKED, Reason.LISTED)],
)
def test_a_passage_tells_the_word_and_of_an_attack_nothing_about_whom(
    presentation: Presentation, reason: Reason
) -> None:
    moment = Moment(1.0, NOW, 1.0)
    seen = FaceEvidence(SURE, 2, 0, presentation)
    observation = Observation(gate().id, gate().camera, seen, moment, moment, StepTimes())
    decision = decide(gate(), seen, Lists(), NOW)
    passage = decided_passage(gate(), observation, decision, opened=False, decision_ms=None)
    assert (passage.presentation, passage.reason) == (presentation, reason)
    if presentation is Presentation.ATTACK:
        assert (passage.subject, passage.template_id, passage.picture) == (None, None, None)


def test_own_face_first_and_a_picture_after_it_is_not_the_pictures_pass() -> None:
    decision, seen, embedder = stand(
        ScriptedPresence((0.6, *(0.1,) * 20)), gallery=ScriptedGallery((None, *(SURE,) * MAX_EMBEDDED))
    )
    assert decision.reason is Reason.PRESENTATION_ATTACK
    assert seen.presentation is Presentation.ATTACK
    assert len(embedder.crops) == 1


@pytest.mark.parametrize("policy", ["required", "if_available"])
def test_a_picture_that_is_lucky_at_its_first_shot_is_not_let_through(policy: PresentationPolicy) -> None:
    decision, seen, _ = stand(ScriptedPresence((0.6, *(0.05,) * 20)), policy)
    assert decision.verdict is Verdict.USE_OTHER_METHOD
    assert seen.presentation is Presentation.ATTACK


@dataclass
class SometimesBroken(ScriptedPresence):
    """Gives no answer the first ``failures`` times it is asked."""

    failures: int = 1

    def check(self, region: Image) -> float:
        if self.failures:
            self.failures -= 1
            raise ModelRunError("scripted gives no answer: busy")
        return super().check(region)


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_check_that_gives_no_answer_costs_a_resident_no_more_than_a_moment(failures: int) -> None:
    presence = SometimesBroken((0.9,) * 20, failures=failures)
    decision, seen, embedder = stand(presence, "required", looks=40)
    assert (decision.verdict, seen.presentation) == (Verdict.ADMIT, Presentation.BONA_FIDE)
    assert len(presence.shown) == len(embedder.crops) == 3


def test_a_check_that_hardly_ever_answers_lets_nobody_in_on_fewer_than_three() -> None:
    presence = SometimesBroken((0.9,) * 20, failures=4)
    decision, _, _ = stand(presence, "required", looks=40)
    assert (decision.verdict, decision.reason) == (Verdict.USE_OTHER_METHOD, Reason.PRESENTATION_UNCHECKED)
    assert len(presence.shown) == 2


@pytest.mark.parametrize("far", [1, 4, 20])
def test_who_comes_up_from_too_far_to_be_checked_is_checked_once_they_are_near(far: int) -> None:
    presence = ScriptedPresence((0.9,) * 20, min_face_px=80)
    checkpoint = gate().model_copy(update={"presentation": "required"})
    script = [*[faces((300, 180, 76))] * far, *[faces((300, 180, 84))] * 40]
    embedder, gallery = CountingEmbedder(), ScriptedGallery((SURE,))
    watcher = FaceGateWatcher(checkpoint, ScriptedFaces(script), embedder, gallery, ScriptedLists(), presence=presence)
    [(_, seen)] = watch(watcher, 80)
    assert seen.seen == FaceEvidence(SURE, seen.seen.good_shots, 0, Presentation.BONA_FIDE)  # type: ignore[union-attr]
    assert len(presence.shown) == len(embedder.crops) == 3


def test_a_face_at_the_pictures_edge_that_can_t_be_checked_keeps_no_place_from_one_that_can() -> None:
    presence = NothingAroundAtFirst((0.9,) * 20)
    decision, seen, _ = stand(presence, "required", looks=40)
    assert (decision.verdict, seen.presentation) == (Verdict.ADMIT, Presentation.BONA_FIDE)


@pytest.mark.parametrize("looks", [3, 4, 5])
def test_who_goes_before_three_shots_were_checked_is_not_let_through_by_a_strict_gate(looks: int) -> None:
    presence = ScriptedPresence((0.9,) * 20)
    decision, seen, _ = stand(presence, "required", looks=looks)
    assert 1 <= len(presence.shown) < 3
    assert (decision.verdict, decision.reason) == (Verdict.USE_OTHER_METHOD, Reason.PRESENTATION_UNCHECKED)
    assert seen.presentation is Presentation.NOT_CHECKED


def test_another_gate_lets_them_through_and_does_not_say_that_they_were_checked() -> None:
    decision, seen, _ = stand(ScriptedPresence((0.9,) * 20), looks=4)
    assert (decision.verdict, seen.presentation) == (Verdict.ADMIT, Presentation.NOT_CHECKED)
