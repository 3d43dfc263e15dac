"""Files of scores: CSV or NPZ, read within limits.

Columns: score (cosine), mated (1 for one person, 0 for two), probe_subject, gallery_subject (whatever tells people
apart); and probe, which search of the probe's subject it was, where somebody was searched for more than once.
"""

from __future__ import annotations

import csv
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from watchlists.thresholds.errors import ScoresUnreadableError
from watchlists.thresholds.scores import MAX_COMPARISONS, Codes, Comparisons, ScoreSet, score_set

MAX_FILE_BYTES = 2_000_000_000
_COLUMNS = ("score", "mated", "probe_subject", "gallery_subject")
_WANTED = f"the columns are {', '.join(_COLUMNS)} and, where people were searched for more than once, probe"


def read_scores(path: Path) -> ScoreSet:
    """The score set in ``path`` (.csv or .npz). Raises ScoresUnreadableError, BadScoresError, NoImpostorsError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ScoresUnreadableError(f"{path} is larger than {MAX_FILE_BYTES} bytes: take fewer people")
        rows = _from_npz(path) if path.suffix == ".npz" else _from_csv(path)
    except OSError as error:
        raise ScoresUnreadableError(f"{path}: {error.strerror or 'it can not be read'}") from error
    return score_set(rows)


def _from_csv(path: Path) -> Comparisons:
    score, mated = array("d"), array("b")
    people, probe_subject, gallery_subject = _Names(), array("q"), array("q")
    probes, probe = _Names(), array("q")
    for number, row in _lines(path):
        try:
            score.append(float(row["score"]))
            mated.append(_FLAGS[row["mated"].strip()])
        except (ValueError, KeyError):
            raise ScoresUnreadableError(
                f"{path}, line {number}: score is a number and mated is 0 or 1; {_WANTED}"
            ) from None
        probe_subject.append(people.code(row["probe_subject"]))
        gallery_subject.append(people.code(row["gallery_subject"]))
        probe.append(probes.code(row.get("probe", "")))
    return Comparisons(
        np.array(score, np.float64),
        np.array(mated, bool),
        people.in_order(probe_subject),
        people.in_order(gallery_subject),
        probes.in_order(probe),
    )


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and fields, the fields being all there."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            _check_columns(path, header)
            for count, fields in enumerate(reader, 1):
                if count > MAX_COMPARISONS:
                    raise ScoresUnreadableError(f"{path} has more than {MAX_COMPARISONS} scores: take fewer people")
                if len(fields) != len(header):
                    raise ScoresUnreadableError(
                        f"{path}, line {reader.line_num}: {len(fields)} fields, the header has {len(header)}"
                    )
                yield reader.line_num, dict(zip(header, fields, strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise ScoresUnreadableError(f"{path} is no CSV in UTF-8: {_WANTED}") from None


def _from_npz(path: Path) -> Comparisons:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_FILE_BYTES:
                raise ScoresUnreadableError(f"{path} unpacks to more than {MAX_FILE_BYTES} bytes: take fewer people")
        with np.load(path, allow_pickle=False) as stored:
            _check_columns(path, stored.files)
            columns = {name: stored[name] for name in (*_COLUMNS, "probe") if name in stored.files}
    except (zipfile.BadZipFile, ValueError, EOFError, MemoryError) as error:  # the last: an array says it is larger
        if isinstance(error, ScoresUnreadableError):
            raise
        raise ScoresUnreadableError(f"{path} is no NPZ of plain arrays: write it with numpy.savez; {_WANTED}") from None
    if {column.shape for column in columns.values()} != {columns["score"].shape} or columns["score"].ndim != 1:
        raise ScoresUnreadableError(f"{path}: all columns are arrays of one length; {_WANTED}")
    if columns["score"].dtype.kind not in "fiu" or not np.isin(columns["mated"], (0, 1)).all():
        raise ScoresUnreadableError(f"{path}: score is a number and mated is 0 or 1; {_WANTED}")
    length = len(columns["score"])
    probe_subject, gallery_subject = columns["probe_subject"], columns["gallery_subject"]
    codes = _codes(np.concatenate([probe_subject.astype(np.str_), gallery_subject.astype(np.str_)]))
    return Comparisons(
        columns["score"].astype(np.float64),
        columns["mated"].astype(bool),
        codes[:length],
        codes[length:],
        _codes(columns["probe"].astype(np.str_)) if "probe" in columns else np.zeros(length, np.int64),
    )


def _check_columns(path: Path, names: Sequence[str]) -> None:
    if missing := [name for name in _COLUMNS if name not in names]:
        raise ScoresUnreadableError(f"{path} has no column {', '.join(missing)}: {_WANTED}")


def _codes(names: npt.NDArray[np.str_]) -> Codes:
    return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)


class _Names:
    """Numbers for names, given as they come and then put in the order of the names."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def in_order(self, codes: array[int]) -> Codes:
        place = {name: at for at, name in enumerate(sorted(self._codes))}
        places = np.array([place[name] for name in self._codes], np.int64)
        return places[np.array(codes, np.int64)]


_FLAGS = {"0": False, "1": True}
