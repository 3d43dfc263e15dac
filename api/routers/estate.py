"""Checkpoints, edges, and how far the edges' lists are."""

from __future__ import annotations

from fastapi import APIRouter

from api import estate, schemas
from api.context import Context
from api.problems import CONFLICT, NOT_FOUND, RESPONSES
from api.signin import EdgeApprover, Watcher
from core.people.edges import do_approve_edge

router = APIRouter(tags=["estate"], responses=RESPONSES)


@router.get("/checkpoints")
def get_checkpoints(_who: Watcher, context: Context) -> schemas.Checkpoints:
    """Every checkpoint with its ring, gate and camera."""
    with context.database.reading() as db:
        return schemas.Checkpoints(checkpoints=estate.list_checkpoints(db, context.config))


@router.get("/edges")
def get_edges(_who: Watcher, context: Context) -> schemas.Edges:
    """Every edge the core has heard of or has in its configuration."""
    with context.database.reading() as db:
        return schemas.Edges(edges=[estate.describe_edge(row) for row in estate.edge_rows(db)])


@router.put("/edges/{edge_id}/approval", responses=NOT_FOUND | CONFLICT)
def put_approval(
    _who: EdgeApprover, context: Context, edge_id: schemas.SlugText, body: schemas.EdgeApproval
) -> schemas.Edge:
    """Trust the key the edge shows now. ``fingerprint`` is what was read on the edge's own screen."""
    with context.database.writing() as db:
        return estate.describe_edge(do_approve_edge(db, edge_id, body.fingerprint, context.now()))


@router.get("/lists")
def get_lists(_who: Watcher, context: Context) -> schemas.Lists:
    """How far each edge has followed: a withdrawal is in force everywhere once acked has reached head, and proved once
    nothing is unconfirmed."""
    with context.database.reading() as db:
        return schemas.Lists(lists=estate.list_states(db))
