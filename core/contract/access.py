"""Who may say what on the broker: rules of the embedded one, and what Mosquitto's access list is made of."""

from __future__ import annotations

from dataclasses import dataclass

from core.contract.config import EstateConfig
from core.contract.topics import ROOT, Channel

ANY = "+"


@dataclass(frozen=True, slots=True)
class Access:
    """Topic filters one account may publish to and subscribe with; what no filter covers is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def allows(filters: tuple[str, ...], wanted: str) -> bool:
    """Whether everything ``wanted`` (a topic, or a filter to subscribe with) can match is covered by one filter."""
    return any(_covers(one.split("/"), wanted.split("/")) for one in filters)


def _covers(allowed: list[str], wanted: list[str]) -> bool:
    for position, level in enumerate(allowed):
        if level == "#":
            return True
        if position >= len(wanted) or wanted[position] == "#" or level not in {ANY, wanted[position]}:
            return False
    return len(allowed) == len(wanted)


def _filters(estate: str, thing: str, *channels: Channel) -> tuple[str, ...]:
    return tuple(f"{ROOT}/{estate}/" + channel.value.replace("{id}", thing) for channel in channels)


def core_access(estate: str = ANY) -> Access:
    """The core speaks to edges, gates and other systems, and hears everything of its estate."""
    return Access(
        publish=_filters(
            estate, ANY, Channel.EDGE_ACK, Channel.LIST_DELTA, Channel.CHECKPOINT_CMD, Channel.ALERT_EVENT
        ),
        subscribe=(f"{ROOT}/{estate}/#",),
    )


def edge_access(edge: str, estate: str = ANY, checkpoints: tuple[str, ...] = (ANY,)) -> Access:
    """An edge speaks under its own id and for its own checkpoints: it can't confirm, list or open for another.

    It hears contacts and exit buttons and speaks for none: whoever could say that a button is pressed could hide that
    another edge's door is forced.
    """
    gates = [
        _filters(estate, one, Channel.CHECKPOINT_STATE, Channel.CHECKPOINT_CMD, Channel.CHECKPOINT_CMD_RESULT)
        for one in checkpoints
    ]
    sensors = _filters(estate, ANY, Channel.SENSOR_AVAILABILITY, Channel.SENSOR_STATE)
    return Access(
        publish=(
            *_filters(
                estate,
                edge,
                Channel.EDGE_AVAILABILITY,
                Channel.EDGE_STATE,
                Channel.EDGE_EVENT,
                Channel.LIST_RECEIPT,
            ),
            *(text for gate in gates for text in gate),
        ),
        subscribe=(
            *_filters(estate, edge, Channel.EDGE_ACK, Channel.LIST_DELTA),
            *(text for gate in gates for text in gate[1:]),
            *sensors,
        ),
    )


def observer_access(estate: str = ANY) -> Access:
    """Somebody who only looks: health of edges, cameras and gates, and that there are alerts."""
    return Access(
        publish=(),
        subscribe=_filters(
            estate,
            ANY,
            Channel.EDGE_AVAILABILITY,
            Channel.EDGE_STATE,
            Channel.CHECKPOINT_STATE,
            Channel.SENSOR_AVAILABILITY,
            Channel.SENSOR_STATE,
            Channel.ALERT_EVENT,
        ),
    )


def relay_access(estate: str = ANY, checkpoints: tuple[str, ...] = (ANY,)) -> Access:
    """A gate controller: hears its commands, answers them, and tells what its door contact says."""
    heard = [_filters(estate, one, Channel.CHECKPOINT_CMD) for one in checkpoints]
    answered = [_filters(estate, one, Channel.CHECKPOINT_CMD_RESULT) for one in checkpoints]
    return Access(
        publish=(
            *(text for gate in answered for text in gate),
            *_filters(estate, ANY, Channel.SENSOR_AVAILABILITY, Channel.SENSOR_STATE),
        ),
        subscribe=tuple(text for gate in heard for text in gate),
    )


def estate_access(config: EstateConfig) -> dict[str, Access]:
    """Access of every broker account the configuration names."""
    estate = config.estate.id
    rules = {config.core.broker_login.user: core_access(estate)}
    for edge in config.edges:
        gates = tuple(one.id for one in config.checkpoints if config.edge_of(one.id) == edge.id)
        rules[edge.broker_login.user] = edge_access(edge.id, estate, gates)
    return rules


def mosquitto_acl(rules: dict[str, Access]) -> str:
    """The rules as an ``acl_file`` of Mosquitto, which refuses whatever is not written there."""
    blocks = [
        "\n".join(
            [
                f"user {user}",
                *(f"topic write {one}" for one in access.publish),
                *(f"topic read {one}" for one in access.subscribe),
            ]
        )
        for user, access in sorted(rules.items())
    ]
    return "\n\n".join(blocks) + "\n"
