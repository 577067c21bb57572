"""The dialect as the server sees it: what it claims, its envelope, and that nothing makes it fail."""

import json
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirrorplane.api.keys import Keys
from mirrorplane.api.request import Trouble, decode
from mirrorplane.api.schema import Kind, Parameter
from mirrorplane.api.volcengine import Volcengine
from mirrorplane.api.volcengine.actions import ACTIONS
from mirrorplane.control import Control
from tests.api.volcengine.asking import Asking, action
from tests.api.volcengine.conftest import Send

TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.integers(-2, 1 << 70).map(str)
    | st.sampled_from(["", "tcp", "all", "0.0.0.0/0", "::/0", "80/80", "-1/-1", "eni-odd", "lb-sensors"])
)


def pairs(parameter: Parameter, prefix: str = "") -> st.SearchStrategy[dict[str, str]]:
    """Return what may be given for *parameter*: nothing, something, or something of another shape."""
    name = prefix + parameter.name
    texts = TEXTS | st.sampled_from(parameter.choices) if parameter.choices else TEXTS
    one = texts.map(lambda text: {name: text})
    several = st.lists(texts, max_size=3).map(
        lambda found: {f"{name}.{at}": text for at, text in enumerate(found, 1)}
    )
    if parameter.kind is Kind.OBJECTS:
        below = [pairs(field, f"{name}.1.") for field in parameter.fields]
        return st.tuples(*below).map(lambda found: {key: it[key] for it in found for key in it}) | one
    return (several | one) if parameter.kind is Kind.LIST else (one | st.just({}) | several)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_that_is_asked_makes_it_fail(send: Send, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ACTIONS)))
    asked = action(name)
    for parameter in ACTIONS[name].parameters:
        asked |= data.draw(pairs(parameter))
    mark = {"x-sdk-invocation-id": str(uuid4())}
    status, document = send(Asking(asked, headers=mark, signed="host;x-date;x-sdk-invocation-id"))
    assert status < 500
    assert document["ResponseMetadata"]["Action"] == name
    assert ("Result" in document) == (status == 200) == ("Error" not in document["ResponseMetadata"])


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (Trouble.OVERSIZED, 413, "RequestTooLarge"),
        (Trouble.UNREADABLE, 400, "InvalidParameter.Malformed"),
        (Trouble.SLOW, 408, "RequestTimeout"),
        (Trouble.FAILED, 500, "InternalError"),
    ],
)
def test_trouble(trouble: Trouble, status: int, code: str, control: Control) -> None:
    dialect = Volcengine(control, Keys({}))
    request = decode("GET", "/", b"Action=A&Version=2020-04-01", {}, b"", 0.0)
    reply = dialect.refuse(request, "R", trouble)
    metadata = json.loads(reply.body)["ResponseMetadata"]
    assert (reply.status, reply.code, reply.action, reply.account) == (status, code, "A", "")
    assert (metadata["RequestId"], metadata["Action"]) == ("R", "A")
    assert metadata["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("query", "authorization", "is_ours"),
    [
        (b"Version=2020-04-01", "", True),
        (b"X-Algorithm=HMAC-SHA256", "", True),
        (b"", "HMAC-SHA256 anything", True),
        (b"Version=2016-04-28", "", False),
        (b"Version=2016-11-15", "AWS4-HMAC-SHA256 Credential=a", False),
        (b"", "ACS3-HMAC-SHA256 Credential=a", False),
        (b"", "", False),
    ],
)
def test_claims(query: bytes, authorization: str, is_ours: bool, control: Control) -> None:
    dialect = Volcengine(control, Keys({}))
    request = decode("GET", "/", query, {"authorization": authorization}, b"", 0.0)
    assert dialect.claims(request) == is_ours


def test_the_reference_is_complete(control: Control) -> None:
    actions = Volcengine(control, Keys({})).reference()
    assert [each.name for each in actions] == list(ACTIONS)
    assert all(each.about and each.response for each in actions)
