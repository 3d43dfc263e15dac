"""People who may pass, their consent, and leave to enrol a face. The portrait itself never comes here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import estate, roster, schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES, ProblemError
from api.signin import PeopleReader, PeopleWriter
from core.people import enrolment, subjects
from core.people.consent.asked import asked_for
from core.people.consent.guardians import Guardian
from core.people.consent.ledger import check_withdraw, do_grant_consent, do_withdraw_consent
from core.people.edges import edge as find_edge
from core.people.notices import notice
from core.storage.schema import SubjectRow

router = APIRouter(tags=["people"], responses=RESPONSES)


@router.get("/subjects")
def get_subjects(
    _who: PeopleReader, context: Context, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
) -> schemas.Subjects:
    """People who may pass, by name, each with the newest consent."""
    with context.database.reading() as db:
        return schemas.Subjects(subjects=roster.list_subjects(db, limit, context.now()))


@router.put("/subjects/{key}", responses=CONFLICT)
def put_subject(_who: PeopleWriter, context: Context, key: schemas.Uuid, body: schemas.SubjectBody) -> schemas.Subject:
    """Enter the person with that key (the caller chooses it), or bring them up to date; repeating changes nothing.

    Without ``valid_from`` it stays as it was, or is now.
    """
    now = context.now()
    with context.database.writing() as db:
        known = db.get(SubjectRow, key)
        start = body.valid_from or (known.valid_from if known else now)
        row = subjects.do_put_subject(
            db,
            key,
            name=body.name,
            kind=body.kind,
            checkpoints=body.checkpoints,
            valid_from=start,
            valid_until=body.valid_until,
            now=now,
            born=body.born,
        )
        return roster.describe_subject(db, row, now)


@router.delete("/subjects/{key}", status_code=204, responses=NOT_FOUND)
def delete_subject(_who: PeopleWriter, context: Context, key: schemas.Uuid) -> Response:
    """The person may pass nowhere any more: consent ends, templates go, passes are revoked, the name is forgotten."""
    with asked_for(context.database) as db:
        subjects.do_remove_subject(db, key, context.now())
    return Response(status_code=204)


@router.post("/subjects/{key}/consents", status_code=201, responses=NOT_FOUND | CONFLICT)
def post_consent(who: PeopleWriter, context: Context, key: schemas.Uuid, body: schemas.ConsentBody) -> schemas.Consent:
    """Record the person's consent to what the notice says that they were shown: one act for one purpose."""
    guardian = Guardian(**body.guardian.model_dump()) if body.guardian is not None else None
    with context.database.writing() as db:
        row = do_grant_consent(
            db,
            subjects.subject(db, key),
            notice(body.notice_version),
            channel=body.channel,
            given_by=body.given_by,
            now=context.now(),
            guardian=guardian,
            evidence_ref=body.evidence_ref,
            expires_at=body.expires_at,
            locale=body.locale,
            by=who.account,
            reopened=body.reopened,
        )
        return schemas.Consent.model_validate(row)


@router.post("/consents/{consent_id}/withdrawal", responses=NOT_FOUND | CONFLICT)
def post_withdrawal(who: PeopleWriter, context: Context, consent_id: schemas.Uuid) -> schemas.Consent:
    """End the consent. Templates are erased here at once and at every edge; /lists shows when each has confirmed."""
    with asked_for(context.database) as db:
        consent = check_withdraw(db, consent_id)
        return schemas.Consent.model_validate(do_withdraw_consent(db, consent, who.account, context.now()))


@router.post("/subjects/{key}/enrolment-tickets", status_code=201, responses=NOT_FOUND | CONFLICT)
def post_ticket(_who: PeopleWriter, context: Context, key: schemas.Uuid, body: schemas.TicketBody) -> schemas.Ticket:
    """Leave to enrol the person's face once, at that edge, within minutes. Needs an active consent."""
    now = context.now()
    with context.database.writing() as db:
        ticket = enrolment.issue_ticket(db, key, body.edge, context.signing_key, now)
        state = estate.state_of(find_edge(db, body.edge))
    if state is None or state.enrol_url is None:
        raise ProblemError(409, "conflict", f"edge '{body.edge}' has not said where it enrols; is it running?")
    return schemas.Ticket(ticket=ticket, enrol_url=state.enrol_url, expires_at=now + enrolment.TICKET_LIFETIME)
