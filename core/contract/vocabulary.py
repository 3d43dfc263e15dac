"""The words of `design.md` that both sides of the broker use, and nothing but words."""

from __future__ import annotations

from enum import StrEnum


class Ring(StrEnum):
    """Rings of prevention (防控圈), outermost first."""

    PERIMETER = "perimeter"
    INNER = "inner"
    BUILDING = "building"
    DWELLING = "dwelling"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Credential(StrEnum):
    """What a person or vehicle showed. ``NONE``: somebody went through, or asked to, without any."""

    FACE = "face"
    PLATE = "plate"
    CARD = "card"
    QR = "qr"
    QR_FACE = "qr_face"
    PIN = "pin"
    GUARD = "guard"
    NONE = "none"


class Verdict(StrEnum):
    """There is no "deny": whoever is not admitted is told the next way in (PIPL art. 24)."""

    ADMIT = "admit"
    ASK_GUARD = "ask_guard"
    USE_OTHER_METHOD = "use_other_method"


class Reason(StrEnum):
    """Why a decision is what it is. Shown to guards, counted in metrics, one per decision."""

    LISTED = "listed"  # the credential is on a list that opens this checkpoint now
    VERIFIED = "verified"  # pass valid and the face is the pass holder's
    NO_MATCH = "no_match"  # face of nobody on the lists; nothing kept
    AMBIGUOUS = "ambiguous"  # two subjects are too close to tell apart
    NOT_HOLDER = "not_holder"  # the face is not the pass holder's
    NO_TEMPLATE = "no_template"  # pass valid, holder has no face enrolled: other way in
    LOW_QUALITY = "low_quality"  # no shot of the pass was good enough to compare
    CROWDED = "crowded"  # more than one person in the one-person zone
    UNLISTED = "unlisted"  # a plate that is on no list
    LOOKS_LIKE = "looks_like"  # OCR-equivalent plate: a person must look
    UNREADABLE = "unreadable"  # no read of the visit was good enough
    OUTSIDE_WINDOW = "outside_window"  # listed, but not yet or no longer
    OUTSIDE_SCOPE = "outside_scope"  # listed, but not for this checkpoint
    PASS_INVALID = "pass_invalid"  # noqa: S105 - signature or form of a QR pass is wrong
    PASS_EXPIRED = "pass_expired"  # noqa: S105 - before or after the pass's window
    PASS_REVOKED = "pass_revoked"  # noqa: S105 - taken back by its issuer
    FOLLOWED = "followed"  # went through on somebody else's opening
    LIST_STALE = "list_stale"  # the edge's lists are too old to recognise faces with
    PRESENTATION_ATTACK = "presentation_attack"  # looks like a picture of a face: nothing compared, nobody accused
    PRESENTATION_UNCHECKED = "presentation_unchecked"  # the gate wants that looked at, and it could not be


class Presentation(StrEnum):
    """What presentation attack detection (ISO/IEC 30107-1) says of the face before the camera.

    ``NOT_CHECKED`` is a state of its own (no model, it failed, or the face was too small for it), and never a pass.
    """

    BONA_FIDE = "bona_fide"
    ATTACK = "attack"
    NOT_CHECKED = "not_checked"


class SubjectKind(StrEnum):
    """The lists of people there are. Free-form categories of people do not exist."""

    RESIDENT = "resident"
    STAFF = "staff"
    VISITOR = "visitor"  # always with an end
    MISSING = "missing"  # sought by their family: guardian's consent, two approvals, an end; opens nothing


class VehicleKind(StrEnum):
    """The lists of vehicles there are."""

    RESIDENT = "resident"
    VISITOR = "visitor"  # always with an end
    CONTROLLED = "controlled"  # case number, authority, reason, two approvals, an end; opens nothing


class PlateColour(StrEnum):
    """Ground colours of GA 36-2018."""

    BLUE = "blue"
    YELLOW = "yellow"
    GREEN = "green"
    YELLOW_GREEN = "yellow_green"
    WHITE = "white"
    BLACK = "black"
    UNKNOWN = "unknown"


class BodyKind(StrEnum):
    """What is counted; nothing finer is told apart."""

    PERSON = "person"
    VEHICLE = "vehicle"
    TWO_WHEELER = "two_wheeler"


class CameraState(StrEnum):
    ONLINE = "online"
    CONNECTING = "connecting"
    OFFLINE = "offline"


class CameraCondition(StrEnum):
    """What can be the matter with a camera."""

    OFFLINE = "offline"
    FROZEN = "frozen"  # the same picture again and again
    DARK = "dark"  # where it is light as a rule
    BLOCKED = "blocked"  # something covers the lens
    UNFOCUSED = "unfocused"  # less sharp than it was
    MOVED = "moved"  # turned, knocked aside, or its view taken
    WRONG_CLOCK = "wrong_clock"
    BEHIND = "behind"  # pictures come ever later, or are lost


class GateState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
