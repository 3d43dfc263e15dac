"""A connection to the broker: login, TLS, protocol."""

from __future__ import annotations

import ssl
from typing import cast

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.contract.config_file import LoadedConfig
from core.contract.events import MAX_EVENT_BYTES
from core.errors import CoreError
from core.ingest.inbox import Inbox

KEEPALIVE_S = 15
ANSWER_TIMEOUT_S = 10.0
_MAX_PACKET_BYTES = MAX_EVENT_BYTES + 100_000
_REFUSED_PROTOCOL = {1, 132}  # CONNACK of MQTT 3.1.1 and of MQTT 5: unsupported protocol version


class BrokerTlsError(CoreError):
    """The certificate file of the broker's authority can't be used; the text says which and why."""


class SubscriptionRefusedError(CoreError):
    """The broker doesn't let the core's account hear what it must hear."""


def make_client(loaded: LoadedConfig, protocol: aiomqtt.ProtocolVersion, inbox: Inbox) -> aiomqtt.Client:
    """A client that is not connected yet and puts what arrives into ``inbox``.

    Nothing is left to the broker's memory: every session starts clean. An MQTT 5 broker is told to keep packets
    larger than any event to itself. Raises ConfigError (no password), BrokerTlsError.
    """
    config = loaded.config
    properties = None
    if protocol is aiomqtt.ProtocolVersion.V5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = _MAX_PACKET_BYTES
    return aiomqtt.Client(
        config.broker.host,
        config.broker.port,
        username=config.core.broker_login.user,
        password=loaded.password(config.core.broker_login),
        protocol=protocol,
        properties=properties,
        # MQTT 3.1.1 has no such flag, starts clean anyway, and the library refuses to be told.
        clean_start=True if properties is not None else MQTT_CLEAN_START_FIRST_ONLY,
        tls_context=_tls(loaded),
        keepalive=KEEPALIVE_S,
        timeout=ANSWER_TIMEOUT_S,
        max_concurrent_outgoing_calls=8,
        # The library makes its queue from a class; it is handed the one we hold, so that we can read it in batches.
        queue_type=cast("type[Inbox]", lambda maxsize: inbox),  # noqa: ARG005
    )


async def subscribe(client: aiomqtt.Client, filters: list[str]) -> None:
    """Subscribe with QoS 1 and wait for the broker's answer. Raises MqttError, SubscriptionRefusedError."""
    answers: list[int | ReasonCode] = list(await client.subscribe([(one, 1) for one in filters]))
    refused = [one for one, answer in zip(filters, answers, strict=False) if _code(answer) >= 0x80]
    if refused or len(answers) != len(filters):
        raise SubscriptionRefusedError(
            f"the broker refuses the core's account: {', '.join(refused) or 'a subscription'}; "
            "'anju config mosquitto-acl' writes the access rules it needs"
        )


def refused_protocol(error: aiomqtt.MqttError) -> bool:
    """Whether the broker speaks, but not this version of MQTT."""
    if not isinstance(error, aiomqtt.exceptions.MqttConnectError):
        return False
    return (error.rc.value if isinstance(error.rc, ReasonCode) else error.rc) in _REFUSED_PROTOCOL


def _code(answer: int | ReasonCode) -> int:
    return answer.value if isinstance(answer, ReasonCode) else answer


def _tls(loaded: LoadedConfig) -> ssl.SSLContext | None:
    named = loaded.config.broker.tls_ca_file
    if named is None:
        return None
    path = loaded.file(named)
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise BrokerTlsError(f"certificate file {path} of the broker's authority can't be used: {error}") from error
