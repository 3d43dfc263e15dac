"""ONNX Runtime sessions as every runner uses them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from models.errors import ModelDamagedError
from models.types import Float, ModelInputError

PREFERRED_PROVIDERS = ("CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider")
"""Fastest first; those that this machine's ONNX Runtime was not built with are left out."""
_ERRORS_ONLY = 3
LOAD_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


_preferred: tuple[str, ...] = PREFERRED_PROVIDERS


def prefer_providers(providers: Sequence[str]) -> None:
    """Compute with these, first choice first, in every session loaded from now on; with none: as shipped."""
    global _preferred  # noqa: PLW0603 - one process, one machine: what it computes with is the same for every model
    _preferred = tuple(providers) or PREFERRED_PROVIDERS


def choose_providers(available: list[str]) -> list[str]:
    """Execution providers to ask for, out of those ``available``; the CPU is always the last."""
    chosen = [provider for provider in _preferred if provider in available]
    return chosen if "CPUExecutionProvider" in chosen else [*chosen, "CPUExecutionProvider"]


def session_options(threads: int) -> ort.SessionOptions:
    """Options for a session that computes on ``threads`` threads and sleeps when it has nothing to do.

    Spinning is off: an edge holds several sessions and uses them in turn, and threads that spin for one of them
    take the cores from the next (measured: 159 ms a round with spinning, 60 ms without, two cores).
    """
    if not 1 <= threads <= 64:
        raise ModelInputError(f"threads: {threads} is not in 1..64")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class Session:
    """One loaded graph with one input. Thread-safe: ONNX Runtime runs may overlap."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load ``path``. Raises ModelDamagedError when ONNX Runtime can't."""
        ort.set_default_logger_severity(_ERRORS_ONLY)
        options = session_options(threads)
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=choose_providers(ort.get_available_providers())
            )
        except LOAD_ERRORS as error:
            raise ModelDamagedError(f"{path.name} can't be loaded: {error}; run: anju models fetch") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelDamagedError(f"{path.name} has {len(inputs)} inputs where one is expected")
        self._input = inputs[0].name

    @property
    def providers(self) -> list[str]:
        """Execution providers in use, first choice first."""
        return list(self._session.get_providers())

    @property
    def output_shapes(self) -> dict[str, list[Any]]:
        """Name to shape of each output; a free dimension is a string or None."""
        return {output.name: list(output.shape) for output in self._session.get_outputs()}

    def run(self, outputs: list[str], blob: Float) -> list[Float]:
        """The ``outputs`` for one input blob, in the order asked."""
        answers: list[Float] = self._session.run(outputs, {self._input: blob})
        return answers
