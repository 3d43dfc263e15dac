"""An alert is answered once, and everybody knows by whom."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import live
from core.alerts import (
    AlertNotFoundError,
    AlreadyAcknowledgedError,
    check_acknowledge,
    do_acknowledge,
    list_alerts,
)
from core.contract.config import EstateConfig
from core.contract.ids import new_id
from core.storage.database import Database
from tests.core.estates import NOW, event, stranger
from tests.core.ingest.commit import commit


@pytest.fixture
def alert_id(known_database: Database, config: EstateConfig) -> str:
    return commit(known_database, config, event(stranger(), 1)).alerts[0].alert_id


def test_an_acknowledged_alert_says_who_and_when_and_pages_are_told(known_database: Database, alert_id: str) -> None:
    with known_database.writing() as db:
        do_acknowledge(db, check_acknowledge(db, alert_id, "li"), "li", NOW)
    with known_database.reading() as db:
        (row,) = list_alerts(db, state="acknowledged")
        assert (row.id, row.acknowledged_by, row.acknowledged_at) == (alert_id, "li", NOW)
        assert list_alerts(db, state="raised") == []
        told = live.read_after(db, 0)[-1]
        assert (told.kind, told.payload["id"], told.payload["acknowledged_by"]) == ("alert_changed", alert_id, "li")


def test_the_second_one_learns_who_was_first(known_database: Database, alert_id: str) -> None:
    with known_database.writing() as db:
        do_acknowledge(db, check_acknowledge(db, alert_id, "li"), "li", NOW)
    with known_database.reading() as db, pytest.raises(AlreadyAcknowledgedError, match="li") as refused:
        check_acknowledge(db, alert_id, "wang")
    assert (refused.value.by, refused.value.at) == ("li", NOW)


def test_of_two_people_who_both_may_only_one_does(known_database: Database, alert_id: str) -> None:
    both_checked = threading.Barrier(2, timeout=20)

    def answer(name: str) -> str:
        with known_database.reading() as db:
            checked = check_acknowledge(db, alert_id, name)
        both_checked.wait()
        try:
            with known_database.writing() as db:
                return str(do_acknowledge(db, checked, name, NOW).acknowledged_by)
        except AlreadyAcknowledgedError as refused:
            return f"too late for {name}, it was {refused.by}"

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(answer, ["li", "wang"]), key=len)
    assert first in {"li", "wang"}
    assert second.endswith(f"it was {first}")


def test_an_unknown_alert_is_said_to_be_unknown(known_database: Database) -> None:
    with known_database.reading() as db, pytest.raises(AlertNotFoundError):
        check_acknowledge(db, new_id(), "li")


def test_the_newest_alerts_come_first_and_not_more_than_asked(known_database: Database, config: EstateConfig) -> None:
    raised = commit(known_database, config, *[event(stranger(), number) for number in range(1, 6)]).alerts
    with known_database.reading() as db:
        assert [row.id for row in list_alerts(db, limit=2)] == [one.alert_id for one in raised[:2:-1]]
