"""What was published, when nothing of it may change any more: hashes of the words, and what they say is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from core.people.consent.words import Scope


@dataclass(frozen=True, slots=True)
class Processing:
    """What a notice says is done, in words for programs. Another hash means that consents have to be given anew.

    retention and recipients are told and recorded, but changing them within what was agreed needs no new consent.
    """

    purpose: str
    method: str
    data_kinds: tuple[str, ...]
    storage_scope: str
    retention: str
    recipients: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of purpose, method, kinds and place: what PIPL art. 14 wants a new consent for."""
        told = {name: value for name, value in asdict(self).items() if name not in {"retention", "recipients"}}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """follows: the earlier versions of the same notice. sha256: see ``Notice``."""

    sha256: str
    scope: Scope
    processing: Processing
    follows: tuple[str, ...] = ()


_ACCESS = Processing(
    purpose="open_permitted_checkpoints",
    method="template_at_edge_portrait_discarded",
    data_kinds=("face_template", "passages"),
    storage_scope="edge_only",
    retention="until withdrawn or the person leaves",
)
_ACCESS_FOR_A_YEAR = Processing(
    purpose=_ACCESS.purpose,
    method=_ACCESS.method,
    data_kinds=_ACCESS.data_kinds,
    storage_scope=_ACCESS.storage_scope,
    retention="until withdrawn, the person leaves, or 12 months (6 months under 14) have passed",
)
_SITE_SERVER = Processing(
    purpose="replace_devices_without_enrolling_again",
    method="sealed_template_on_site_server",
    data_kinds=("face_template",),
    storage_scope="site_server",
    retention="until withdrawn, the person leaves, or 12 months (6 months under 14) have passed",
)
_MISSING_PERSON = Processing(
    purpose="find_missing_person",
    method="template_at_named_identify_checkpoints",
    data_kinds=("face_template", "sightings"),
    storage_scope="edge_only",
    retention="until found, withdrawn, or the agreed date, at most 90 days",
)
PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "face-access-1": Published(
            "b326150d8636c213fd3444c3d4b62d97c926bf2f21455f2d16a77ba4665901d7", Scope.FACE_ACCESS, _ACCESS
        ),
        "face-access-2": Published(
            "54947b3725cdc7a1e4ec54c96fa5ec82f4d6d99744073499bdb07d7a449a10e1",
            Scope.FACE_ACCESS,
            _ACCESS_FOR_A_YEAR,
            follows=("face-access-1",),
        ),
        # Tells of video besides. It shows everybody and rests on no consent: what is done on this one is the same.
        "face-access-3": Published(
            "76e936b7d8d9377addfc87aa03d314a8a5a0c7cce1c3cd39c3f19891f66100fb",
            Scope.FACE_ACCESS,
            _ACCESS_FOR_A_YEAR,
            follows=("face-access-1", "face-access-2"),
        ),
        "site-server-1": Published(
            "4fe711f2cd32319bc5a5207ff1d928e535333578d3ae61365fa31980b8ead696", Scope.FACE_SITE_SERVER, _SITE_SERVER
        ),
        "missing-person-1": Published(
            "17163e1dfc5110426fccae74baff7993c1de7d225984c18376637feb4a1e2c01",
            Scope.FACE_MISSING_PERSON,
            _MISSING_PERSON,
        ),
    }
)
CURRENT_OF: Mapping[Scope, str] = MappingProxyType(
    {
        Scope.FACE_ACCESS: "face-access-3",
        Scope.FACE_SITE_SERVER: "site-server-1",
        Scope.FACE_MISSING_PERSON: "missing-person-1",
    }
)
