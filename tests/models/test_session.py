"""Sessions compute where the machine can, and sleep when they have nothing to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelDamagedError
from models.session import Session, choose_providers, prefer_providers, session_options
from models.types import ModelInputError


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (["AzureExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (["CPUExecutionProvider", "CUDAExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        (["OpenVINOExecutionProvider"], ["OpenVINOExecutionProvider", "CPUExecutionProvider"]),
    ],
)
def test_the_fastest_provider_that_is_there_comes_first_and_the_cpu_last(
    available: list[str], chosen: list[str]
) -> None:
    assert choose_providers(available) == chosen


def test_threads_do_not_spin() -> None:
    options = session_options(2)
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("threads", [0, -1, 65])
def test_a_number_of_threads_that_makes_no_sense_is_refused(threads: int) -> None:
    with pytest.raises(ModelInputError, match="threads"):
        session_options(threads)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x06" + b"\x00" * 100])
def test_a_file_that_is_no_graph_says_what_to_do(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelDamagedError, match=r"broken\.onnx can't be loaded.*anju models fetch"):
        Session(path)


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelDamagedError, match="anju models fetch"):
        Session(tmp_path / "none.onnx")


def test_what_the_configuration_prefers_comes_first_and_what_is_not_there_is_passed_over() -> None:
    available = ["CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider"]
    prefer_providers(["OpenVINOExecutionProvider", "TensorrtExecutionProvider"])
    try:
        assert choose_providers(available) == ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    finally:
        prefer_providers(())
    assert choose_providers(available) == available
