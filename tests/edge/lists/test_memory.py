"""When memory can't follow the disk: nobody is recognised by what is out of date, and the next message mends it."""

from __future__ import annotations

import pytest

from core.contract.ids import ConsentId, SubjectKey, new_id
from core.contract.lists import EraseTemplates, NoChange
from core.contract.vocabulary import Reason
from edge.health import LIST_COUNTS
from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import GATE, NOON, Estate, answered, face, resident, vector_of
from watchlists.faces.index import FaceIndex

PERSON, OTHER = SubjectKey(new_id()), SubjectKey(new_id())
CONSENT, OTHER_CONSENT = ConsentId(new_id()), ConsentId(new_id())
PROBE, OTHER_PROBE = vector_of(1)[None], vector_of(2)[None]


@pytest.fixture
def filled(estate: Estate, mirror: ListMirror) -> ListMirror:
    mirror.apply(estate.delta(resident(PERSON), estate.put(face(1, PERSON, CONSENT))))
    mirror.apply(estate.delta(resident(OTHER), estate.put(face(2, OTHER, OTHER_CONSENT))))
    estate.agree(mirror)
    return mirror


def no_memory(*_: object) -> None:
    raise MemoryError("no room for another template")


def erase(estate: Estate, mirror: ListMirror) -> None:
    """An erasure that reaches the disk, and not the index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaceIndex, "update", no_memory)
        with pytest.raises(MemoryError):
            mirror.apply(estate.delta(EraseTemplates(subject=PERSON, consent=CONSENT)))


def test_an_erasure_that_reached_the_disk_alone_stops_recognition(estate: Estate, filled: ListMirror) -> None:
    erase(estate, filled)
    for subject, probe in ((PERSON, PROBE), (OTHER, OTHER_PROBE)):
        assert filled.identify(probe, GATE, NOON) is None
        assert filled.compare(subject, probe) is None
        assert not filled.enrolled(subject)
    assert not filled.recogniser_may_run(NOON)
    assert filled.subject_standing(OTHER, GATE, NOON) is Reason.LISTED


@pytest.mark.parametrize("by", ["a receipt", "a change", "a roll"])
def test_the_next_thing_that_happens_reads_everything_from_disk_again(
    estate: Estate, filled: ListMirror, by: str
) -> None:
    erase(estate, filled)
    if by == "a change":
        assert answered(filled, estate.delta(NoChange())).templates == 1
    elif by == "a roll":
        filled.apply(estate.roll([]))
    else:
        assert filled.receipt().templates == 1
    if by == "a roll":
        estate.clock.now = NOON
        estate.agree(filled)
    assert filled.recogniser_may_run(NOON)
    assert filled.compare(PERSON, PROBE) is None
    assert filled.compare(OTHER, OTHER_PROBE) is not None


def test_as_long_as_the_disk_can_not_be_read_nobody_is_recognised(
    estate: Estate, filled: ListMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(estate, filled)
    with monkeypatch.context() as patch:
        patch.setattr(FaceIndex, "load", no_memory)
        with pytest.raises(MemoryError):
            filled.receipt()
        assert not filled.recogniser_may_run(NOON)
    filled.receipt()
    assert filled.recogniser_may_run(NOON)


def test_a_snapshot_that_reached_the_disk_alone_stops_recognition_until_it_is_read(
    estate: Estate, filled: ListMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    (part,) = estate.snapshot(4, [resident(OTHER), estate.put(face(2, OTHER, OTHER_CONSENT))])
    with monkeypatch.context() as patch:
        patch.setattr(FaceIndex, "load", no_memory)
        with pytest.raises(MemoryError):
            filled.apply(part)
    assert filled.identify(OTHER_PROBE, GATE, NOON) is None
    assert answered(filled, part).templates == 1
    assert filled.compare(PERSON, PROBE) is None
    assert filled.compare(OTHER, OTHER_PROBE) is not None


def test_how_the_lists_are(filled: ListMirror) -> None:
    assert filled.counts() == dict.fromkeys(LIST_COUNTS, 0) | {"lists.index_fast": 1}
