"""Tickets work once, whatever happens to the edge in between."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from edge.enrol.tickets import REMEMBERED_FOR, TicketBook, TicketBookError
from tests.edge.enrol.desk import NOON


def test_a_used_ticket_stays_used_after_a_restart(tmp_path: Path) -> None:
    book = TicketBook(tmp_path / "tickets.db")
    assert book.use("a", NOON, NOON)
    assert not book.use("a", NOON, NOON)
    book.close()

    again = TicketBook(tmp_path / "tickets.db")
    assert again.is_used("a")
    assert not again.use("a", NOON, NOON)
    assert not again.is_used("b")
    again.close()


def test_a_released_ticket_can_be_used_again(tmp_path: Path) -> None:
    book = TicketBook(tmp_path / "tickets.db")
    assert book.use("a", NOON, NOON)
    book.release("a")
    assert book.use("a", NOON, NOON)
    book.close()


def test_tickets_are_forgotten_only_long_after_they_expired(tmp_path: Path) -> None:
    book = TicketBook(tmp_path / "tickets.db")
    book.use("old", NOON, NOON)
    book.use("x", NOON, NOON + REMEMBERED_FOR)
    assert book.is_used("old")
    book.use("y", NOON, NOON + REMEMBERED_FOR + timedelta(seconds=1))
    assert not book.is_used("old")
    book.close()


def test_a_damaged_book_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tickets.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(TicketBookError, match=r"tickets\.db: SQLITE_NOTADB"):
        TicketBook(path)
