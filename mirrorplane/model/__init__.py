"""What a user says: interfaces, filters, sessions, targets; validated, and frozen.

Owns every constraint on what may be said, and the words that refuse the rest. Must not know numpy, HTTP or
the file system.

`read` turns the text of a configuration file into a `Configuration`; whoever has no file makes one from the
same models.
"""

from mirrorplane.model.api import AccessKey, Aliyun, AliyunQuotas, Api, Quotas, Volcengine, VolcengineQuotas
from mirrorplane.model.configuration import Configuration, RandomNumbers, with_networks
from mirrorplane.model.document import read
from mirrorplane.model.faults import MAX_PROBLEMS, ConfigurationError
from mirrorplane.model.filter import MAX_RULE_PRIORITY, Filter, Rule
from mirrorplane.model.interface import DEFAULT_MTU, Interface
from mirrorplane.model.kernel import Kernel
from mirrorplane.model.load_balancer import LoadBalancer
from mirrorplane.model.scalars import ANY_PORT, PortRange
from mirrorplane.model.session import (
    DEFAULT_PACKET_LENGTH,
    MAX_PACKET_LENGTH,
    MAX_SESSION_PRIORITY,
    MAX_VNI,
    MIN_PACKET_LENGTH,
    VXLAN_PORT,
    Session,
)
from mirrorplane.model.userspace import MAX_WORKERS, Userspace

__all__ = [
    "ANY_PORT",
    "DEFAULT_MTU",
    "DEFAULT_PACKET_LENGTH",
    "MAX_PACKET_LENGTH",
    "MAX_PROBLEMS",
    "MAX_RULE_PRIORITY",
    "MAX_SESSION_PRIORITY",
    "MAX_VNI",
    "MAX_WORKERS",
    "MIN_PACKET_LENGTH",
    "VXLAN_PORT",
    "AccessKey",
    "Aliyun",
    "AliyunQuotas",
    "Api",
    "Configuration",
    "ConfigurationError",
    "Filter",
    "Interface",
    "Kernel",
    "LoadBalancer",
    "PortRange",
    "Quotas",
    "RandomNumbers",
    "Rule",
    "Session",
    "Userspace",
    "Volcengine",
    "VolcengineQuotas",
    "read",
    "with_networks",
]
