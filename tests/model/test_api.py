"""The server's section."""

import pytest

from mirrorplane.model import (
    AccessKey,
    Aliyun,
    AliyunQuotas,
    Api,
    ConfigurationError,
    Quotas,
    Volcengine,
    VolcengineQuotas,
    read,
)
from tests.model.documents import only_problem


def api(body: str) -> Api:
    return read(f"api:\n  {body}\n", "lab.yaml").api


def test_defaults() -> None:
    found = read("{}", "lab.yaml").api
    assert found == Api() == api("{}")
    assert (found.access_keys, found.state) == ((), "mirrorplane.db")
    assert found.aliyun == Aliyun(business_status="Normal", quotas=AliyunQuotas())
    assert "cn-hongkong" in found.aliyun.regions
    assert found.volcengine == Volcengine(quotas=VolcengineQuotas(targets=100))


def test_published_quotas() -> None:
    """Alibaba Cloud's, from "understanding VPC quotas"."""
    assert AliyunQuotas().model_dump() == {
        "sessions": 20000,
        "sessions_per_filter": 2000,
        "sessions_per_interface": 3,
        "sessions_per_load_balancer": 500,
        "sources_per_session": 10,
        "sources_per_target": 20,
        "filters": 100,
        "rules_per_filter": 20,
        "rules_per_direction": 10,
    }
    assert issubclass(VolcengineQuotas, Quotas)


def test_everything_said() -> None:
    found = api(
        "{access_keys: [{id: AKa=, secret: 'SK/+='}, {id: 0123, secret: 4711}], state: /var/lib/m.db, "
        "aliyun: {regions: [eu-1, eu-2], business_status: FinancialLocked, quotas: "
        "{filters: 0, sessions: 2147483647}}, "
        "volcengine: {projects: [default, 目的.1], quotas: {targets: 1, sessions_per_interface: 9}}}"
    )
    assert [(key.id, key.secret.get_secret_value()) for key in found.access_keys] == [
        ("AKa=", "SK/+="),
        ("0123", "4711"),
    ]
    assert found.state == "/var/lib/m.db"
    assert found.aliyun.regions == ("eu-1", "eu-2")
    assert found.aliyun.business_status == "FinancialLocked"
    assert (found.aliyun.quotas.filters, found.aliyun.quotas.sessions) == (0, 2147483647)
    assert found.volcengine.projects == ("default", "目的.1")
    assert (found.volcengine.quotas.targets, found.volcengine.quotas.sessions_per_interface) == (1, 9)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "api: must be a mapping, not nothing"),
        ("[]", "api: must be a mapping, not a list"),
        ("{acess_keys: []}", "api.acess_keys: unknown key (did you mean access_keys?)"),
        ("{state: }", "api.state: must be a file's name, not nothing"),
        ("{state: ''}", "api.state: must be a file's name, not ''"),
        ("{aliyun: }", "api.aliyun: must be a mapping, not nothing"),
        ("{aliyun: {region: []}}", "api.aliyun.region: unknown key (did you mean regions?)"),
        (
            "{aliyun: {regions: [CN]}}",
            "api.aliyun.regions[0]: must be a region's id such as cn-hongkong, not 'CN'",
        ),
        ("{aliyun: {regions: [a, b, a]}}", "api.aliyun.regions[2]: a is listed twice"),
        (
            "{volcengine: {projects: [a b]}}",
            "api.volcengine.projects[0]: must be a project's name: 1-64 letters, digits, `_`, `.` or `-`, "
            "not 'a b'",
        ),
        ("{volcengine: {projects: [a, a]}}", "api.volcengine.projects[1]: a is listed twice"),
        (
            "{aliyun: {business_status: Broke}}",
            "api.aliyun.business_status: must be 'Normal' or 'FinancialLocked', not 'Broke'",
        ),
        (
            "{aliyun: {quotas: {session: 1}}}",
            "api.aliyun.quotas.session: unknown key (did you mean sessions?)",
        ),
        (
            "{aliyun: {quotas: {filters: -1}}}",
            "api.aliyun.quotas.filters: must be a whole number from 0 to 2147483647, not '-1'",
        ),
        ("{aliyun: {quotas: {targets: 1}}}", "api.aliyun.quotas.targets: unknown key"),
        (
            "{volcengine: {quotas: {sources_per_session: 1}}}",
            "api.volcengine.quotas.sources_per_session: unknown key (did you mean sources_per_target?)",
        ),
        (
            "{access_keys: [{id: a, secret: b}, {id: a, secret: c}]}",
            "api.access_keys[1].id: a is listed twice",
        ),
        ("{access_keys: [{id: a}]}", "api.access_keys[0].secret: is required"),
        ("{access_keys: [{secret: a}]}", "api.access_keys[0].id: is required"),
    ],
)
def test_refused(body: str, text: str) -> None:
    found = only_problem(f"api:\n  {body}\n").partition(" ")[2]
    assert found == text


@pytest.mark.parametrize(
    "keys",
    [
        "[{id: a, secret: 'HIDE ME'}]",
        "[{id: a, secret: [HIDE]}]",
        "[{id: a, secret: {HIDE: ME}}]",
        "[{id: a, secret: HIDEé}]",
        f"[{{id: a, secret: {'HIDE' * 65}}}]",
        "[{id: a, secret: HIDE, note: HIDE}]",
        "[{id: [a], secret: HIDE}]",
        "[{id: 'a HIDE', secret: HIDE}]",
        "[HIDE]",
        "[[HIDE, HIDE]]",
        "HIDE",
        "{id: a, secret: HIDE}",
        "[{id: a, secret: HIDE, secret: HIDE2}]",
        "[{id: a, secret: !HIDDEN HIDE}]",
        "[{id: a, secret: HIDE]",
        '[{id: a, secret: "HIDE\\q"}]',
        "[{id: a, secret: *HIDE}]",
    ],
)
def test_a_secret_is_in_no_error(keys: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(f"api:\n  access_keys: {keys}\n", "lab.yaml")
    assert "HIDE" not in f"{refused.value} {refused.value!r}"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_secret_is_in_no_repr() -> None:
    key = AccessKey.model_validate({"id": "a", "secret": "HIDE"})
    assert key.secret.get_secret_value() == "HIDE"
    assert "HIDE" not in f"{key!r} {key} {key.model_dump()} {Api(access_keys=(key,))!r}"
    assert AccessKey(id="a", secret=key.secret) == key
