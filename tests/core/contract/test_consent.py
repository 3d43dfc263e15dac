"""A proof of consent comes out of something that was verified, and from nowhere else."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.contract.consent import ActiveConsent
from core.contract.ids import ConsentId, SubjectKey, TemplateId, new_id
from core.contract.list_opening import Said
from core.contract.lists import PutTemplate
from tests.support.consents import standing_consent

ROOT = Path(__file__).parents[3]
SHIPPED = ("api", "cli", "core", "demo", "edge", "models", "watchlists")
VERIFIERS = {"core/contract/list_opening.py", "core/contract/signed.py", "watchlists/store/template_store.py"}
"""What the core signed (a list, a ticket), and what an edge verified before it was put under its own keys."""


def naming(name: str) -> Iterator[str]:
    """Shipped modules that import ``name``, under whatever name, or take it from a module they imported."""
    for module in sorted(path for folder in SHIPPED for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            imported = isinstance(node, ast.ImportFrom) and name in {one.name for one in node.names}
            if imported or (isinstance(node, ast.Attribute) and node.attr == name):
                yield module.relative_to(ROOT).as_posix()


def test_only_what_has_just_verified_a_consent_vouches_for_one() -> None:
    assert set(naming("vouch")) == VERIFIERS


def test_only_where_the_cores_signature_is_checked_is_anything_called_said_by_the_core() -> None:
    """Elsewhere it is a parameter's type, made by nobody."""
    assert not [module for module in naming("Said") if "Said(" in (ROOT / module).read_text(encoding="utf-8")]


def test_a_proof_cant_be_made_up() -> None:
    with pytest.raises(TypeError, match="can't be made up"):
        ActiveConsent(SubjectKey(new_id()), ConsentId(new_id()))


def test_a_proof_does_not_change_and_goes_nowhere_else() -> None:
    proof = standing_consent()
    with pytest.raises(AttributeError, match="does not change"):
        proof.subject = SubjectKey(new_id())
    with pytest.raises(AttributeError, match="does not change"):
        del proof.consent
    for carry in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="carry what was signed"):
            carry(proof)


def test_two_proofs_of_one_consent_are_equal() -> None:
    one = standing_consent()
    assert one == standing_consent(one.subject, one.consent)
    assert hash(one) == hash(standing_consent(one.subject, one.consent))
    assert one != standing_consent(one.subject)
    assert one != (one.subject, one.consent)


def test_a_template_that_stands_in_nothing_signed_proves_no_consent() -> None:
    def put() -> PutTemplate:
        return PutTemplate(
            template_id=TemplateId(new_id()),
            subject=SubjectKey(new_id()),
            consent=ConsentId(new_id()),
            model="sface@0ba9fbfa01b5",
            sealed_base64="AAAA",
        )

    signed = put()
    said = Said(1, (signed,))
    assert said.proof_of(signed).consent == signed.consent
    for other in (put(), signed.model_copy()):
        with pytest.raises(ValueError, match="nothing that the core signed"):
            said.proof_of(other)
