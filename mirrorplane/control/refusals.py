"""Why something is refused, in words that belong to no cloud.

Owns the reasons. Must not know codes, messages or HTTP: each dialect has its own for each reason.
"""

from enum import Enum, auto


class Why(Enum):
    """A reason. Those of a bad parameter are the dialects' own: only they know what was sent."""

    # of the account
    BUSINESS_STATUS = auto()
    NOT_SUBSCRIBED = auto()
    # of the inventory, in the roles source and target
    INTERFACE_NOT_FOUND = auto()
    INTERFACE_UNAVAILABLE = auto()
    INTERFACE_NOT_ATTACHED = auto()
    INSTANCE_NOT_FOUND = auto()
    INSTANCE_UNSUPPORTED = auto()
    BUSINESS_TYPE = auto()
    LOAD_BALANCER_NOT_FOUND = auto()
    LOAD_BALANCER_UNAVAILABLE = auto()
    LOAD_BALANCER_NOT_IN_VPC = auto()
    LOAD_BALANCER_CLASSIC = auto()
    LOAD_BALANCER_TYPE = auto()
    TARGET_TYPE = auto()
    TARGET_IS_BOND = auto()
    NAT_SOURCE_NEEDS_LOAD_BALANCER = auto()
    DUPLICATE_ROLE = auto()
    DUPLICATE_SOURCE = auto()
    # of resources
    NOT_FOUND = auto()
    STATUS = auto()
    IN_USE = auto()
    PRIORITY_TAKEN = auto()
    SOURCE_IS_THERE = auto()
    SOURCE_IS_NOT_THERE = auto()
    TARGET_CONFLICT = auto()
    # quotas
    QUOTA_SESSIONS = auto()
    QUOTA_SESSIONS_PER_FILTER = auto()
    QUOTA_SESSIONS_PER_INTERFACE = auto()
    QUOTA_SESSIONS_PER_LOAD_BALANCER = auto()
    QUOTA_SOURCES_PER_SESSION = auto()
    QUOTA_SOURCES_PER_TARGET = auto()
    QUOTA_FILTERS = auto()
    QUOTA_RULES = auto()
    QUOTA_TARGETS = auto()
    QUOTA_TAGS = auto()
    # tokens
    TOKEN_MISMATCH = auto()
    TOKEN_IN_PROCESS = auto()
    # trial
    DRY_RUN = auto()


class Refusal(Exception):  # noqa: N818 - nothing is wrong with the program
    """Nothing was changed. `kind` and `id` name the thing that it is about, where there is one."""

    def __init__(self, why: Why, kind: str = "", id: str = "") -> None:  # noqa: A002
        super().__init__(f"{why.name} {kind} {id}".strip())
        self.why, self.kind, self.id = why, kind, id
