"""The demo's people move in the way anybody does: a consent each, a portrait to the edge, a pass, a vehicle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from demo.cast import Cast, Resident, Vehicle
from demo.client import Client
from demo.portraits import write_portrait
from demo.processes import DemoError, wait_until
from demo.script import BUILDING_3_DOOR, EAST_LANE, NORTH_GATE

NOTICE_VERSION = "face-access-3"
TIMEOUT_S = 60.0


def move_in(client: Client, cast: Cast, edge: str, fingerprint: str, alive: Callable[[], None]) -> None:
    """Approve the edge, enter everybody, and wait until the edge has confirmed all of it.

    fingerprint: what the edge itself says its key is; an edge that shows the core another one is not approved.
    """
    wait_until("the edge's key at the core", lambda: _shows(client, edge) == fingerprint, TIMEOUT_S, alive)
    client.call("PUT", f"/api/v1/edges/{edge}/approval", {"fingerprint": fingerprint})
    wait_until("the edge's enrolment address", lambda: bool(client.edge(edge)["enrol_url"]), TIMEOUT_S, alive)
    with tempfile.TemporaryDirectory(prefix="anju-portraits-") as folder:
        for resident in cast.residents:
            _enter(client, resident, edge, Path(folder))
    for vehicle in cast.vehicles:
        if vehicle.listed:
            _list_vehicle(client, vehicle)
    wait_until("the edge's confirmation of its lists", lambda: client.list_is_current(edge), TIMEOUT_S, alive)


def _shows(client: Client, edge: str) -> str | None:
    try:
        found = client.edge(edge)["fingerprint"]
    except DemoError:
        return None
    return str(found) if found else None


def _enter(client: Client, resident: Resident, edge: str, folder: Path) -> None:
    person = f"/api/v1/subjects/{resident.subject}"
    checkpoints = [str(NORTH_GATE), str(BUILDING_3_DOOR)]
    client.call("PUT", person, {"name": resident.name_zh, "kind": "resident", "checkpoints": checkpoints})
    if resident.qr_pass is not None:
        window = {
            "valid_from": resident.qr_pass.valid_from.isoformat(),
            "valid_until": resident.qr_pass.valid_until.isoformat(),
        }
        client.call("PUT", f"/api/v1/passes/{resident.qr_pass.pass_id}", {"subject": resident.subject, **window})
    if resident.consents:
        client.call("POST", f"{person}/consents", {"notice_version": NOTICE_VERSION, "given_by": "self"})
        client.enrol(resident.subject, edge, write_portrait(resident, folder))


def _list_vehicle(client: Client, vehicle: Vehicle) -> None:
    body = {"plate": vehicle.plate, "kind": "resident", "checkpoints": [str(EAST_LANE)]}
    client.call("PUT", f"/api/v1/vehicles/{vehicle.vehicle}", body)
