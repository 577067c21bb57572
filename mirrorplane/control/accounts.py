"""What the configuration grants each dialect's accounts.

Owns the names of the dialects, and reading their sections. Must not know things or their state.
"""

from dataclasses import dataclass

from mirrorplane.control.orders import DEFAULT_GROUP
from mirrorplane.model import Api, Quotas

ALIYUN, VOLCENGINE = "aliyun", "volcengine"
"""The dialects, as a `Scope` names them."""


@dataclass(frozen=True)
class Account:
    """What holds for a dialect's accounts, in each of its regions.

    `opt_in`: sessions need a subscription first. `groups` are those that exist, None where any does.
    `tags` is how many one thing may have.
    """

    quotas: Quotas
    is_normal: bool = True
    opt_in: bool = False
    groups: frozenset[str] | None = None
    tags: int = 20

    def quota(self, name: str) -> int | None:
        """Return the limit called *name*; None if the dialect has none of that name."""
        limit: int | None = getattr(self.quotas, name, None)
        return limit


def accounts(api: Api) -> dict[str, Account]:
    """Return the account of each dialect.

    Tags on one thing: 20 (Alibaba Cloud, TagResources), 50 (Volcengine, TagResources).
    """
    return {
        ALIYUN: Account(
            api.aliyun.quotas, is_normal=api.aliyun.business_status == "Normal", opt_in=True, tags=20
        ),
        VOLCENGINE: Account(
            api.volcengine.quotas, groups=frozenset({DEFAULT_GROUP, *api.volcengine.projects}), tags=50
        ),
    }
