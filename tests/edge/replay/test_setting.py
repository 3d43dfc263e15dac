"""A replay decides by a copy of the edge's own lists, and leaves neither the copy nor a change behind."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.pipelines import CONFIG
from core.contract.config import EdgeConfig
from core.contract.config_file import LoadedConfig, load_config
from core.contract.ids import ConsentId, SubjectKey, new_id
from edge.assembly import Models
from edge.keys import edge_dir
from edge.lists.mirror import LIST_FILE
from edge.replay import setting
from edge.replay.setting import ListsMissingError, lists_of_edge
from tests.edge.lists.estate import DIMENSION, EDGE, MODEL, Estate, face, resident
from watchlists.thresholds import Calibration


@dataclass
class _Embedder:
    model: str = MODEL
    dimension: int = DIMENSION


MODELS = Models(cast(Any, None), cast(Any, _Embedder()), None)


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    made = Estate(tmp_path / "var")
    monkeypatch.setattr("edge.assembly.calibration_of", lambda _model: Calibration(((10, 0.5),), verify=0.7))
    monkeypatch.setattr(setting, "_IN_MEMORY", tmp_path / "memory")
    (tmp_path / "memory").mkdir()
    return made


def configured(estate: Estate) -> tuple[LoadedConfig, EdgeConfig]:
    loaded = dataclasses.replace(load_config(CONFIG), state_dir=estate.folder)
    edge = loaded.config.edges[0].model_copy(update={"id": EDGE})
    pem = estate.core_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    loaded.file(edge.core_public_key_file).write_bytes(pem)
    return loaded, edge


def test_a_copy_finds_whom_the_edge_finds_while_the_edge_goes_on(estate: Estate, tmp_path: Path) -> None:
    loaded, edge = configured(estate)
    subject = SubjectKey(new_id())
    own = estate.open_mirror()
    template = face(1, subject, ConsentId(new_id()))
    own.apply(estate.delta(resident(subject), estate.put(template)))
    before = (edge_dir(estate.folder, EDGE) / LIST_FILE).read_bytes()
    with lists_of_edge(loaded, edge, MODELS) as copy:
        assert copy.version == own.version
        likeness = copy.compare(subject, np.asarray(template.vector)[None])
        assert likeness is not None
        assert likeness.score == pytest.approx(1.0, abs=1e-3)
        assert list((tmp_path / "memory").iterdir())
    assert not list((tmp_path / "memory").iterdir())
    assert (edge_dir(estate.folder, EDGE) / LIST_FILE).read_bytes() == before
    own.close()


def test_an_edge_that_never_had_lists_is_told_where_they_should_be(estate: Estate) -> None:
    loaded, edge = configured(estate)
    with (
        pytest.raises(ListsMissingError, match=str(edge_dir(estate.folder, EDGE))),
        lists_of_edge(loaded, edge, MODELS),
    ):
        pass


def test_a_copy_goes_also_when_the_replay_fails(estate: Estate, tmp_path: Path) -> None:
    loaded, edge = configured(estate)
    estate.open_mirror().close()
    with pytest.raises(RuntimeError), lists_of_edge(loaded, edge, MODELS):
        raise RuntimeError
    assert not list((tmp_path / "memory").iterdir())
