"""The network interface (ENI): where packets are mirrored from, or to.

Owns its attributes: those that a data plane needs, and those that only a cloud's API asks about. Must not
know sessions, nor whether the device exists.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal

from pydantic import AfterValidator, PlainValidator, ValidationInfo, field_validator

from mirrorplane.model.frozen import Frozen
from mirrorplane.model.scalars import address, device, distinct, flag, identifier, mac, namespace, whole

DEFAULT_MTU = 1500
MAX_MTU = 65535
MIN_MTU = {4: 256, 6: 1280}
"""Bytes, by IP version. IPv6's is the least that any link carries (RFC 8200, section 5)."""

InterfaceId = Annotated[str, identifier("eni-")]
Address = Annotated[IPv4Address | IPv6Address, PlainValidator(address)]
Device = Annotated[str, PlainValidator(device)]
Namespace = Annotated[str, PlainValidator(namespace)]
Mac = Annotated[bytes, PlainValidator(mac)]
Mtu = Annotated[int, whole(1, MAX_MTU)]
Flag = Annotated[bool, PlainValidator(flag)]


class Interface(Frozen):
    """An ENI.

    `device` in the network namespace `netns` is what it is on a live host; `side` says which end of it that
    is, None: as the device suggests. The first of `addresses` is the primary one, where mirrored packets go
    if the interface is a target. `mtu` is in bytes, None where nobody said (DEFAULT_MTU, or the route's).
    The attributes from `attached` on are what the APIs ask about.
    """

    id: InterfaceId
    device: Device | None = None
    netns: Namespace | None = None
    side: Literal["eni", "host"] | None = None
    mac: Mac | None = None
    addresses: Annotated[tuple[Address, ...], AfterValidator(distinct)] = ()
    mtu: Mtu | None = None
    also_mirror: frozenset[Literal["arp", "dhcp", "non-ip"]] = frozenset()
    attached: Flag = True
    status: Literal["available", "unavailable"] = "available"
    type: Literal["eni", "bond", "nat_gateway"] = "eni"
    instance: Literal["present", "missing"] = "present"
    instance_supports_mirroring: Flag = True
    business_type: Literal["supported", "unsupported"] = "supported"

    @field_validator("mtu")
    @classmethod
    def _carries_its_ip_version(cls, mtu: int | None, info: ValidationInfo) -> int | None:
        addresses = info.data.get("addresses", ())
        version = addresses[0].version if addresses else 4
        if mtu is not None and mtu < MIN_MTU[version]:
            raise ValueError(f"must be at least {MIN_MTU[version]} for IPv{version}, not {mtu}")
        return mtu
