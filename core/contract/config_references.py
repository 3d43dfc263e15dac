"""What one part of the estate's file says about another, and whether it is so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from core.contract.config import Door, EstateConfig, FaceGate
from core.contract.config_complaints import Place, did_you_mean
from core.contract.config_scene_references import scene_problems

Found = tuple[Place, str]

_CAMERA_FOR = {"face_gate": "gate", "door": "gate", "plate_lane": "plate"}
_WHERE_IT_HAPPENS = {"stranger_at_door": "door", "unlisted_vehicle": "plate_lane"}


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


def reference_problems(config: EstateConfig) -> list[Found]:
    """Every place whose meaning depends on another that is missing, double or of the wrong kind."""
    return [
        *_timezone(config),
        *_double_ids(config),
        *_cameras(config),
        *_checkpoints(config),
        *_rules(config),
        *_accounts(config),
        *scene_problems(config),
    ]


def _timezone(config: EstateConfig) -> Iterator[Found]:
    name = config.estate.timezone
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, sorted(available_timezones()))
        yield ("estate", "timezone"), f"{name!r} is no time zone{hint or '; China has Asia/Shanghai'}"


def _double_ids(config: EstateConfig) -> Iterator[Found]:
    groups: dict[str, Sequence[_HasId]] = {
        "edges": config.edges,
        "cameras": config.cameras,
        "checkpoints": config.checkpoints,
        "rules": config.rules,
    }
    for group, members in groups.items():
        for index, earlier in _repeated(member.id for member in members):
            yield (group, index, "id"), f"{members[index].id!r} is the id of {group}[{earlier}] already"


def _repeated(values: Iterable[object]) -> Iterator[tuple[int, int]]:
    """(position, position of the first equal one) of every value that was there before."""
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        if value in first:
            yield index, first[value]
        else:
            first[value] = index


def _undefined(place: Place, name: str, known: Iterable[str]) -> Found:
    return place, f"{name!r} is not defined{did_you_mean(name, list(known))}"


def _cameras(config: EstateConfig) -> Iterator[Found]:
    edges = {one.id for one in config.edges}
    for index, camera in enumerate(config.cameras):
        if camera.edge not in edges:
            yield _undefined(("cameras", index, "edge"), camera.edge, edges)
        if camera.password_file is not None and camera.user is None:
            yield ("cameras", index, "password_file"), "has no 'user' beside it"
        if camera.user is not None and camera.password_file is None:
            yield ("cameras", index, "user"), "has no 'password_file' beside it"


def _checkpoints(config: EstateConfig) -> Iterator[Found]:
    kinds = {one.id: one.kind for one in config.cameras}
    for index, checkpoint in enumerate(config.checkpoints):
        place: Place = ("checkpoints", index, "camera")
        found, wanted = kinds.get(checkpoint.camera), _CAMERA_FOR[checkpoint.kind]
        if found is None:
            yield _undefined(place, checkpoint.camera, kinds)
        elif found == "overview" and wanted == "gate":
            yield place, f"{checkpoint.camera!r} is an overview camera: faces are never recognised there"
        elif found != wanted:
            yield place, f"a {checkpoint.kind} needs a camera of kind {wanted!r}; {checkpoint.camera!r} is {found!r}"
        if isinstance(checkpoint, FaceGate | Door) and _checks_in_vain(config, checkpoint):
            yield (
                ("checkpoints", index, "presentation"),
                "is 'required', but the edge of its camera has no models.presentation_check: it would open to nobody",
            )
        if isinstance(checkpoint, Door) and checkpoint.threshold_line[0] == checkpoint.threshold_line[1]:
            yield ("checkpoints", index, "threshold_line"), "needs two different points"
    for index, earlier in _repeated(one.camera for one in config.checkpoints):
        yield (
            ("checkpoints", index, "camera"),
            f"{config.checkpoints[index].camera!r} serves checkpoints[{earlier}] already: one checkpoint a camera",
        )


def _checks_in_vain(config: EstateConfig, checkpoint: FaceGate | Door) -> bool:
    """Whether a checkpoint requires what its edge has no model for; one that hangs in the air is told of elsewhere."""
    edges = {one.id: one for one in config.edges}
    camera = next((one for one in config.cameras if one.id == checkpoint.camera), None)
    edge = edges.get(camera.edge) if camera is not None else None
    return checkpoint.presentation == "required" and edge is not None and edge.models.presentation_check is None


def _rules(config: EstateConfig) -> Iterator[Found]:
    kinds = {one.id: one.kind for one in config.checkpoints}
    for index, rule in enumerate(config.rules):
        wanted = _WHERE_IT_HAPPENS[rule.trigger]
        for number, checkpoint in enumerate(rule.checkpoints):
            place: Place = ("rules", index, "checkpoints", number)
            if checkpoint not in kinds:
                yield _undefined(place, checkpoint, kinds)
            elif kinds[checkpoint] != wanted:
                yield place, f"{rule.trigger} happens at a {wanted}; {checkpoint!r} is a {kinds[checkpoint]}"


def _accounts(config: EstateConfig) -> Iterator[Found]:
    """Access is granted by account: two processes with one would be each other."""
    logins = [config.core.broker_login, *(one.broker_login for one in config.edges)]
    for index, _ in _repeated(one.user for one in logins):
        yield (
            ("edges", index - 1, "broker_login", "user"),
            f"{logins[index].user!r} is the account of somebody else already: each process has its own",
        )
    for index, _ in _repeated(one.password_file for one in logins):
        yield (
            ("edges", index - 1, "broker_login", "password_file"),
            f"{logins[index].password_file} is somebody else's already: each account has its own",
        )
    for index, earlier in _repeated(one.enrol_url for one in config.edges):
        url = config.edges[index].enrol_url
        yield (
            ("edges", index, "enrol_port"),
            f"{url} is that of edges[{earlier}] already: portraits would reach the wrong edge",
        )
