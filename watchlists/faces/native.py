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


def products(vectors: Float, rows: Float) -> Float:
    """Inner products of each of ``vectors`` (m, d) with each of ``rows`` (n, d), both contiguous: float32 (m, n).

    Not ``vectors @ rows.T``: the BLAS behind it takes all cores for more than a few dozen rows.
    """
    out = np.empty((len(vectors), len(rows)), np.float32)
    if len(rows):
        every = faiss.swig_ptr(rows)
        for number in range(len(vectors)):
            faiss.fvec_inner_products_ny(
                faiss.swig_ptr(out[number]), faiss.swig_ptr(vectors[number]), every, rows.shape[1], len(rows)
            )
    return out
