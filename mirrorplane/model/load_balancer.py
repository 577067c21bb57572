"""The load balancer: a target that spreads flows over several interfaces.

Owns its attributes. Must not know its backends' interfaces (only their ids), nor how flows are spread.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator

from mirrorplane.model.frozen import Frozen
from mirrorplane.model.interface import Address, InterfaceId
from mirrorplane.model.scalars import identifier, some

LoadBalancerId = Annotated[str, identifier("lb-")]


class LoadBalancer(Frozen):
    """A load balancer. `address` is what the APIs show; flows go to the `backends`' own addresses."""

    id: LoadBalancerId
    backends: Annotated[tuple[InterfaceId, ...], AfterValidator(some)]
    address: Address | None = None
    status: Literal["available", "unavailable"] = "available"
    network: Literal["vpc", "classic"] = "vpc"
    type: Literal["clb", "gwlbe"] = "clb"
