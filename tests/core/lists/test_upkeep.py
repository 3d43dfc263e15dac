"""What is done for lists from time to time, when it is due."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core.contract.config import EstateConfig
from core.lists import compaction
from core.lists.upkeep import COMPACT_EVERY_S, RESEAL_EVERY_S, ListUpkeep
from core.people.enrolment import OUTBOX_DELAY
from core.storage.schema import EnrolmentTicketRow, ListChangeRow
from tests.core.estates import NOW, consenting_person, enrol, give_ticket, sealed_template
from tests.core.lists.line import Line


def changes(line: Line) -> int:
    with line.database.reading() as db:
        return db.scalar(select(func.count()).select_from(ListChangeRow).where(ListChangeRow.edge_id == "edge-1")) or 0


def test_templates_are_asked_for_every_minute_and_old_changes_forgotten_every_ten(
    line: Line, config: EstateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "KEPT_CHANGES", 0)
    upkeep = ListUpkeep(line.database, config, line.clock)
    upkeep.run(NOW)
    who, consent = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
        give_ticket(db, who, consent)
    line.settle()
    line.clock.now_s += RESEAL_EVERY_S
    upkeep.run(NOW)
    line.settle()
    assert len(line.edge.reseals) == 1
    before = changes(line)
    assert before > 0
    line.clock.now_s += COMPACT_EVERY_S
    upkeep.run(NOW + 2 * OUTBOX_DELAY)
    assert changes(line) <= 1, "but the request that was repeated"
    with line.database.reading() as db:
        assert db.scalars(select(EnrolmentTicketRow)).all() == []
