"""Choosing by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Thing = TypeVar("Thing")


def any_of(random: np.random.Generator, things: Sequence[Thing]) -> Thing:
    """One of ``things``, each as likely as the other."""
    return things[int(random.integers(len(things)))]
