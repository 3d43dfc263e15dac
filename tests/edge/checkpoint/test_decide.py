"""Every combination of what can be seen and what the lists can say, against a table written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.config import Door, FaceGate, Name, PlateLane
from core.contract.events import PlateReading
from core.contract.ids import CameraId, CheckpointId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.signed import QrPass
from core.contract.vocabulary import Credential, PlateColour, Presentation, Reason, Ring, Verdict
from edge.checkpoint.decide import MIN_MARGIN, Decision, decide
from edge.evidence import Evidence, FaceEvidence, FaceMatch, PassEvidence, PlateEvidence
from watchlists.faces.change import Likeness

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
# Fixed, for they stand in the names of tests.
ANNA = SubjectKey("01900000-0000-7000-8000-00000000000a")
PASS = PassId("01900000-0000-7000-8000-00000000000b")
CAR = VehicleKey("01900000-0000-7000-8000-00000000000c")
TEMPLATE = TemplateId("01900000-0000-7000-8000-00000000000d")
ZONE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
NAME = Name(zh="门", en="Gate")
GATE = FaceGate(id=CheckpointId("gate"), name=NAME, camera=CameraId("cam"), ring=Ring.PERIMETER, zone=ZONE)
DOOR = Door(
    id=CheckpointId("door"),
    name=NAME,
    camera=CameraId("cam"),
    ring=Ring.BUILDING,
    zone=ZONE,
    threshold_line=((0.0, 0.5), (1.0, 0.5)),
)
STRICT_GATE = GATE.model_copy(update={"presentation": "required"})
STRICT_DOOR = DOOR.model_copy(update={"presentation": "required"})
LANE = PlateLane(id=CheckpointId("lane"), name=NAME, camera=CameraId("cam"), ring=Ring.PERIMETER, zone=ZONE)
STANDINGS = (Reason.LISTED, Reason.UNLISTED, Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_SCOPE)
MOMENTS = {
    "before": NOW - timedelta(seconds=1),
    "first": NOW,
    "within": NOW + timedelta(minutes=5),
    "end": NOW + timedelta(minutes=10),
    "after": NOW + timedelta(days=1),
}


@dataclass(frozen=True)
class Lists:
    """What the lists say, whoever is asked about."""

    standing: Reason = Reason.LISTED
    revoked: bool = False
    fresh: bool = True

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        return self.standing

    def vehicle_standing(
        self, plate: str, checkpoint: CheckpointId, now: datetime, confidences: Sequence[float] = ()
    ) -> tuple[Reason, VehicleKey | None]:
        return self.standing, None if self.standing is Reason.UNLISTED else CAR

    def pass_revoked(self, pass_id: PassId) -> bool:
        return self.revoked

    def recogniser_may_run(self, now: datetime) -> bool:
        return self.fresh


Case = dict[str, Any]
Row = tuple[Callable[[Case], bool], Reason]

# -- a face at a gate ----------------------------------------------------------------------------------------------

SCORES = {"none": None, "under": 0.39, "at": 0.40, "nan": float("nan")}
MARGINS = {"close": MIN_MARGIN - 0.001, "enough": MIN_MARGIN, "nan": float("nan")}

# In the order in which the objections are to be raised: the first that applies is the reason.
FACE_TABLE: list[Row] = [
    (lambda c: not c["fresh"], Reason.LIST_STALE),
    (lambda c: c["others"] == 1, Reason.CROWDED),
    (lambda c: c["presentation"] is Presentation.ATTACK, Reason.PRESENTATION_ATTACK),
    (lambda c: c["shots"] == 0, Reason.LOW_QUALITY),
    (lambda c: c["strict"] and c["presentation"] is Presentation.NOT_CHECKED, Reason.PRESENTATION_UNCHECKED),
    (lambda c: c["score"] != "at", Reason.NO_MATCH),
    (lambda c: c["margin"] != "enough", Reason.AMBIGUOUS),
    (lambda c: c["standing"] is Reason.UNLISTED, Reason.NO_MATCH),
    (lambda c: c["standing"] is Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_WINDOW),
    (lambda c: c["standing"] is Reason.OUTSIDE_SCOPE, Reason.OUTSIDE_SCOPE),
]
FACE_CASES: list[Case] = [
    dict(
        zip(("fresh", "others", "shots", "score", "margin", "standing", "presentation", "strict"), values, strict=True)
    )
    for values in product((True, False), (0, 1), (0, 2), SCORES, MARGINS, STANDINGS, Presentation, (True, False))
]


def face_case(case: Case) -> Decision:
    score = SCORES[case["score"]]
    match = None if score is None else FaceMatch(ANNA, score, MARGINS[case["margin"]], 0.40, TEMPLATE)
    seen = FaceEvidence(match, case["shots"], case["others"], case["presentation"])
    return decide(STRICT_GATE if case["strict"] else GATE, seen, Lists(case["standing"], fresh=case["fresh"]), NOW)


def test_every_combination_at_a_face_gate_gives_the_reason_of_the_table() -> None:
    for case in FACE_CASES:
        expected = next((reason for applies, reason in FACE_TABLE if applies(case)), Reason.LISTED)
        decision = face_case(case)
        assert decision.reason is expected, case
        assert decision.verdict is (Verdict.ADMIT if expected is Reason.LISTED else Verdict.USE_OTHER_METHOD), case
        assert decision.credential is Credential.FACE


def test_a_face_that_was_not_recognised_names_nobody() -> None:
    recognised = {Reason.LISTED, Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_SCOPE}
    for case in FACE_CASES:
        decision = face_case(case)
        assert decision.subject == (ANNA if decision.reason in recognised else None), case


def test_a_face_that_looked_like_a_picture_of_one_never_opens_whatever_the_gate_was_told_to_do() -> None:
    for case in FACE_CASES:
        if case["presentation"] is Presentation.ATTACK:
            assert face_case(case).verdict is Verdict.USE_OTHER_METHOD, case
            assert face_case(case).subject is None, case


def test_a_strict_gate_opens_only_to_a_face_that_was_checked_and_found_to_be_one() -> None:
    for case in FACE_CASES:
        if case["strict"] and face_case(case).verdict is Verdict.ADMIT:
            assert case["presentation"] is Presentation.BONA_FIDE, case


# -- a pass at a door ----------------------------------------------------------------------------------------------

LIKE_THE_HOLDER = {
    "none": None,
    "under": Likeness(0.29, TEMPLATE),
    "at": Likeness(0.30, TEMPLATE),
    "nan": Likeness(float("nan"), TEMPLATE),
}
PASS_TABLE: list[Row] = [
    (lambda c: not c["ours"], Reason.PASS_INVALID),
    (lambda c: c["revoked"], Reason.PASS_REVOKED),
    (lambda c: c["moment"] in {"before", "end", "after"}, Reason.PASS_EXPIRED),
    (lambda c: c["standing"] is Reason.UNLISTED, Reason.UNLISTED),
    (lambda c: c["standing"] is Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_WINDOW),
    (lambda c: c["standing"] is Reason.OUTSIDE_SCOPE, Reason.OUTSIDE_SCOPE),
    (lambda c: not c["fresh"], Reason.LIST_STALE),
    (lambda c: not c["enrolled"], Reason.NO_TEMPLATE),
    (lambda c: c["others"] == 1, Reason.CROWDED),
    (lambda c: c["presentation"] is Presentation.ATTACK, Reason.PRESENTATION_ATTACK),
    (lambda c: c["shots"] == 0, Reason.LOW_QUALITY),
    (lambda c: c["strict"] and c["presentation"] is Presentation.NOT_CHECKED, Reason.PRESENTATION_UNCHECKED),
    (lambda c: c["score"] == "none", Reason.NO_TEMPLATE),
    (lambda c: c["score"] != "at", Reason.NOT_HOLDER),
]
_YES_NO = (True, False)
_PASS_FIELDS: dict[str, Sequence[Any]] = {
    "ours": _YES_NO,
    "revoked": _YES_NO,
    "moment": tuple(MOMENTS),
    "standing": STANDINGS,
    "fresh": _YES_NO,
    "others": (0, 1),
    "shots": (0, 2),
    "score": tuple(LIKE_THE_HOLDER),
    "enrolled": _YES_NO,
    "presentation": tuple(Presentation),
    "strict": _YES_NO,
}
PASS_CASES: list[Case] = [dict(zip(_PASS_FIELDS, values, strict=True)) for values in product(*_PASS_FIELDS.values())]


def pass_case(case: Case) -> Decision:
    qr = QrPass(PASS, ANNA, NOW, NOW + timedelta(minutes=10)) if case["ours"] else None
    likeness = LIKE_THE_HOLDER[case["score"]]
    seen = PassEvidence(qr, likeness, 0.30, case["shots"], case["others"], case["enrolled"], case["presentation"])
    lists = Lists(case["standing"], case["revoked"], case["fresh"])
    return decide(STRICT_DOOR if case["strict"] else DOOR, seen, lists, MOMENTS[case["moment"]])


def test_every_combination_at_a_door_gives_the_reason_of_the_table() -> None:
    for case in PASS_CASES:
        expected = next((reason for applies, reason in PASS_TABLE if applies(case)), Reason.VERIFIED)
        decision = pass_case(case)
        assert decision.reason is expected, case
        assert decision.verdict is (Verdict.ADMIT if expected is Reason.VERIFIED else Verdict.USE_OTHER_METHOD), case


def test_a_door_passage_names_the_pass_that_was_shown_and_nobody_without_one() -> None:
    for case in PASS_CASES:
        decision = pass_case(case)
        assert (decision.subject, decision.pass_id) == ((ANNA, PASS) if case["ours"] else (None, None)), case


def test_the_face_counts_as_part_of_the_credential_only_once_the_pass_itself_is_good() -> None:
    bad_pass = {
        Reason.PASS_INVALID,
        Reason.PASS_REVOKED,
        Reason.PASS_EXPIRED,
        Reason.UNLISTED,
        Reason.OUTSIDE_WINDOW,
        Reason.OUTSIDE_SCOPE,
    }
    for case in PASS_CASES:
        decision = pass_case(case)
        assert decision.credential is (Credential.QR if decision.reason in bad_pass else Credential.QR_FACE), case


# -- a plate at a lane ---------------------------------------------------------------------------------------------

PLATE_ROWS = [
    (Reason.LISTED, Verdict.ADMIT, CAR),
    (Reason.LOOKS_LIKE, Verdict.ASK_GUARD, None),
    (Reason.UNLISTED, Verdict.ASK_GUARD, None),
    (Reason.OUTSIDE_WINDOW, Verdict.ASK_GUARD, CAR),
    (Reason.OUTSIDE_SCOPE, Verdict.ASK_GUARD, CAR),
]
READING = PlateReading(text="浙AD12345", colour=PlateColour.GREEN, confidence=0.9, reads=5)


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh lists", "stale lists"])
@pytest.mark.parametrize(("standing", "verdict", "vehicle"), PLATE_ROWS)
def test_a_plate_opens_on_an_exact_match_alone_and_needs_no_recogniser_of_faces(
    standing: Reason, verdict: Verdict, vehicle: VehicleKey | None, fresh: bool
) -> None:
    decision = decide(LANE, PlateEvidence(READING), Lists(standing, fresh=fresh), NOW)
    assert decision == Decision(verdict, standing, Credential.PLATE, vehicle=vehicle)


@pytest.mark.parametrize("standing", [row[0] for row in PLATE_ROWS])
def test_a_plate_nobody_could_read_goes_to_the_guard_whatever_the_lists_say(standing: Reason) -> None:
    decision = decide(LANE, PlateEvidence(None), Lists(standing), NOW)
    assert decision == Decision(Verdict.ASK_GUARD, Reason.UNREADABLE, Credential.PLATE)


@pytest.mark.parametrize(("standing", "verdict", "vehicle"), PLATE_ROWS)
def test_a_vehicle_that_is_gone_opens_nothing_whatever_the_lists_say(
    standing: Reason, verdict: Verdict, vehicle: VehicleKey | None
) -> None:
    decision = decide(LANE, PlateEvidence(READING, gone=True), Lists(standing), NOW)
    listed = standing is Reason.LISTED
    reason = Reason.FOLLOWED if listed else standing
    assert decision == Decision(Verdict.ASK_GUARD, reason, Credential.PLATE, vehicle=vehicle)


@pytest.mark.parametrize("standing", [row[0] for row in PLATE_ROWS])
def test_a_plate_nearly_that_of_the_vehicle_that_never_left_goes_to_the_guard(standing: Reason) -> None:
    decision = decide(LANE, PlateEvidence(READING, alike=True), Lists(standing), NOW)
    assert decision.verdict is Verdict.ASK_GUARD
    assert decision.reason is (Reason.LOOKS_LIKE if standing is Reason.LISTED else standing)
    if standing is Reason.LISTED:
        assert decision.vehicle is None


# -- all of them ---------------------------------------------------------------------------------------------------

SEEN: dict[FaceGate | Door | PlateLane, Evidence] = {
    GATE: FaceEvidence(None, 1, 0),
    DOOR: PassEvidence(None, None, 0.3, 1, 0),
    LANE: PlateEvidence(READING),
}


@pytest.mark.parametrize("checkpoint", SEEN, ids=lambda one: str(one.kind))
@pytest.mark.parametrize("home", SEEN, ids=lambda one: f"{one.kind} evidence")
def test_evidence_of_another_kind_than_the_checkpoint_was_set_up_for_is_refused(
    checkpoint: FaceGate | Door | PlateLane, home: FaceGate | Door | PlateLane
) -> None:
    if checkpoint is home:
        assert decide(checkpoint, SEEN[home], Lists(), NOW).reason in Reason
        return
    with pytest.raises(ValueError, match=f"checkpoint {checkpoint.id} is a {checkpoint.kind}"):
        decide(checkpoint, SEEN[home], Lists(), NOW)


any_presentation = st.sampled_from(Presentation)
any_number = st.floats(allow_nan=True, allow_infinity=True)
any_match = st.none() | st.builds(FaceMatch, st.just(ANNA), any_number, any_number, st.floats(-1, 1), st.just(TEMPLATE))
any_likeness = st.none() | st.builds(Likeness, any_number, st.just(TEMPLATE))
any_pass = st.none() | st.builds(
    QrPass, st.just(PASS), st.just(ANNA), st.just(NOW), st.sampled_from([*MOMENTS.values()])
)
small = st.integers(0, 3)
any_seen: st.SearchStrategy[tuple[FaceGate | Door | PlateLane, Evidence]] = st.one_of(
    st.tuples(st.sampled_from([GATE, STRICT_GATE]), st.builds(FaceEvidence, any_match, small, small, any_presentation)),
    st.tuples(
        st.sampled_from([DOOR, STRICT_DOOR]),
        st.builds(
            PassEvidence, any_pass, any_likeness, st.floats(-1, 1), small, small, st.booleans(), any_presentation
        ),
    ),
    st.tuples(
        st.just(LANE), st.builds(PlateEvidence, st.none() | st.just(READING), st.just(()), st.booleans(), st.booleans())
    ),
)
any_lists = st.builds(Lists, st.sampled_from([*STANDINGS, Reason.LOOKS_LIKE]), st.booleans(), st.booleans())


@given(any_seen, any_lists, st.sampled_from([*MOMENTS.values()]))
def test_nothing_but_listed_and_verified_ever_admits_and_faces_are_never_sent_to_nobody(
    seen: tuple[FaceGate | Door | PlateLane, Evidence], lists: Lists, now: datetime
) -> None:
    checkpoint, evidence = seen
    decision = decide(checkpoint, evidence, lists, now)
    assert (decision.verdict is Verdict.ADMIT) == (decision.reason in {Reason.LISTED, Reason.VERIFIED})
    if decision.verdict is not Verdict.ADMIT:
        lane = checkpoint is LANE
        assert decision.verdict is (Verdict.ASK_GUARD if lane else Verdict.USE_OTHER_METHOD)


@given(any_seen, any_lists)
def test_the_same_evidence_always_gives_the_same_decision(
    seen: tuple[FaceGate | Door | PlateLane, Evidence], lists: Lists
) -> None:
    assert decide(*seen, lists, NOW) == decide(*seen, lists, NOW)
