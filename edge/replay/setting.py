"""What a replay is set up with: lists made of its truth, or a copy of the edge's own."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.contract.config import EdgeConfig
from core.contract.config_file import LoadedConfig
from core.contract.ids import ModelId, SubjectKey
from edge.assembly import Models, core_public_key, face_thresholds, open_lists
from edge.enrol.portrait import PortraitReader
from edge.enrol.refusals import EnrolmentRefusedError
from edge.keys import edge_dir, load_or_create
from edge.lists.anchor import SUFFIX
from edge.lists.mirror import LIST_FILE, ListMirror
from edge.replay.lists import DrawnLists, Heard
from edge.replay.truth import Truth, TruthError
from models.types import Float

Portrait = Callable[[int], bytes]
"""The portrait of the face drawn from a seed, as a JPEG file."""
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of the user's own is made in it


class ListsMissingError(Exception):
    """The edge has no lists in its state directory. The text says where they should be."""


def drawn_lists(
    truth: Truth, models: Models, portrait: Portrait, loaded: LoadedConfig, edge: EdgeConfig, *, heard: Heard
) -> DrawnLists:
    """The lists ``truth`` describes, its people enrolled as an edge would. Raises TruthError, ThresholdError."""
    model = ModelId(models.embedder.model)
    reader = PortraitReader(models.faces, models.embedder)
    faces: dict[SubjectKey, Float] = {}
    for person in truth.people:
        try:
            faces[person.subject] = reader.read(portrait(person.drawn_face)).vector
        except EnrolmentRefusedError as error:
            raise TruthError(
                f"people: the face drawn from {person.drawn_face} can't be enrolled ({error}); choose another number"
            ) from None
    calibration = face_thresholds(loaded, edge, model)
    return DrawnLists(model, faces, truth.vehicles, bytes.fromhex(truth.pass_key), calibration, heard=heard)


@contextmanager
def lists_of_edge(loaded: LoadedConfig, edge: EdgeConfig, models: Models) -> Iterator[ListMirror]:
    """The edge's own lists, from a copy that is deleted afterwards: the edge may run, and nothing of it changes.

    The copy is kept in memory where the machine has such a folder. It holds what the original does: templates under
    keys that are not copied. Raises ListsMissingError, KeyFileError, and what `edge.assembly.open_lists` raises.
    """
    original = edge_dir(loaded.state_dir, edge.id) / LIST_FILE
    if not original.is_file():
        raise ListsMissingError(
            f"{original}: no lists there. Run this on the edge's machine, as its user, when the edge has been "
            "connected to its core; without --lists edge the lists are the truth's"
        )
    keys = load_or_create(loaded.state_dir, edge.id, edge.site_key)
    core_key = core_public_key(loaded, edge)
    with tempfile.TemporaryDirectory(prefix="anju-replay-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder:
        copied = dataclasses.replace(loaded, state_dir=Path(folder))
        _copy(original, edge_dir(copied.state_dir, edge.id) / LIST_FILE)
        lists = open_lists(copied, _at_home(loaded, edge), keys, core_key, models.embedder, reseal=lambda *_: None)
        try:
            yield lists
        finally:
            lists.close()


def _at_home(loaded: LoadedConfig, edge: EdgeConfig) -> EdgeConfig:
    """``edge`` with the files that stay where they are named by their whole path."""
    if edge.calibration_file is None:
        return edge
    return edge.model_copy(update={"calibration_file": loaded.file(edge.calibration_file)})


def _copy(original: Path, copy: Path) -> None:
    """The database as of now, also while the edge writes to it, and the anchor beside it."""
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(f"{original.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    anchor = original.with_suffix(SUFFIX)
    if anchor.is_file():
        shutil.copyfile(anchor, copy.with_suffix(SUFFIX))
