"""What really happens in a clip: a JSON file beside it, written by whoever filmed or drew it.

Real people are known by the estate's lists alone, never by a truth file: only drawn faces, which are nobody's, can be
enrolled from one, and then in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from core.contract.base import Message
from core.contract.ids import CheckpointId, SubjectKey, VehicleKey
from core.contract.vocabulary import Credential, Reason, Verdict

MAX_BYTES = 8_000_000
MAX_PASSES = 10_000
_MOST_TOLD = 5
Seconds = Annotated[float, Field(ge=0, le=1e7)]


class TruthError(Exception):
    """A truth file that can't be used. The text says which, where in it, and what to do."""


class Expected(Message):
    """What has to be told of a pass. None: not asked about; ``subject`` and ``plate`` None: none may be told."""

    credential: Credential | None = None
    verdict: Verdict | None = None
    reason: Reason | None = None
    subject: SubjectKey | None = None
    plate: str | None = None


class TruePass(Message):
    """Somebody, or a vehicle, that asks to pass.

    name: unlike any other's; kind: a word to sum up by ("run", "dusk"); from_s, to_s: while anything of it is in the
    picture, seconds from the clip's first frame.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Annotated[str, Field(max_length=40)] = ""
    checkpoint: CheckpointId
    from_s: Seconds
    to_s: Seconds
    expects: Expected

    @model_validator(mode="after")
    def _in_order(self) -> TruePass:
        if self.to_s < self.from_s:
            raise ValueError(f"pass {self.name!r} ends at {self.to_s} s, before it begins at {self.from_s} s")
        return self


class DrawnPerson(Message):
    """A drawn face, enrolled for the replay. drawn_face: the seed it is drawn from."""

    subject: SubjectKey
    drawn_face: Annotated[int, Field(ge=0)]


class ListedVehicle(Message):
    """A vehicle on the lists of the replay."""

    vehicle: VehicleKey
    plate: Annotated[str, Field(min_length=1, max_length=16)]


class Truth(Message):
    """Of one clip. pass_key: the Ed25519 public key (32 bytes, hexadecimal) that signed the QR passes shown in it."""

    version: Literal[1] = 1
    passes: Annotated[tuple[TruePass, ...], Field(max_length=MAX_PASSES)] = ()
    people: Annotated[tuple[DrawnPerson, ...], Field(max_length=1000)] = ()
    vehicles: Annotated[tuple[ListedVehicle, ...], Field(max_length=10_000)] = ()
    pass_key: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""

    @model_validator(mode="after")
    def _names_differ(self) -> Truth:
        names = [one.name for one in self.passes]
        twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise ValueError(f"two passes are called {twice!r}: give each a name of its own")
        return self


def read_truth(path: Path) -> Truth:
    """The truth in ``path``. Raises TruthError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TruthError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB: split the clip")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TruthError(f"{path}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    try:
        return Truth.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        told = [f"\n  {_place(one['loc'])}: {one['msg'].removeprefix('Value error, ')}" for one in found[:_MOST_TOLD]]
        more = f"\n  and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
        raise TruthError(f"{path} can't be used; docs/tuning.md describes the format:{''.join(told)}{more}") from None


def _place(location: tuple[int | str, ...]) -> str:
    """``passes[0].to_s``, as complaints about the estate's file name places."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".") or "the whole file"


def write_truth(path: Path, truth: Truth) -> None:
    """Write ``truth`` as `read_truth` reads it."""
    path.write_text(truth.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")
