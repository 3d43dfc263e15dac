"""A calibration as a file: JSON, closed to unknown fields, with a checksum, written by `anju watchlists calibrate`.

It says what the thresholds are, for which model and gallery, how sure that is, and what it rests on: counts and a hash
of the scores, never a score, a picture or a name.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from core.contract.base import Instant, Message, UnitInterval
from core.contract.ids import ModelId
from watchlists.thresholds.builtin import BUILT_IN
from watchlists.thresholds.errors import (
    CalibrationUnreadableError,
    ForeignCalibrationError,
    NewerCalibrationError,
    ThresholdError,
)
from watchlists.thresholds.table import Basis, Calibration

VERSION: Literal[1] = 1
MAX_CALIBRATION_BYTES = 1_000_000
Cosine = Annotated[float, Field(ge=-1.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


class Rate(Message):
    """An error rate with its 95 % confidence interval."""

    estimate: UnitInterval
    low: UnitInterval
    high: UnitInterval


class SizeRow(Message):
    """The threshold for one gallery size. fnir: None where nobody was compared with a picture of their own."""

    gallery: Annotated[int, Field(ge=1)]
    cosine: Cosine
    basis: Literal["measured", "fitted", "extrapolated"]
    fpir: Rate
    fnir: Rate | None


class VerifyRow(Message):
    """The threshold for 1:1."""

    fmr_target: Annotated[float, Field(gt=0, lt=1)]
    cosine: Cosine
    basis: Literal["measured", "fitted", "extrapolated"]
    fmr: Rate
    fnmr: Rate | None


class Tail(Message):
    """A generalised Pareto distribution fitted to the comparisons above a cosine (peaks over threshold).

    above: cosine from which it was fitted; exceedances: comparisons above it; share: their share of all;
    shape: tail index, negative where cosines end before 1; scale: in cosine.
    """

    above: Cosine
    exceedances: Count
    share: UnitInterval
    shape: Annotated[float, Field(ge=-10, le=10)]
    scale: Annotated[float, Field(gt=0, le=10)]


class Counts(Message):
    """How much stands behind a calibration."""

    people_searched: Count
    non_mated_searches: Count
    impostor_comparisons: Count
    people_searched_mated: Count
    mated_searches: Count


class CalibrationV1(Message):
    """Thresholds of one model, made for a gallery of ``gallery`` templates and a wanted FPIR (ISO/IEC 19795-1).

    identify: one row a gallery size, ascending, ``gallery`` among them; scores_sha256: of the score set in its
    canonical form; checksum: sha256 of everything else in the file.
    """

    version: Literal[1] = VERSION
    model: ModelId
    gallery: Annotated[int, Field(ge=1)]
    fpir_target: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    identify: Annotated[tuple[SizeRow, ...], Field(min_length=1, max_length=100)]
    verify: VerifyRow
    tail: Tail | None
    counts: Counts
    scores_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    method: Annotated[str, Field(max_length=2000)]
    made_at: Instant
    made_by: Annotated[str, Field(max_length=100)]

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        sizes = [row.gallery for row in self.identify]
        cosines = [row.cosine for row in self.identify]
        if sizes != sorted(set(sizes)) or self.gallery not in sizes:
            raise ValueError("gallery sizes rise, and the one it was made for is among them")
        if cosines != sorted(cosines):
            raise ValueError("a larger gallery never has a lower threshold")
        return self

    @property
    def chosen(self) -> SizeRow:
        """The row of the gallery size it was made for."""
        return next(row for row in self.identify if row.gallery == self.gallery)

    def table(self) -> Calibration:
        """What an edge decides with."""
        bases: tuple[Basis, ...] = tuple(row.basis for row in self.identify)
        return Calibration(
            identify=tuple((row.gallery, row.cosine) for row in self.identify),
            verify=self.verify.cosine,
            bases=bases,
            made_for=self.gallery,
            fallback=BUILT_IN.get(self.model),
        )


def write_calibration(path: Path, calibration: CalibrationV1) -> None:
    """Write ``calibration`` to ``path``, whole or not at all. Raises ThresholdError where it can't be written."""
    content = calibration.model_dump(mode="json")
    text = json.dumps({**content, "checksum": _checksum(content)}, ensure_ascii=False, indent=1) + "\n"
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            temporary = Path(stream.name)
            try:
                os.fchmod(stream.fileno(), 0o644)
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ThresholdError(f"{path} can't be written: {error.strerror}; choose another place with --out") from error


def read_calibration(path: Path) -> CalibrationV1:
    """The calibration in ``path``. Raises CalibrationUnreadableError, NewerCalibrationError."""
    content = _content(path)
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise NewerCalibrationError(
            f"{path} is of version {version}, this Anju knows {VERSION}: update Anju, or calibrate again with this one"
        )
    checksum = content.pop("checksum", None)
    try:
        calibration = CalibrationV1.model_validate_json(json.dumps(content))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"]) or "the whole"
        raise CalibrationUnreadableError(f"{path} is no calibration ({where} is wrong): {_AGAIN}") from None
    if checksum != _checksum(content):
        raise CalibrationUnreadableError(f"{path} was changed or damaged after it was made: {_AGAIN}")
    return calibration


def load_calibration(path: Path, model: ModelId) -> Calibration:
    """Thresholds of ``path`` for templates of ``model``.

    Raises CalibrationUnreadableError, NewerCalibrationError, ForeignCalibrationError.
    """
    calibration = read_calibration(path)
    if calibration.model != model:
        raise ForeignCalibrationError(
            f"{path} was made with {calibration.model}, the edge's model is {model}: calibrate this one, or take the "
            "file out of edges[].calibration_file"
        )
    return calibration.table()


_AGAIN = "make it again with 'anju watchlists calibrate', or take it out of edges[].calibration_file"


def _content(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_CALIBRATION_BYTES + 1)
    except OSError as error:
        raise CalibrationUnreadableError(f"{path}: {error.strerror}; {_AGAIN}") from error
    if len(raw) > MAX_CALIBRATION_BYTES:
        raise CalibrationUnreadableError(f"{path} is larger than {MAX_CALIBRATION_BYTES} bytes: is it the right file?")
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CalibrationUnreadableError(f"{path} is no calibration: {_AGAIN}")
    return content


def _checksum(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
