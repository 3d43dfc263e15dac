"""The table of states is the one that was designed, and nobody can get stuck in it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.people.consent.machine import (
    BY_ITSELF,
    ENDED,
    LOCKED,
    MEANING,
    OVER,
    STANDING,
    TRANSITIONS,
    ConsentEvent,
    ConsentState,
    IllegalTransitionError,
    Templates,
    next_state,
    possible,
)

DESIGNED = """
none -notice_shown-> noticed
noticed -grant-> active
noticed -decline-> declined
noticed -expire_offer-> none
declined -subject_reopens-> noticed
active -withdraw-> withdrawn
active -subject_left-> withdrawn
active -expire-> expired
active -purpose_change-> superseded
active -turn14-> reconsent_due
active -suspend-> suspended
reconsent_due -grant-> active
reconsent_due -withdraw-> withdrawn
reconsent_due -deadline-> expired
suspended -resume-> active
suspended -withdraw-> withdrawn
suspended -deadline-> expired
superseded -purge-> purged
withdrawn -purge-> purged
expired -purge-> purged
purged -notice_shown-> noticed
"""
PAIRS = list(itertools.product(ConsentState, ConsentEvent))


def reachable(start: ConsentState) -> set[ConsentState]:
    found, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        for event in possible(state):
            after = next_state(state, event)
            if after not in found:
                found.add(after)
                waiting.append(after)
    return found


def test_the_table_is_the_designed_one() -> None:
    written = {f"{before.value} -{event.value}-> {after.value}" for (before, event), after in TRANSITIONS.items()}
    assert written == set(DESIGNED.strip().splitlines())
    assert (len(ConsentState), len(TRANSITIONS)) == (10, 21)


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=[f"{state}-{event}" for state, event in PAIRS])
def test_every_other_step_is_refused_and_says_what_is_possible(state: ConsentState, event: ConsentEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
        return
    with pytest.raises(IllegalTransitionError) as refused:
        next_state(state, event)
    assert (refused.value.state, refused.value.event) == (state, event)
    said = str(refused.value)
    for word in (state.value, event.value, *(one.value for one in possible(state) if one not in BY_ITSELF)):
        assert word in said
    offered = said.partition("possible now: ")[2].split(", ")
    assert not BY_ITSELF.intersection(offered), "what nobody can ask for is not offered"


def test_every_state_is_reached_and_from_every_state_all_can_end_without_a_template() -> None:
    assert reachable(ConsentState.NONE) == set(ConsentState)
    for state in ConsentState:
        assert ConsentState.NONE in reachable(state) or ConsentState.PURGED in reachable(state)


def test_only_an_active_consent_is_searchable_and_only_a_waiting_one_locked() -> None:
    assert {state for state in ConsentState if MEANING[state] is Templates.SEARCHABLE} == {ConsentState.ACTIVE}
    assert {state for state in ConsentState if MEANING[state] is Templates.LOCKED} == LOCKED
    assert {ConsentState.SUSPENDED, ConsentState.RECONSENT_DUE} == LOCKED
    assert STANDING | OVER | {ConsentState.NONE, ConsentState.NOTICED, ConsentState.DECLINED} == set(ConsentState)
    assert {after for (before, _), after in TRANSITIONS.items() if before in ENDED} == {ConsentState.PURGED}


@given(st.lists(st.sampled_from(ConsentEvent), max_size=60))
def test_whatever_happens_nothing_is_searchable_without_a_grant_after_the_last_end(events: list[ConsentEvent]) -> None:
    state, granted = ConsentState.NONE, False
    for event in events:
        try:
            state = next_state(state, event)
        except IllegalTransitionError:
            continue
        granted = (granted or event is ConsentEvent.GRANT) and state not in OVER
        if MEANING[state] is not Templates.ERASED:
            assert granted
