"""The session: from which sources, through which filter, to which target.

Owns its attributes. Must not know the things that it names by id.
"""

from typing import Annotated

from pydantic import AfterValidator, PlainValidator

from mirrorplane.model.filter import FilterId
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.interface import InterfaceId
from mirrorplane.model.scalars import MAX_PORT, flag, identifier, some, whole

MAX_SESSION_PRIORITY = 32766
MAX_SOURCES = 10
MAX_VNI = (1 << 24) - 1
"""RFC 7348, section 5: the VXLAN Network Identifier has 24 bits. `wire.vxlan` says it too, and the port, but
imports numpy: a wrong configuration is refused without it."""

MIN_PACKET_LENGTH, DEFAULT_PACKET_LENGTH, MAX_PACKET_LENGTH = 64, 1500, 8500
VXLAN_PORT = 4789
"""Assigned by IANA (RFC 7348, section 8)."""

SessionId = Annotated[str, identifier("tms-")]


class Session(Frozen):
    """A mirror session.

    `target` is an interface's or a load balancer's id. `packet_length` counts bytes of the original packet
    from its IP header on. `virtual_network_id` is None where it is to be drawn. It tells a target's
    sessions apart but need not be unique: the clouds say nothing of the kind, and two sessions with one
    number make one stream.
    """

    id: SessionId
    priority: Annotated[int, whole(1, MAX_SESSION_PRIORITY)]
    sources: Annotated[tuple[InterfaceId, ...], AfterValidator(some)]
    target: Annotated[str, identifier("eni-", "lb-")]
    filter: FilterId
    packet_length: Annotated[int, whole(MIN_PACKET_LENGTH, MAX_PACKET_LENGTH)] = DEFAULT_PACKET_LENGTH
    virtual_network_id: Annotated[int, whole(0, MAX_VNI)] | None = None
    enabled: Annotated[bool, PlainValidator(flag)] = True
    vxlan_port: Annotated[int, whole(1, MAX_PORT)] = VXLAN_PORT
