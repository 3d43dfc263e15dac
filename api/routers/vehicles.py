"""Vehicles that may enter."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES
from api.signin import PeopleReader, PeopleWriter
from core.people import vehicles
from core.storage.schema import VehicleRow

router = APIRouter(tags=["vehicles"], responses=RESPONSES)


@router.get("/vehicles")
def get_vehicles(
    _who: PeopleReader, context: Context, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
) -> schemas.Vehicles:
    """Vehicles by plate."""
    with context.database.reading() as db:
        listed = vehicles.list_vehicles(db, context.plates, limit)
        return schemas.Vehicles(vehicles=[schemas.Vehicle.model_validate(one) for one in listed])


@router.put("/vehicles/{key}", responses=CONFLICT)
def put_vehicle(_who: PeopleWriter, context: Context, key: schemas.Uuid, body: schemas.VehicleBody) -> schemas.Vehicle:
    """Enter the vehicle with that key (the caller chooses it), or bring it up to date; repeating changes nothing.

    Without ``valid_from`` it stays as it was, or is now.
    """
    now = context.now()
    with context.database.writing() as db:
        known = db.get(VehicleRow, key)
        start = body.valid_from or (known.valid_from if known else now)
        row = vehicles.do_put_vehicle(
            db,
            key,
            plate=body.plate,
            kind=body.kind,
            checkpoints=body.checkpoints,
            valid_from=start,
            valid_until=body.valid_until,
            plates=context.plates,
            now=now,
        )
        return schemas.Vehicle.model_validate(vehicles.describe_vehicle(row, context.plates))


@router.delete("/vehicles/{key}", status_code=204, responses=NOT_FOUND)
def delete_vehicle(_who: PeopleWriter, context: Context, key: schemas.Uuid) -> Response:
    """The vehicle may enter no more; nothing of it is kept."""
    with context.database.writing() as db:
        vehicles.do_remove_vehicle(db, key, context.now())
    return Response(status_code=204)
