"""What the journal comes to, read from its beginning or from anywhere. Nothing but a fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.people.tombstones import Does, Entry


@dataclass(slots=True)
class Journaled:
    """Ends stand for ever; a lock until a release names it, or a newer one of the same consent or template.

    consents, cases: the event that ended each, by id; people: those removed; locks: by consent or template.
    """

    consents: dict[str, str] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    cases: dict[str, str] = field(default_factory=dict)
    locks: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Journaled:
        found = cls()
        found.hear(entries)
        return found

    def hear(self, entries: Iterable[Entry]) -> None:
        """The lines that follow."""
        for one in entries:
            if one.does is Does.ENDS:
                self._end(one)
            elif one.does is Does.LOCKS:
                before = self.locks.get(_locked(one))
                if before is None or before.at <= one.at:
                    self.locks[_locked(one)] = one
            elif (before := self.locks.get(_locked(one))) is not None and _names(one, before):
                del self.locks[_locked(one)]

    def says(self, entry: Entry) -> bool:
        """Whether another line for ``entry`` would say nothing new."""
        if entry.does is Does.LOCKS:
            before = self.locks.get(_locked(entry))
            return before is not None and entry.at <= before.at
        if entry.does is Does.RELEASES:
            return False
        if entry.case is not None:
            return entry.case in self.cases
        return entry.consent in self.consents if entry.consent is not None else entry.subject in self.people

    def _end(self, one: Entry) -> None:
        if one.case is not None:
            self.cases[one.case] = one.event
        elif one.consent is not None:
            self.consents[one.consent] = one.event
            self.locks.pop(one.consent, None)
        else:
            self.people.add(one.subject)


def _locked(one: Entry) -> str:
    return one.consent or one.template or ""


def _names(release: Entry, lock: Entry) -> bool:
    """A release comes after its commit, perhaps behind the line of a lock that was set since: that one it never saw."""
    return release.lock_at is not None and lock.at <= release.lock_at
