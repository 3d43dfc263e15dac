"""The estate as pages and programs see it: configuration joined with what edges last said."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import schemas
from core.contract.config import EstateConfig
from core.contract.events import EdgeStateV1
from core.contract.events_cameras import CameraHealth, CameraTrouble
from core.contract.ids import CameraId
from core.contract.vocabulary import CameraState, GateState
from core.lists.erasures import unconfirmed
from core.passages import list_gates
from core.people.edges import approved_fingerprint, shown_fingerprint
from core.storage.schema import EdgeRow

MAX_EDGES = 1000


def edge_rows(db: Session) -> list[EdgeRow]:
    return list(db.scalars(select(EdgeRow).order_by(EdgeRow.id).limit(MAX_EDGES)))


def state_of(edge: EdgeRow) -> EdgeStateV1 | None:
    """What the edge last said, or None: nothing yet, or in a form this version does not know."""
    if edge.state is None:
        return None
    try:
        return EdgeStateV1.model_validate(edge.state)
    except ValidationError:
        return None


def describe_edge(edge: EdgeRow) -> schemas.Edge:
    state = state_of(edge)
    return schemas.Edge(
        id=edge.id,
        online=edge.online,
        fingerprint=shown_fingerprint(edge),
        approved_fingerprint=approved_fingerprint(edge),
        approved_at=edge.approved_at,
        state_at=edge.state_at,
        outbox_rows=state.outbox_rows if state else 0,
        enrol_url=state.enrol_url if state else None,
    )


def list_states(db: Session) -> list[schemas.ListState]:
    """How far each edge's list is, and what it has not proved to have erased."""
    owed = {one.edge: one for one in unconfirmed(db)}
    return [
        schemas.ListState(
            edge=row.id,
            head=row.list_head,
            acked=row.list_acked,
            acked_at=row.list_acked_at,
            problem=row.list_problem,
            unconfirmed_erasures=owed[row.id].count if row.id in owed else 0,
            unconfirmed_since=owed[row.id].since if row.id in owed else None,
        )
        for row in edge_rows(db)
    ]


def list_checkpoints(db: Session, config: EstateConfig) -> list[schemas.Checkpoint]:
    """Every checkpoint of the configuration, in its order, with gate and camera as last heard."""
    gates = {row.id: row for row in list_gates(db)}
    edges = {row.id: row for row in edge_rows(db)}
    health: dict[CameraId, CameraHealth] = {}
    for row in edges.values():
        if (state := state_of(row)) is not None:
            health.update({camera.camera: camera for camera in state.cameras})
    found = []
    for one in config.checkpoints:
        edge_id = config.edge_of(one.id)
        gate = gates.get(one.id)
        online = edge_id in edges and edges[edge_id].online
        found.append(
            schemas.Checkpoint(
                id=one.id,
                name=schemas.Names(zh=one.name.zh, en=one.name.en),
                kind=one.kind,
                ring=one.ring,
                direction=one.direction,
                edge=edge_id,
                camera=_camera(one.camera, online, health.get(one.camera)),
                gate=schemas.Gate(
                    state=GateState(gate.gate) if gate else GateState.UNKNOWN,
                    held_open=bool(gate and gate.held_open),
                    since=gate.since if gate else None,
                ),
            )
        )
    return found


def list_overview_cameras(db: Session, config: EstateConfig) -> list[schemas.CameraHealth]:
    """Cameras that belong to no checkpoint."""
    taken = {one.camera for one in config.checkpoints}
    edges = {row.id: row for row in edge_rows(db)}
    found = []
    for camera in config.cameras:
        if camera.id in taken:
            continue
        row = edges.get(camera.edge)
        state = state_of(row) if row else None
        said = next((one for one in state.cameras if one.camera == camera.id), None) if state else None
        found.append(_camera(camera.id, bool(row and row.online), said))
    return found


def _trouble(said: CameraTrouble) -> schemas.CameraTrouble:
    return schemas.CameraTrouble(condition=said.condition, since=said.since, blind=said.blind, detail=said.detail)


def _camera(camera: CameraId, online: bool, said: CameraHealth | None) -> schemas.CameraHealth:
    if said is None:
        return schemas.CameraHealth(
            id=camera,
            state=CameraState.CONNECTING if online else CameraState.OFFLINE,
            edge_online=online,
            frames_per_s=0.0,
            last_frame_age_s=None,
            missed_passes=0,
            detail="",
            blind=False,
            conditions=[],
        )
    return schemas.CameraHealth(
        id=camera,
        state=said.state if online else CameraState.OFFLINE,
        edge_online=online,
        frames_per_s=said.frames_per_s if online else 0.0,
        last_frame_age_s=said.last_frame_age_s,
        missed_passes=said.missed_passes,
        detail=said.detail,
        blind=said.blind and online,
        conditions=[_trouble(one) for one in said.conditions] if online else [],
    )
