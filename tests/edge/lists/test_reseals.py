"""Templates sealed anew for edges that came later: handed on once they are held, and not forgotten by a power cut."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.contract.ids import ConsentId, EdgeId, SubjectKey, new_id
from core.contract.lists import Change, EraseTemplate, EraseTemplates, LockTemplates, ResealTemplate
from core.contract.signed import Recipient
from edge.lists.mirror import ListMirror
from tests.edge.lists.deaths import applying, dies_at
from tests.edge.lists.estate import Estate, answered, face, resident
from watchlists.faces.template import Template

PERSON, CONSENT = SubjectKey(new_id()), ConsentId(new_id())


def recipient(edge: str) -> Recipient:
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    return Recipient(edge=EdgeId(edge), key_base64=base64.b64encode(key).decode())


NEW_EDGES = (recipient("gate-2"), recipient("gate-3"))


def reseal(template: Template) -> ResealTemplate:
    return ResealTemplate(template_id=template.template_id, subject=PERSON, consent=CONSENT, recipients=NEW_EDGES)


def test_a_template_that_is_held_is_handed_on_with_its_proof(estate: Estate, mirror: ListMirror) -> None:
    template = face(1, PERSON, CONSENT)
    mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
    receipt = answered(mirror, estate.delta(reseal(template)))
    ((given, recipients),) = estate.resealed
    assert receipt.version == 3
    assert (given.template_id, given.proof, given.model) == (template.template_id, template.proof, template.model)
    assert np.array_equal(given.vector, template.vector)
    assert recipients == NEW_EDGES
    mirror.receipt()
    assert len(estate.resealed) == 1


@pytest.mark.parametrize("gone", ["never held", "erased", "consent ended", "suspended", "in the same batch"])
def test_nothing_is_handed_on_of_a_template_that_is_not_held_or_may_not_be_used(
    estate: Estate, mirror: ListMirror, gone: str
) -> None:
    template = face(1, PERSON, CONSENT)
    if gone != "never held":
        mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
    ends: dict[str, list[Change]] = {
        "erased": [EraseTemplate(template_id=template.template_id)],
        "consent ended": [EraseTemplates(subject=PERSON, consent=CONSENT)],
        "suspended": [LockTemplates(subject=PERSON, consent=CONSENT)],
    }
    before = ends.get(gone, [])
    after: list[Change] = [EraseTemplates(subject=PERSON, consent=CONSENT)] if gone == "in the same batch" else []
    receipt = answered(mirror, estate.delta(*before, reseal(template), *after))
    assert (receipt.version, receipt.problem) == (estate.head, None)
    assert not estate.resealed


def test_a_power_cut_loses_no_reseal(tmp_path: Path) -> None:
    """The process dies before each statement in turn; whether the change was there decides whether it is done."""
    done_before_death = 0
    statement, died = 0, True
    while died:
        statement += 2
        estate = Estate(tmp_path / str(statement))
        mirror = estate.open_mirror()
        template = face(1, PERSON, CONSENT)
        mirror.apply(estate.delta(resident(PERSON), estate.put(template)))
        mirror.close()
        handed_on = estate.folder / "handed-on"
        delta = estate.delta(reseal(template))
        _note_in(estate, handed_on)

        died = dies_at(estate, applying(delta), statement)

        done_before_death += handed_on.exists()
        again = estate.open_mirror()
        assert bool(again.receipt().version == 3) == handed_on.exists()
        again.apply(delta)
        again.close()
        assert 1 <= len(handed_on.read_text().split()) <= 2, "once, or once more because nobody knew"
    assert done_before_death
    assert statement > 12, "the kill never came between the statements"


def _note_in(estate: Estate, path: Path) -> None:
    """Let what is handed on be written where a dead process can't take it along."""

    class Notes(list[tuple[Template, tuple[Recipient, ...]]]):
        def append(self, one: tuple[Template, Sequence[Recipient]]) -> None:
            with path.open("a") as file:
                file.write(f"{one[0].template_id}\n")

    estate.resealed = Notes()
