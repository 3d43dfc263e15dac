"""People the core took back ahead of the change that says so: found by no face here until that change is applied."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from core.contract.ids import SubjectKey
from core.contract.lists import Hidden


class HiddenPeople:
    """Readers never wait; ``hide`` may be called from any thread, ``reached`` from whoever applies the lists.

    unsaved: what is hidden differs from what was last saved.
    """

    def __init__(self, until: Mapping[SubjectKey, int], version: int) -> None:
        """until: the number of the change that lifts it, by person; version: up to which changes are applied."""
        self.until: Mapping[SubjectKey, int] = MappingProxyType({})
        self.unsaved = False
        self._version = version
        self._changing = threading.Lock()
        self._replace(until)

    def __contains__(self, subject: object) -> bool:
        return subject in self.until

    def hide(self, people: Iterable[Hidden]) -> None:
        """From now on nobody is found as one of ``people``. What was told by an applied change is over already."""
        with self._changing:
            until = dict(self.until)
            for one in people:
                until[one.subject] = max(one.until, until.get(one.subject, 0))
            self._replace(until)

    def reached(self, version: int) -> None:
        """Disk and memory are as the changes up to ``version`` say: who was hidden until one of them no longer is."""
        with self._changing:
            self._version = version
            self._replace(self.until)

    def to_save(self) -> dict[SubjectKey, int]:
        """What is hidden now; counts as saved until it changes, or until ``not_saved``."""
        with self._changing:
            self.unsaved = False
            return dict(self.until)

    def not_saved(self) -> None:
        self.unsaved = True

    def _replace(self, until: Mapping[SubjectKey, int]) -> None:
        kept = {subject: number for subject, number in until.items() if number > self._version}
        if kept != self.until:
            self.until = MappingProxyType(kept)
            self.unsaved = True
