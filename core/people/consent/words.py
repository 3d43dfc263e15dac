"""What a consent is about, who gave it and where: closed lists, no free text about anybody."""

from __future__ import annotations

from enum import StrEnum

from core.contract.vocabulary import SubjectKind


class Scope(StrEnum):
    """Purposes one can consent to, each by an act of its own: there are no bundles."""

    FACE_ACCESS = "face.access"  # being recognised at the checkpoints one may pass
    FACE_SITE_SERVER = "face.site_server"  # keeping the sealed template on the estate's server, too
    FACE_MISSING_PERSON = "face.missing_person"  # being looked for; always a guardian's or family's, with an end


FACE_ACCESS = Scope.FACE_ACCESS
TEMPLATE_SCOPES = frozenset({Scope.FACE_ACCESS, Scope.FACE_MISSING_PERSON})
"""Scopes a template can rest on."""


def template_scope(kind: SubjectKind | str) -> Scope:
    """The scope templates of such a person rest on."""
    return Scope.FACE_MISSING_PERSON if SubjectKind(kind) is SubjectKind.MISSING else Scope.FACE_ACCESS


class Channel(StrEnum):
    """Where consent is given, and can be withdrawn."""

    DESK = "desk"
    SELF_SERVICE = "self_service"
    PHONE = "phone"


class GivenBy(StrEnum):
    NOBODY = ""  # the notice was shown, and no more
    SELF = "self"
    GUARDIAN = "guardian"


class Relation(StrEnum):
    """What a guardian, or the family of a missing person, is to them."""

    PARENT = "parent"
    GRANDPARENT = "grandparent"
    SIBLING = "sibling"
    SPOUSE = "spouse"
    CHILD = "child"
    LEGAL_GUARDIAN = "legal_guardian"  # appointed: by a court, a village or neighbourhood committee


class GuardianEvidence(StrEnum):
    """The paper that was looked at; the paper itself is never kept here."""

    HOUSEHOLD_REGISTER = "household_register"
    BIRTH_CERTIFICATE = "birth_certificate"
    MARRIAGE_CERTIFICATE = "marriage_certificate"
    GUARDIANSHIP_PAPER = "guardianship_paper"
    POLICE_REPORT = "police_report"  # of a missing person


class SuspendReason(StrEnum):
    SUBJECT_ASKED = "subject_asked"
    EVIDENCE_IN_DOUBT = "evidence_in_doubt"
    SECURITY_INCIDENT = "security_incident"
