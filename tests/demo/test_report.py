"""The demo's own judgement: it must notice what went wrong, or its green line means nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.contract.vocabulary import Credential, Reason, Verdict
from demo.cast import make_cast
from demo.observed import Observed, SeenAlert, SeenPassage
from demo.report import KindCount, Report, judge, latencies
from demo.script import Act, ActKind, ExpectedPassage, make_script
from demo.truth import Occurrence

CAST = make_cast(1)
SCRIPT = make_script(CAST, 1)
T0 = 1_000.0


def act(kind: ActKind) -> Act:
    return next(one for one in SCRIPT.acts if one.kind is kind)


def shown(kind: ActKind, at: float = T0, *, complete: bool = True) -> Occurrence:
    return Occurrence(act(kind), "s", 0, at, at + 2, at + 5, complete)


def passage_as(wanted: ExpectedPassage, number: int, at: float) -> SeenPassage:
    return SeenPassage(
        id=f"p{number}",
        checkpoint=wanted.checkpoint,
        at=at,
        credential=wanted.credential,
        verdict=wanted.verdict or Verdict.USE_OTHER_METHOD,
        reason=wanted.reason,
        subject=wanted.subject,
        plate=wanted.plate,
        times={"decision": 80.0},
    )


def as_scripted(*occurrences: Occurrence) -> Observed:
    """What a faultless system commits."""
    passages: list[SeenPassage] = []
    alerts: list[SeenAlert] = []
    for one in occurrences:
        for wanted in one.act.expects.passages:
            passages.append(passage_as(wanted, len(passages), one.decisive_at))
        if one.act.expects.alert is not None:
            alerts.append(SeenAlert(f"a{len(alerts)}", one.act.expects.alert, passages[-1].id, one.decisive_at))
    return Observed(tuple(passages), tuple(alerts), lost=0, doubled=0)


def report_of(observed: Observed, *occurrences: Occurrence) -> Report:
    kinds, findings = judge(occurrences, observed)
    return Report(
        seed=1,
        seconds=60,
        chaos=False,
        kinds=kinds,
        findings=findings,
        lost=observed.lost,
        doubled=observed.doubled,
        latency_ms=latencies(observed, {}),
    )


def every_kind() -> tuple[Occurrence, ...]:
    return tuple(shown(kind, T0 + 20 * number) for number, kind in enumerate(ActKind))


def test_a_faultless_system_gets_full_marks() -> None:
    occurrences = every_kind()
    report = report_of(as_scripted(*occurrences), *occurrences)
    assert report.right
    assert report.findings == []
    assert all(count == KindCount(expected=1, caught=1, wrong=0) for count in report.kinds.values())


@pytest.mark.parametrize("kind", [kind for kind in ActKind if act(kind).expects.passages])
def test_a_missed_passage_is_noticed(kind: ActKind) -> None:
    occurrence = shown(kind)
    faultless = as_scripted(occurrence)
    report = report_of(replace(faultless, passages=faultless.passages[1:], alerts=()), occurrence)
    assert report.kinds[kind.value].caught == 0
    assert not report.right
    assert any(kind.value in finding and "missed" in finding for finding in report.findings)


@pytest.mark.parametrize("kind", [ActKind.PLATE_UNLISTED, ActKind.FOLLOWED])
def test_a_missing_alert_is_noticed(kind: ActKind) -> None:
    occurrence = shown(kind)
    report = report_of(replace(as_scripted(occurrence), alerts=()), occurrence)
    assert report.kinds[kind.value] == KindCount(expected=1, caught=0, wrong=0)


def test_the_wrong_person_counts_as_missed_and_wrong() -> None:
    occurrence = shown(ActKind.FACE_ADMITTED)
    faultless = as_scripted(occurrence)
    other = replace(faultless.passages[0], subject="somebody else")
    report = report_of(replace(faultless, passages=(other,)), occurrence)
    assert report.kinds["face_admitted"] == KindCount(expected=1, caught=0, wrong=1)


def test_a_passage_where_nothing_may_happen_is_wrong() -> None:
    calm = shown(ActKind.DOOR_WAITING)
    intruder = passage_as(act(ActKind.FOLLOWED).expects.passages[-1], 7, calm.decisive_at)
    report = report_of(Observed((intruder,), (), 0, 0), calm)
    assert report.kinds["door_waiting"] == KindCount(expected=1, caught=0, wrong=1)


def test_a_passage_at_no_time_of_any_act_is_wrong() -> None:
    occurrence = shown(ActKind.FACE_ADMITTED)
    faultless = as_scripted(occurrence)
    ghost = replace(faultless.passages[0], id="ghost", at=T0 + 600)
    report = report_of(replace(faultless, passages=(*faultless.passages, ghost)), occurrence)
    assert report.kinds["outside_any_act"].wrong == 1
    assert not report.right


def test_the_same_passage_reported_twice_is_wrong() -> None:
    occurrence = shown(ActKind.PLATE_ADMITTED)
    faultless = as_scripted(occurrence)
    again = replace(faultless.passages[0], id="again")
    report = report_of(replace(faultless, passages=(*faultless.passages, again)), occurrence)
    assert report.kinds["plate_admitted"] == KindCount(expected=1, caught=1, wrong=1)


def test_an_act_that_was_cut_off_may_end_in_a_shrug_but_opens_no_gate() -> None:
    cut = shown(ActKind.FACE_UNKNOWN, complete=False)
    shrug = replace(as_scripted(cut).passages[0], reason=Reason.LOW_QUALITY)
    assert report_of(Observed((shrug,), (), 0, 0), cut).kinds["face_unknown"].wrong == 0
    opened = replace(shrug, verdict=Verdict.ADMIT, reason=Reason.LISTED, credential=Credential.FACE)
    assert report_of(Observed((opened,), (), 0, 0), cut).kinds["face_unknown"].wrong == 1


@pytest.mark.parametrize("fault", [{"lost": 1}, {"doubled": 1}])
def test_a_lost_or_doubled_event_spoils_everything(fault: dict[str, int]) -> None:
    occurrence = shown(ActKind.FACE_ADMITTED)
    assert not report_of(replace(as_scripted(occurrence), **fault), occurrence).right  # type: ignore[arg-type]


def test_a_run_that_expected_nothing_proves_nothing() -> None:
    assert not report_of(Observed((), (), 0, 0)).right


def test_latency_counts_from_the_frame_to_the_page() -> None:
    occurrence = shown(ActKind.PLATE_UNLISTED)
    observed = as_scripted(occurrence)
    alert = observed.alerts[0]
    found = latencies(observed, {alert.id: alert.at + 0.25})
    assert found["page"].p95 == pytest.approx(250, abs=0.01)
    assert found["decision"].p50 == 80.0
    assert "read" not in found


def test_what_was_decided_before_the_start_does_not_count() -> None:
    early, late = shown(ActKind.PLATE_UNLISTED, T0), shown(ActKind.PLATE_UNLISTED, T0 + 60)
    kept = as_scripted(early, late).since(T0 + 30)
    assert [passage.id for passage in kept.passages] == ["p1"]
    assert [alert.id for alert in kept.alerts] == ["a1"]


def test_a_machine_that_is_too_busy_is_said_to_be() -> None:
    occurrence = shown(ActKind.FACE_ADMITTED)
    observed = as_scripted(occurrence)
    slow = replace(observed.passages[0], times={"capture": 1400.0})
    assert not report_of(observed, occurrence).overloaded
    assert report_of(replace(observed, passages=(slow,)), occurrence).overloaded
