"""Whatever the estate's server keeps rests on a consent of its own, and goes as soon as that doesn't stand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.lists.recipients import do_sync_site_servers
from core.people.consent.ledger import do_suspend, do_withdraw_consent
from core.people.consent.queries import erasures_of
from core.people.consent.words import Scope, SuspendReason
from core.people.notices import current_notice
from core.people.tombstones import Does, noted_entries
from core.storage.database import Database
from core.storage.schema import ListChangeRow, SealedTemplateRow
from tests.core.estates import NOW, estate, estate_tree
from tests.core.people.consent.people import act, consenting, keep_template, person


@pytest.mark.parametrize("suspended", [False, True])
def test_only_what_the_server_keeps_goes_and_the_gate_still_opens(suspended: bool, trusting_database: Database) -> None:
    edges = [one | ({"holds": "site_server"} if one["id"] == "edge-2" else {}) for one in estate_tree()["edges"]]
    with trusting_database.writing() as db:
        do_sync_site_servers(db, estate(edges=edges))
        who = person(db)
        access = consenting(db, who)
        storing = consenting(db, who, current_notice(Scope.FACE_SITE_SERVER))
        at_gate, at_server = keep_template(db, access), keep_template(db, access, "edge-2")
        if suspended:
            do_suspend(db, storing, SuspendReason.SUBJECT_ASKED, act())
        else:
            do_withdraw_consent(db, storing, "desk-1", NOW + timedelta(days=1))
        assert list(db.scalars(select(SealedTemplateRow.template_id))) == [at_gate]
        erased = select(ListChangeRow.edge_id, ListChangeRow.ref, ListChangeRow.number).where(
            ListChangeRow.op == "erase_template"
        )
        ((edge, template, number),) = db.execute(erased).all()
        assert (edge, template, access.state) == ("edge-2", at_server, "active")
        asked = {one.edge_id: one.number for one in erasures_of(db, storing.id)}
        assert asked == {} if suspended else asked["edge-2"] > number  # its receipt covers the erasure before
        does = Does.LOCKS if suspended else Does.ENDS
        assert [(one.consent, one.does) for one in noted_entries(db)] == [(storing.id, does)]
