"""What only the API server asks the file for: keys, the place of its state, each cloud's account.

Owns the defaults of quotas and regions. Must not know requests. Quotas limit what the APIs create, not what
the file says.
"""

from re import compile as pattern
from typing import Annotated, Literal

from pydantic import AfterValidator, PlainValidator, SecretStr

from mirrorplane.model.faults import Problem, refuse, shown
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.scalars import distinct, whole
from mirrorplane.model.session import MAX_SOURCES

REGIONS = (
    "cn-hangzhou",
    "cn-shanghai",
    "cn-qingdao",
    "cn-beijing",
    "cn-huhehaote",
    "cn-shenzhen",
    "cn-hongkong",
    "ap-southeast-1",
    "us-west-1",
    "us-east-1",
)
"""Regions that Alibaba Cloud's pages on traffic mirroring name; a file may list others."""

_KEY_ID = pattern(r"[A-Za-z0-9._=-]{1,128}")  # no separator of any dialect's Authorization header
_SECRET = pattern(r"[!-~]{1,256}")
_REGION = pattern(r"[a-z0-9-]{1,64}")
_PROJECT = pattern(r"[\w.-]{1,64}")

Quota = Annotated[int, whole(0, (1 << 31) - 1)]


def _key_id(value: object) -> str:
    if isinstance(value, str) and _KEY_ID.fullmatch(value):
        return value
    raise ValueError("must be 1-128 letters, digits, dots, hyphens, underscores or equals signs")


def _secret(value: object) -> SecretStr:
    secret = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(secret, str) and _SECRET.fullmatch(secret):
        return SecretStr(secret)
    raise ValueError("must be 1-256 printable ASCII characters without a space (not shown here)")


def _region(value: object) -> str:
    if isinstance(value, str) and _REGION.fullmatch(value):
        return value
    raise ValueError(f"must be a region's id such as cn-hongkong, not {shown(value)}")


def _project(value: object) -> str:
    if isinstance(value, str) and _PROJECT.fullmatch(value):
        return value
    raise ValueError(f"must be a project's name: 1-64 letters, digits, `_`, `.` or `-`, not {shown(value)}")


def _place(value: object) -> str:
    if isinstance(value, str) and value and "\0" not in value:
        return value
    raise ValueError(f"must be a file's name, not {shown(value)}")


class AccessKey(Frozen):
    """A pair that signs requests, in every dialect. The secret shows in no repr and no error."""

    id: Annotated[str, PlainValidator(_key_id)]
    secret: Annotated[SecretStr, PlainValidator(_secret)]


def _one_secret_each(keys: tuple[AccessKey, ...]) -> tuple[AccessKey, ...]:
    first: dict[str, int] = {}
    refuse(
        Problem((at, "id"), f"{key.id} is listed twice")
        for at, key in enumerate(keys)
        if first.setdefault(key.id, at) != at
    )
    return keys


class Quotas(Frozen):
    """The limits that every account has. Those that a cloud does not publish are Alibaba Cloud's."""

    sessions: Quota = 20000
    sessions_per_interface: Quota = 3
    sources_per_target: Quota = 20
    filters: Quota = 100
    rules_per_filter: Quota = 20


class AliyunQuotas(Quotas):
    """The limits of an Alibaba Cloud account in one region; `rules_per_direction` is of one request."""

    sessions_per_filter: Quota = 2000
    sessions_per_load_balancer: Quota = 500
    sources_per_session: Quota = MAX_SOURCES
    rules_per_direction: Quota = 10


class VolcengineQuotas(Quotas):
    """The limits of a Volcengine account; the number of `targets` exists but is not published."""

    targets: Quota = 100


class Aliyun(Frozen):
    """The Alibaba Cloud account: where the feature exists, and whether its bills are paid."""

    regions: Annotated[tuple[Annotated[str, PlainValidator(_region)], ...], AfterValidator(distinct)] = (
        REGIONS
    )
    business_status: Literal["Normal", "FinancialLocked"] = "Normal"
    quotas: AliyunQuotas = AliyunQuotas()


class Volcengine(Frozen):
    """The Volcengine account. `projects` are those that there are beside `default`."""

    projects: Annotated[tuple[Annotated[str, PlainValidator(_project)], ...], AfterValidator(distinct)] = ()
    quotas: VolcengineQuotas = VolcengineQuotas()


class Api(Frozen):
    """The server's section. Without `access_keys` the server makes a pair; `state` is its store's file."""

    access_keys: Annotated[tuple[AccessKey, ...], AfterValidator(_one_secret_each)] = ()
    state: Annotated[str, PlainValidator(_place)] = "mirrorplane.db"
    aliyun: Aliyun = Aliyun()
    volcengine: Volcengine = Volcengine()
