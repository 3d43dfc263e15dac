"""Passes are counted for both sides alike, and nobody is let in by a wrong name unnoticed."""

from __future__ import annotations

import pytest

from benchmarks.passes import (
    STRANGERS_EACH,
    Caught,
    caught,
    learning,
    rows,
    scenes_of,
    wrongly_admitted,
    wrongly_told,
)
from benchmarks.pipelines import Outcome
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import STRANGER, Rate, Scene, staged, stranger_faces
from core.contract.ids import CheckpointId, SubjectKey, new_id
from core.contract.vocabulary import Credential, Reason, Verdict
from edge.replay.score import Told, score
from edge.replay.truth import Expected, TruePass

GATE = CheckpointId("north-gate")
ANNA, BO = SubjectKey(new_id()), SubjectKey(new_id())


def coming(name: str, from_s: float, who: SubjectKey | None) -> TruePass:
    expects = (
        Expected(verdict=Verdict.USE_OTHER_METHOD) if who is None else Expected(verdict=Verdict.ADMIT, subject=who)
    )
    kind = STRANGER if who is None else "walk"
    return TruePass(name=name, kind=kind, checkpoint=GATE, from_s=from_s, to_s=from_s + 4, expects=expects)


def told(at_s: float, who: SubjectKey | None, verdict: Verdict = Verdict.ADMIT) -> Told:
    reason = Reason.LISTED if who is not None else Reason.NO_MATCH
    return Told(at_s, GATE, Credential.FACE, verdict, reason, who)


PASSES = [coming("walk-1", 10, ANNA), coming("walk-2", 30, BO), coming("stranger-3", 50, None)]


def outcome(*found: Told) -> Outcome:
    return Outcome(score(PASSES, found), 1.0)


RIGHT = (told(12, ANNA), told(32, BO), told(52, None, Verdict.USE_OTHER_METHOD))


@pytest.mark.parametrize(
    ("found", "as_caught", "told_wrongly", "admitted"),
    [
        (RIGHT, 2, 0, 0),
        (RIGHT[:2], 2, 0, 0),  # of a stranger nothing need be told
        (RIGHT[:1], 1, 0, 0),
        ((*RIGHT[:2], told(52, ANNA)), 2, 0, 1),  # a stranger, let in as somebody who was here before
        ((told(12, BO), told(32, BO)), 1, 1, 1),  # one let in by the other's name
        ((told(12, None, Verdict.USE_OTHER_METHOD), told(32, BO)), 1, 1, 0),
        ((*RIGHT, told(13, ANNA)), 2, 1, 0),  # twice, but by her own name
        ((*RIGHT, told(70, ANNA)), 2, 1, 1),  # nobody was there
    ],
)
def test_who_is_caught_and_who_is_let_in_wrongly(
    found: tuple[Told, ...], as_caught: int, told_wrongly: int, admitted: int
) -> None:
    made = [outcome(*found)]
    assert (caught(made), wrongly_told(made), wrongly_admitted(made)) == (as_caught, told_wrongly, admitted)


def test_one_wrong_admission_and_the_goal_is_missed_whatever_was_caught() -> None:
    scene = Scene(Place.GATE, Kind.WALK)
    right, wrong = outcome(*RIGHT), outcome(*RIGHT[:2], told(52, ANNA))
    assert all(row.met for row in rows([Caught(scene, right, wrong)]))
    assert not any(row.met for row in rows([Caught(scene, wrong, wrong)]))


def test_how_much_no_wrong_admission_says_is_told() -> None:
    visited = Scene(Place.GATE, Kind.WALK, strangers=1)
    row = rows([Caught(visited, outcome(*RIGHT), outcome(*RIGHT))])[-1]
    assert "3 passes, 1 of them by 1 strangers" in row.what
    assert "below 100.0 % of such passes" in row.what
    nobody = Outcome(score(PASSES[:2], RIGHT[:2]), 1.0)
    assert "none of them by strangers" in rows([Caught(Scene(Place.GATE, Kind.WALK), nobody, nobody)])[-1].what


def test_strangers_come_to_casts_that_are_measured_for_nothing_else() -> None:
    alone = [one for one in scenes_of(3, 5, 1) if not one.passes]
    others = [one for one in scenes_of(3, 5, 1) if one.passes]
    assert len(others) == 60
    assert not {one.seed for one in alone} & {one.seed for one in others}
    _, truth = staged(alone[0])
    assert [one.kind for one in truth.passes] == [STRANGER] * STRANGERS_EACH
    assert len(frozenset().union(*map(stranger_faces, alone))) >= 12
    assert not any(one.strangers for one in scenes_of(3, 5, 0))


def test_nothing_is_learnt_from_the_film_that_is_measured() -> None:
    scenes = scenes_of(3, 5, 1)
    for scene in scenes:
        learnt = learning(scene)
        assert learnt.seed not in {one.seed for one in scenes}
        assert (learnt.place, learnt.rate) == (scene.place, scene.rate)
    assert {scene.rate for scene in scenes} == set(Rate)
    assert {one.kind for one in map(learning, scenes)} == {Kind.WALK, Kind.DUSK, Kind.BACKLIT, Kind.RAIN}
