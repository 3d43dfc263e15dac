"""FAISS as we call it: one thread per search, and plain inner products without its Python layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss as faiss_stubs
import numpy as np

from watchlists.faces.template import Float

faiss: Any = faiss_stubs  # its type stubs describe the C++ signatures, not the Python ones


@contextmanager
def one_thread() -> Iterator[None]:
    """Within, FAISS works on the calling thread alone. OpenMP keeps this number per thread: nobody else is touched."""
    before = faiss.omp_get_max_threads()
    if before == 1:
        yield
        return
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def products(vector: Float, rows: Float) -> Float:
    """Inner products of ``vector`` (d,) with each of ``rows`` (n, d), both contiguous: float32 (n,).

    Not ``rows @ vector``: the BLAS behind it takes all cores for more than a few dozen rows.
    """
    out = np.empty(len(rows), np.float32)
    if len(rows):
        faiss.fvec_inner_products_ny(
            faiss.swig_ptr(out), faiss.swig_ptr(vector), faiss.swig_ptr(rows), rows.shape[1], len(rows)
        )
    return out
