"""One connection to the broker: who we are, how it is protected, which MQTT it speaks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import aiomqtt
from aiomqtt import ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.contract.config import BrokerConfig, Login
from core.contract.config_file import LoadedConfig
from core.contract.ids import EdgeId, EstateId
from core.contract.topics import Channel, topic
from edge.link.inbox import MAX_LIST_BYTES

KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 10.0
_QUEUED_MESSAGES = 100
_IN_FLIGHT = 100
_REFUSED_PROTOCOL = {1, 132}  # CONNACK of MQTT 3.1.1 and of MQTT 5: unsupported protocol version
_REFUSED_LOGIN = {4, 5, 134, 135}


class TlsError(Exception):
    """The certificate file of the broker's authority can't be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """Where the broker is, and who we are there."""

    loaded: LoadedConfig
    edge: EdgeId

    @property
    def estate(self) -> EstateId:
        return self.loaded.config.estate.id

    @property
    def broker(self) -> BrokerConfig:
        return self.loaded.config.broker

    @property
    def login(self) -> Login:
        return self.loaded.config.edge(self.edge).broker_login


def make_client(address: LinkAddress, protocol: ProtocolVersion) -> aiomqtt.Client:
    """A client, not yet connected, whose last will says that this edge is away. Raises ConfigError, TlsError."""
    client = aiomqtt.Client(
        address.broker.host,
        address.broker.port,
        username=address.login.user,
        password=address.loaded.password(address.login),
        # Unique per account: a second process under the same name would cut us off, and we it.
        identifier=f"anju-{address.estate}-{address.edge}",
        protocol=protocol,
        will=aiomqtt.Will(topic(address.estate, Channel.EDGE_AVAILABILITY, address.edge), b"offline", 1, True),
        timeout=ANSWER_TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        max_queued_incoming_messages=_QUEUED_MESSAGES,
        max_inflight_messages=_IN_FLIGHT,
        properties=_connect_properties() if protocol is ProtocolVersion.V5 else None,
        tls_context=_tls(address),
    )
    client.pending_calls_threshold = _IN_FLIGHT
    # The library keeps paho's default of 5 s to itself; stopping must not wait for a broker that is not there.
    client._client.connect_timeout = CONNECT_TIMEOUT_S
    return client


def expiring(seconds: float, protocol: ProtocolVersion) -> Properties | None:
    """Publish properties that let the broker drop a message itself, where its MQTT can."""
    if protocol is not ProtocolVersion.V5:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = int(seconds)
    return properties


def reason_code(error: aiomqtt.MqttError) -> int | None:
    """Number by which the broker refused, None when it was no refusal."""
    rc = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return rc.value if isinstance(rc, ReasonCode) else rc


def refused_login(error: aiomqtt.MqttError) -> bool:
    return isinstance(error, aiomqtt.exceptions.MqttConnectError) and reason_code(error) in _REFUSED_LOGIN


def refused_protocol(error: aiomqtt.MqttError) -> bool:
    return isinstance(error, aiomqtt.exceptions.MqttConnectError) and reason_code(error) in _REFUSED_PROTOCOL


def refused_subscription(answer: int | ReasonCode) -> bool:
    return (answer.value if isinstance(answer, ReasonCode) else answer) >= 0x80


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = MAX_LIST_BYTES + 1_000
    return properties


def _tls(address: LinkAddress) -> ssl.SSLContext | None:
    if address.broker.tls_ca_file is None:
        return None
    path = address.loaded.file(address.broker.tls_ca_file)
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"certificate file {path} of the broker's authority can't be used: {error}") from error
