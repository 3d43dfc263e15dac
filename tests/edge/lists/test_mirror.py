"""The mirror: what the core sent is what decisions see, and what was erased is nowhere."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.contract.ids import CheckpointId, ConsentId, EdgeId, ModelId, PassId, SubjectKey, VehicleKey, new_id
from core.contract.lists import (
    ChangeBatch,
    EraseTemplates,
    ListDeltaV1,
    NoChange,
    PutVehicle,
    RemoveSubject,
    RemoveVehicle,
    RevokePass,
)
from core.contract.roll import digest_of
from core.contract.sealing import LIST_INFO, TEMPLATE_INFO, seal
from core.contract.signed import ClaimError, QrPass, list_claim, sign_list, sign_pass
from core.contract.vocabulary import Reason, VehicleKind
from edge.keys import edge_dir
from edge.lists.mirror import LIST_FILE, ListMirror
from models.types import Float
from tests.edge.lists.estate import (
    CALIBRATION,
    EDGE,
    GATE,
    MODEL,
    NOON,
    Estate,
    answered,
    face,
    resident,
    told,
    vector_of,
)

OTHER_GATE = CheckpointId("west-gate")


def someone() -> SubjectKey:
    return SubjectKey(new_id())


def consent() -> ConsentId:
    return ConsentId(new_id())


def vehicle(key: VehicleKey, plate: str, checkpoint: CheckpointId = GATE) -> PutVehicle:
    return PutVehicle(
        vehicle=key,
        kind=VehicleKind.RESIDENT,
        plate=plate,
        checkpoints=(checkpoint,),
        valid_from=NOON - timedelta(days=1),
    )


def cosine(mirror: ListMirror, subject: SubjectKey, probe: Float) -> float:
    """With the template of ``subject`` that ``probe`` is most like."""
    likeness = mirror.compare(subject, probe)
    assert likeness is not None
    return likeness.score


def test_an_enrolled_resident_is_recognised_at_their_gate(estate: Estate, mirror: ListMirror) -> None:
    person = someone()
    receipt = answered(mirror, estate.delta(resident(person), estate.put(face(1, person, consent()))))

    assert (receipt.version, receipt.templates, receipt.problem) == (2, 1, None)
    match = mirror.identify(vector_of(1)[None], GATE, NOON)
    assert match is not None
    assert match.subject == person
    assert match.score == pytest.approx(1.0, abs=1e-5)
    assert match.threshold == CALIBRATION.identify[0][1]
    assert cosine(mirror, person, vector_of(1)[None]) == pytest.approx(1.0, abs=1e-5)
    assert mirror.enrolled(person)
    assert mirror.subject_standing(person, GATE, NOON) is Reason.LISTED
    assert (mirror.model, mirror.verify_threshold) == (MODEL, CALIBRATION.verify)


def test_nobody_is_named_whose_face_is_not_near_enough(estate: Estate, mirror: ListMirror) -> None:
    person = someone()
    mirror.apply(estate.delta(resident(person), estate.put(face(1, person, consent()))))
    assert mirror.identify(-vector_of(1)[None], GATE, NOON) is None


def test_every_receipt_is_signed_by_this_edge(estate: Estate, mirror: ListMirror) -> None:
    estate.check_receipt(mirror.receipt())
    receipt = answered(mirror, estate.delta(resident(someone())))
    estate.check_receipt(receipt)
    with pytest.raises(ClaimError):
        estate.check_receipt(receipt.model_copy(update={"version": receipt.version + 1}))


def test_a_receipt_counts_what_was_told_as_the_core_does(estate: Estate, mirror: ListMirror) -> None:
    person, other_model = someone(), ModelId("old@111111111111")
    kept, foreign, unreadable = (
        face(1, person, consent()),
        face(2, person, consent(), model=other_model),
        face(3, person, consent()),
    )
    broken = estate.put(unreadable).model_copy(update={"sealed_base64": "AAAA"})
    receipt = answered(mirror, estate.delta(estate.put(kept), estate.put(foreign), broken))
    assert receipt.digest == digest_of(told(kept, foreign, unreadable))
    assert receipt.templates == 2

    receipt = answered(mirror, estate.delta(EraseTemplates(subject=person, consent=foreign.consent)))
    assert receipt.digest == digest_of(told(kept, unreadable))
    mirror.close()
    again = estate.open_mirror()
    assert again.receipt().digest == receipt.digest
    again.close()


def test_the_threshold_is_that_of_the_templates_searched_here_and_now(estate: Estate, mirror: ListMirror) -> None:
    for first in range(0, 100, 50):
        people = [someone() for _ in range(50)]
        mirror.apply(estate.delta(*(resident(person) for person in people)))
        mirror.apply(
            estate.delta(*(estate.put(face(first + at, person, consent())) for at, person in enumerate(people)))
        )
    match = mirror.identify(vector_of(1)[None], GATE, NOON)
    assert match is not None
    assert match.threshold == pytest.approx(0.6)


def test_nobody_is_recognised_outside_their_time_or_place(estate: Estate, mirror: ListMirror) -> None:
    person, until = someone(), NOON + timedelta(hours=1)
    mirror.apply(estate.delta(resident(person, until), estate.put(face(1, person, consent()))))
    probe = vector_of(1)[None]

    assert mirror.identify(probe, GATE, NOON) is not None
    assert mirror.identify(probe, OTHER_GATE, NOON) is None
    assert mirror.identify(probe, GATE, until - timedelta(seconds=1)) is not None
    assert mirror.identify(probe, GATE, until) is None
    assert mirror.identify(probe, GATE, NOON - timedelta(days=2)) is None
    assert mirror.identify(probe, GATE, NOON) is not None
    assert mirror.subject_standing(person, OTHER_GATE, NOON) is Reason.OUTSIDE_SCOPE
    assert mirror.subject_standing(person, GATE, until) is Reason.OUTSIDE_WINDOW
    assert mirror.subject_standing(someone(), GATE, NOON) is Reason.UNLISTED


def test_ending_a_consent_destroys_its_templates_and_leaves_the_other_ways_in(
    estate: Estate, mirror: ListMirror
) -> None:
    person, given_consent = someone(), consent()
    mirror.apply(estate.delta(resident(person), estate.put(face(1, person, given_consent))))
    before = files_of(estate)
    wrapped, locked = secrets_on_disk(mirror)
    assert all(any(secret in content for content in before.values()) for secret in (*wrapped, *locked))

    receipt = answered(mirror, estate.delta(EraseTemplates(subject=person, consent=given_consent)))

    assert (receipt.version, receipt.templates, receipt.problem) == (3, 0, None)
    assert mirror.identify(vector_of(1)[None], GATE, NOON) is None
    assert mirror.compare(person, vector_of(1)[None]) is None
    assert not mirror.enrolled(person)
    assert mirror.subject_standing(person, GATE, NOON) is Reason.LISTED
    after = files_of(estate)
    assert not any(secret in content for content in after.values() for secret in (*wrapped, *locked))


def test_no_plaintext_template_and_no_plate_is_ever_on_disk(estate: Estate, mirror: ListMirror) -> None:
    person = someone()
    template = face(1, person, consent())
    mirror.apply(estate.delta(resident(person), estate.put(template), vehicle(VehicleKey(new_id()), "京A12345")))
    vector = template.vector.tobytes()
    for name, content in files_of(estate).items():
        assert vector not in content, name
        assert base64.b64encode(vector) not in content, name
        assert b"A12345" not in content, name


def test_a_removed_person_goes_with_every_template(estate: Estate, mirror: ListMirror) -> None:
    person = someone()
    mirror.apply(
        estate.delta(resident(person), estate.put(face(1, person, consent())), estate.put(face(2, person, consent())))
    )
    receipt = answered(mirror, estate.delta(RemoveSubject(subject=person)))
    assert receipt.templates == 0
    assert mirror.compare(person, vector_of(2)[None]) is None
    assert mirror.subject_standing(person, GATE, NOON) is Reason.UNLISTED


def test_a_template_put_and_erased_in_one_batch_is_never_there(estate: Estate, mirror: ListMirror) -> None:
    person, first, second = someone(), consent(), consent()
    receipt = answered(
        mirror,
        estate.delta(
            resident(person),
            estate.put(face(1, person, first)),
            EraseTemplates(subject=person, consent=first),
            estate.put(face(2, person, second)),
        ),
    )
    assert receipt.templates == 1
    assert cosine(mirror, person, vector_of(2)[None]) == pytest.approx(1.0, abs=1e-5)
    assert cosine(mirror, person, vector_of(1)[None]) == pytest.approx(float(vector_of(1) @ vector_of(2)), abs=1e-5)


def test_vehicles_are_listed_by_the_exact_plate_and_only_resemble_by_the_folded_one(
    estate: Estate, mirror: ListMirror
) -> None:
    key = VehicleKey(new_id())
    mirror.apply(estate.delta(vehicle(key, "京AB8888")))

    assert mirror.vehicle_standing("京A·B8888", GATE, NOON) == (Reason.LISTED, key)
    assert mirror.vehicle_standing("京A88888", GATE, NOON) == (Reason.LOOKS_LIKE, key)
    assert mirror.vehicle_standing("京A·B8888", OTHER_GATE, NOON) == (Reason.OUTSIDE_SCOPE, key)
    assert mirror.vehicle_standing("京A88888", OTHER_GATE, NOON) == (Reason.UNLISTED, None)
    assert mirror.vehicle_standing("京AB8889", GATE, NOON) == (Reason.UNLISTED, None)
    assert mirror.vehicle_standing("京A·B8888", GATE, NOON - timedelta(days=2)) == (Reason.OUTSIDE_WINDOW, key)
    mirror.apply(estate.delta(RemoveVehicle(vehicle=key)))
    assert mirror.vehicle_standing("京AB8888", GATE, NOON) == (Reason.UNLISTED, None)


def test_a_look_alike_of_two_vehicles_names_neither(estate: Estate, mirror: ListMirror) -> None:
    mirror.apply(estate.delta(vehicle(VehicleKey(new_id()), "京AB1234"), vehicle(VehicleKey(new_id()), "京A8I234")))
    assert mirror.vehicle_standing("京A8723Z", GATE, NOON) == (Reason.UNLISTED, None)
    assert mirror.vehicle_standing("京A87234", GATE, NOON) == (Reason.LOOKS_LIKE, None)


def test_a_pass_is_read_with_the_cores_key_and_its_revocation_known(estate: Estate, mirror: ListMirror) -> None:
    claim = QrPass(PassId(new_id()), someone(), NOON, NOON + timedelta(hours=1))
    assert mirror.verify(sign_pass(claim, estate.core_key)) == claim
    assert mirror.verify(sign_pass(claim, Ed25519PrivateKey.generate())) is None
    assert not mirror.pass_revoked(claim.pass_id)
    mirror.apply(estate.delta(RevokePass(pass_id=claim.pass_id)))
    assert mirror.pass_revoked(claim.pass_id)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300) | st.text(max_size=200).map("AJ1:".__add__))
def test_no_code_anybody_can_print_upsets_the_reader(mirror: ListMirror, text: str) -> None:
    assert mirror.verify(text) is None


def test_everything_is_there_after_a_restart(estate: Estate) -> None:
    person, key, revoked = someone(), VehicleKey(new_id()), PassId(new_id())
    mirror = estate.open_mirror()
    until = NOON + timedelta(hours=1)
    mirror.apply(
        estate.delta(
            resident(person, until),
            estate.put(face(1, person, consent())),
            vehicle(key, "京A12345"),
            RevokePass(pass_id=revoked),
        )
    )
    estate.agree(mirror)
    receipt = mirror.receipt()
    mirror.close()

    again = estate.open_mirror()
    assert again.receipt() == receipt
    match = again.identify(vector_of(1)[None], GATE, NOON)
    assert match is not None
    assert match.subject == person
    assert again.identify(vector_of(1)[None], GATE, until) is None
    assert again.vehicle_standing("京A12345", GATE, NOON) == (Reason.LISTED, key)
    assert again.pass_revoked(revoked)
    assert again.recogniser_may_run(NOON + timedelta(hours=24))
    again.close()


@pytest.mark.parametrize("made_by", [1, 2])
def test_lists_of_an_older_format_are_started_anew_and_sent_again(estate: Estate, made_by: int) -> None:
    mirror = estate.open_mirror()
    person = someone()
    everything = resident(person), estate.put(face(1, person, consent()))
    mirror.apply(estate.delta(*everything))
    mirror.close()
    with closing(sqlite3.connect(edge_dir(estate.folder, EDGE) / LIST_FILE)) as db:
        db.execute(f"PRAGMA user_version = {made_by}")
    again = estate.open_mirror()
    assert again.receipt().version == 0
    assert again.receipt().templates == 0
    again.apply(estate.delta_from(1, everything))
    assert again.receipt().templates == 1
    again.close()


def test_numbers_already_held_are_ignored_and_an_overlap_applies_only_the_new_ones(
    estate: Estate, mirror: ListMirror
) -> None:
    person, given_consent = someone(), consent()
    put = estate.delta(resident(person), estate.put(face(1, person, given_consent)))
    mirror.apply(put)
    mirror.apply(estate.delta(EraseTemplates(subject=person, consent=given_consent)))

    replayed = answered(mirror, put)
    overlapping = answered(
        mirror,
        estate.delta_from(2, [estate.put(face(1, person, given_consent)), NoChange(), RemoveSubject(subject=person)]),
    )

    assert (replayed.version, replayed.templates) == (3, 0)
    assert (overlapping.version, overlapping.templates) == (4, 0)
    assert mirror.subject_standing(person, GATE, NOON) is Reason.UNLISTED


def test_a_gap_changes_nothing_and_the_receipt_says_from_where_to_send(estate: Estate, mirror: ListMirror) -> None:
    mirror.apply(estate.delta(NoChange()))
    missed = estate.delta(resident(someone()))
    person = someone()
    receipt = answered(mirror, estate.delta(resident(person)))
    assert (receipt.version, receipt.problem) == (1, None)
    assert mirror.subject_standing(person, GATE, NOON) is Reason.UNLISTED
    assert answered(mirror, missed).version == 2


def test_a_list_sealed_for_another_edge_is_refused_whole(estate: Estate, mirror: ListMirror) -> None:
    person = someone()
    batch = ChangeBatch(edge=EDGE, first=1, changes=(resident(person),))
    foreign_key = X25519PrivateKey.generate().public_key()
    sealed = base64.b64encode(seal(batch.model_dump_json().encode(), foreign_key, LIST_INFO)).decode()

    receipt = answered(mirror, estate.signed(EDGE, 1, 1, sealed))

    assert receipt.version == 0
    assert receipt.problem is not None
    assert "approve this edge's key" in receipt.problem
    assert mirror.subject_standing(person, GATE, NOON) is Reason.UNLISTED


@pytest.mark.parametrize(
    ("edge", "first", "last", "inner_edge", "inner_first"),
    [
        ("gate-2", 1, 1, "gate-2", 1),
        ("gate-2", 1, 1, "gate-1", 1),
        ("gate-1", 1, 1, "gate-2", 1),
        ("gate-1", 1, 1, "gate-1", 2),
        ("gate-1", 1, 3, "gate-1", 1),
    ],
)
def test_a_list_whose_outside_and_inside_differ_or_name_another_edge_is_refused(
    estate: Estate, mirror: ListMirror, edge: str, first: int, last: int, inner_edge: str, inner_first: int
) -> None:
    batch = ChangeBatch(edge=EdgeId(inner_edge), first=inner_first, changes=(resident(someone()),))
    receipt = answered(mirror, estate.signed(EdgeId(edge), first, last, estate.sealed(batch)))
    assert (receipt.version, receipt.edge) == (0, EDGE)
    assert receipt.problem is not None


@pytest.mark.parametrize("sealed", ["", "AAAA", "!", "é"])
def test_garbage_instead_of_a_list_is_refused(mirror: ListMirror, sealed: str) -> None:
    delta = ListDeltaV1(edge=EDGE, first=1, last=1, sealed_base64=sealed, signature_base64="AAAA")
    receipt = answered(mirror, delta)
    assert receipt.version == 0
    assert receipt.problem is not None


def test_a_list_that_somebody_else_sealed_to_this_edge_is_refused_whole(estate: Estate, mirror: ListMirror) -> None:
    """The edge's key is public: without the core's signature anybody on the broker could list themselves."""
    intruder = someone()
    sealed = estate.sealed(ChangeBatch(edge=EDGE, first=1, changes=(resident(intruder),)))
    claim = list_claim(EDGE, 1, 1, base64.b64decode(sealed))
    another = list_claim(EDGE, 1, 2, base64.b64decode(sealed))
    true_one = estate.signed(EDGE, 1, 1, sealed)

    for signature in (sign_list(claim, Ed25519PrivateKey.generate()), "", "AAAA", sign_list(another, estate.core_key)):
        receipt = answered(mirror, true_one.model_copy(update={"signature_base64": signature}))
        assert receipt.version == 0
        assert "not signed by who should have: this estate's core" in str(receipt.problem)
    assert mirror.subject_standing(intruder, GATE, NOON) is Reason.UNLISTED
    assert answered(mirror, true_one).version == 1


def test_a_sealed_text_that_is_no_batch_is_refused(estate: Estate, mirror: ListMirror) -> None:
    sealed = base64.b64encode(seal(b'{"edge": "gate-1"}', estate.public_key, LIST_INFO)).decode()
    receipt = answered(mirror, estate.signed(EDGE, 1, 1, sealed))
    assert receipt.problem is not None
    assert "upgrade the edge" in receipt.problem


def test_a_template_that_can_not_be_opened_is_left_out_told_and_holds_nothing_up(
    estate: Estate, mirror: ListMirror
) -> None:
    good, bad, swapped, last = someone(), someone(), someone(), someone()
    bad_consent, swapped_consent = consent(), consent()
    stolen = face(1, good, consent())
    for_another_key = estate.put(face(2, bad, bad_consent)).model_copy(
        update={
            "sealed_base64": base64.b64encode(
                seal(b"x", X25519PrivateKey.generate().public_key(), TEMPLATE_INFO)
            ).decode()
        }
    )
    under_another_name = estate.put(stolen).model_copy(update={"subject": swapped, "consent": swapped_consent})
    receipt = answered(
        mirror,
        estate.delta(
            *(resident(one) for one in (good, bad, swapped, last)),
            for_another_key,
            under_another_name,
            estate.put(face(3, last, consent())),
        ),
    )
    assert (receipt.version, receipt.templates) == (7, 1)
    assert receipt.problem is not None
    assert receipt.problem.startswith("2 template(s) not loaded")
    assert mirror.compare(swapped, vector_of(1)[None]) is None
    assert cosine(mirror, last, vector_of(3)[None]) == pytest.approx(1.0, abs=1e-5)
    mirror.close()

    again = estate.open_mirror()
    assert again.receipt().problem == receipt.problem
    cleared = answered(
        again, estate.delta(EraseTemplates(subject=bad, consent=bad_consent), RemoveSubject(subject=swapped))
    )
    assert cleared.problem is None
    again.close()


def test_templates_of_another_model_are_kept_but_neither_loaded_nor_compared(estate: Estate) -> None:
    person, given_consent = someone(), consent()
    old_model = ModelId("old@111111111111")
    mirror = estate.open_mirror()
    receipt = answered(
        mirror, estate.delta(resident(person), estate.put(face(1, person, given_consent, model=old_model)))
    )
    assert receipt.templates == 1
    assert receipt.problem is not None
    assert "of another model" in receipt.problem
    assert mirror.compare(person, vector_of(1)[None]) is None
    mirror.close()

    with_old_model = estate.open_mirror(old_model)
    assert with_old_model.receipt().problem is None
    assert cosine(with_old_model, person, vector_of(1)[None]) == pytest.approx(1.0, abs=1e-5)
    erased = answered(with_old_model, estate.delta(EraseTemplates(subject=person, consent=given_consent)))
    assert erased.templates == 0
    with_old_model.close()


def files_of(estate: Estate) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in edge_dir(estate.folder, EDGE).iterdir()}
    assert LIST_FILE in found
    return found


def secrets_on_disk(mirror: ListMirror) -> tuple[list[bytes], list[bytes]]:
    """Wrapped data keys and encrypted templates, as the mirror itself stores them."""
    database = mirror._store._file.db
    wrapped = [blob for (blob,) in database.execute("SELECT sealed FROM key_pages")]
    locked = [blob for (blob,) in database.execute("SELECT sealed FROM face_templates")]
    assert wrapped
    assert locked
    return wrapped, locked
