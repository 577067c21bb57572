"""What the configuration grants each dialect."""

from mirrorplane.control import ALIYUN, VOLCENGINE, Account
from mirrorplane.control.accounts import accounts
from mirrorplane.model import AliyunQuotas, Quotas, VolcengineQuotas
from tests.control.desk import configuration


def test_each_dialect_has_its_own() -> None:
    said = "aliyun: {business_status: FinancialLocked}, volcengine: {projects: [blue], quotas: {targets: 7}}"
    assert accounts(configuration(f"{{{said}}}").api) == {
        ALIYUN: Account(AliyunQuotas(), is_normal=False, opt_in=True, groups=None, tags=20),
        VOLCENGINE: Account(VolcengineQuotas(targets=7), groups=frozenset({"default", "blue"}), tags=50),
    }


def test_a_quota_that_a_dialect_lacks_is_none() -> None:
    assert Account(Quotas()).quota("filters") == 100
    assert Account(Quotas()).quota("targets") is None
    assert Account(VolcengineQuotas()).quota("targets") == 100
