"""A process that changes a store as fast as it can, and says what it has changed, until somebody kills it."""

from __future__ import annotations

import sys
from pathlib import Path

from core.contract.ids import SubjectKey
from tests.support.consents import standing_consent
from tests.watchlists.store.shelf import Shelf, face

TEMPLATES = 5
"""Each change puts so many for one new subject and erases the subject before."""


def main(path: Path) -> None:
    with Shelf.open(path) as shelf:
        before: list[SubjectKey] = [one.subject for one in shelf.store.holdings()]
        while True:
            proof = standing_consent()
            with shelf.file.transaction():
                shelf.store.put([face(proof) for _ in range(TEMPLATES)])
                shelf.store.erase(subjects=before)
            sys.stdout.write(f"{proof.subject}\n")
            sys.stdout.flush()
            shelf.file.fold_log()
            before = [proof.subject]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
