"""Who is answered: signatures, their age, and that each counts once."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest
import volcenginesdkcore
from volcenginesdkcore.rest import ApiException
from volcenginesdkcore.signv4 import SignerV4

from mirrorplane.api.replay import SKEW
from mirrorplane.api.volcengine import errors
from mirrorplane.control import Control
from mirrorplane.control.resources import Scope
from tests.api.volcengine.asking import KEY, OTHER_KEY, SECRET, Asking, action, error
from tests.api.volcengine.clients import call, described, filter_, refused
from tests.api.volcengine.conftest import Connect, Send

LOOK = action("DescribeTrafficMirrorFilters")
CREATE = action("CreateTrafficMirrorFilter")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_right_request(send: Send, region: str) -> None:
    status, document = send(Asking(LOOK))
    metadata = document["ResponseMetadata"]
    request_id = metadata.pop("RequestId")
    assert status == 200
    assert metadata == {
        "Action": "DescribeTrafficMirrorFilters",
        "Version": "2020-04-01",
        "Service": "vpc",
        "Region": region,
    }
    assert document["Result"] == {"RequestId": request_id, "TrafficMirrorFilters": [], "NextToken": ""}


WRONG: dict[str, tuple[Asking, tuple[int, str, int | None]]] = {
    "unsigned": (Asking(CREATE, alter={"authorization": None}), (401, "MissingAuthenticationToken", 100003)),
    "no signature": (
        Asking(CREATE, alter={"authorization": "HMAC-SHA256 Credential=a/b/c/d/request, SignedHeaders=host"}),
        (401, "MissingSignature", 100005),
    ),
    "no hex": (
        Asking(
            CREATE,
            alter={"authorization": "HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=x"},
        ),
        (400, "InvalidAuthorization", 100024),
    ),
    "another scheme": (
        Asking(CREATE, alter={"authorization": "Basic Signature=YTpi"}),
        (400, "InvalidAuthorization", 100024),
    ),
    "no credential": (
        Asking(
            CREATE,
            alter={"authorization": "HMAC-SHA256 Credential=a, SignedHeaders=host;x-date, Signature=0"},
        ),
        (400, "InvalidCredential", None),
    ),
    "no region": (Asking(CREATE, region="r_1"), (400, "InvalidCredential", None)),
    "no date": (Asking(CREATE, alter={"x-date": None}), (400, "MissingRequestInfo", 100004)),
    "no date of a calendar": (
        Asking(CREATE, alter={"x-date": "20261341T000000Z"}),
        (400, "InvalidTimestamp", 100006),
    ),
    "a date of another form": (Asking(CREATE, alter={"x-date": "now"}), (400, "InvalidTimestamp", 100006)),
    "unknown key": (Asking(CREATE, key="AKNOBODY"), (401, "InvalidAccessKey", 100009)),
    "wrong secret": (Asking(CREATE, secret=KEY), (401, "SignatureDoesNotMatch", 100010)),
    "another host": (Asking(CREATE, alter={"host": "example.com"}), (401, "SignatureDoesNotMatch", 100010)),
    "unsigned host": (Asking(CREATE, signed="x-date"), (401, "SignatureDoesNotMatch", 100010)),
    "unsigned date": (Asking(CREATE, signed="host"), (401, "SignatureDoesNotMatch", 100010)),
    "a header that is not there": (
        Asking(CREATE, headers={"x-a": "1"}, signed="host;x-a;x-date", alter={"x-a": None}),
        (401, "SignatureDoesNotMatch", 100010),
    ),
    "more in the query": (Asking(CREATE, suffix="&Description=a"), (401, "SignatureDoesNotMatch", 100010)),
    "another service": (Asking(CREATE, service="ecs"), (404, "ServiceNotFound", 100007)),
    "temporary key": (
        Asking(CREATE, headers={"x-security-token": "t"}, signed="host;x-date;x-security-token"),
        (401, "InvalidSecretToken", None),
    ),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_what_is_refused(case: str, send: Send, control: Control, scope: Scope) -> None:
    asking, expected = WRONG[case]
    asking.when = time.time()
    assert error(send(asking)) == expected
    assert scope not in control.snapshot().scopes()


@pytest.mark.parametrize("sign", [-1, 1])
def test_how_old_and_how_new(sign: int, send: Send) -> None:
    near, far = (Asking(LOOK, when=time.time() + sign * (SKEW + beyond)) for beyond in (-5, 5))
    assert send(near)[0] == 200
    assert error(send(far)) == (400, "InvalidTimestamp", 100006)


def test_the_day_is_the_dates(send: Send) -> None:
    """A signing key is good for a day: the scope's must be that of X-Date, even where both are signed."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    asking = Asking(LOOK, when=time.time() - 86400, alter={"x-date": date})
    assert error(send(asking)) == (400, "InvalidTimestamp", 100006)


def test_a_signature_counts_once(send: Send, control: Control, scope: Scope) -> None:
    asking = Asking(CREATE)
    assert send(asking)[0] == 200
    assert error(send(asking)) == (400, "InvalidTimestamp", 100006)
    asking.headers, asking.signed = {"x-sdk-invocation-id": "2"}, "host;x-date;x-sdk-invocation-id"
    assert send(asking)[0] == 200
    assert len(control.snapshot().filters(scope)) == 2


def test_a_wrong_signature_is_not_remembered(send: Send) -> None:
    asking = Asking(CREATE, suffix="&x=1")
    assert send(asking)[0] == 401
    asking.suffix = ""
    assert send(asking)[0] == 200


@pytest.mark.parametrize("tampered", [b"Description=b", b"Description=a&Description=a", b""])
def test_the_body_is_signed(tampered: bytes, send: Send, address: str) -> None:
    asking = Asking(CREATE, "POST", b"Description=a", FORM, region="cn-beijing")
    headers = asking.headers_for(address)
    changed = Asking(CREATE, "POST", tampered, headers, alter=dict(headers))
    assert error(send(changed)) == (401, "SignatureDoesNotMatch", 100010)


@pytest.mark.parametrize("host", [True, False])
def test_a_presigned_url(host: bool, send: Send, address: str) -> None:
    url = SignerV4.sign_url(
        "/", "GET", LOOK, KEY, SECRET, "cn-beijing", "vpc", host=address if host else None
    )
    asking = Asking({}, alter={"authorization": None, "x-date": None}, suffix=url)
    assert send(asking)[0] == 200
    assert error(send(asking)) == (400, "InvalidTimestamp", 100006)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Description": "a"}, (401, "SignatureDoesNotMatch", 100010)),
        ({"X-Signature": "00"}, (401, "SignatureDoesNotMatch", 100010)),
        ({"X-Signature": ""}, (401, "MissingSignature", 100005)),
        ({"X-Credential": ""}, (400, "MissingRequestInfo", 100004)),
        ({"X-Credential": "a"}, (400, "InvalidCredential", None)),
        ({"X-Date": "20200101T000000Z"}, (400, "InvalidTimestamp", 100006)),
        ({"X-SignedQueries": "X-Date"}, (401, "SignatureDoesNotMatch", 100010)),
        ({"X-SignedHeaders": "x-none"}, (401, "SignatureDoesNotMatch", 100010)),
        ({"X-Algorithm": "HMAC-SHA1"}, (401, "MissingAuthenticationToken", 100003)),
        ({"X-Security-Token": "t"}, (401, "InvalidSecretToken", None)),
    ],
)
def test_a_presigned_url_that_was_changed(
    change: dict[str, str], expected: tuple[int, str, int | None], send: Send
) -> None:
    url = SignerV4.sign_url("/", "GET", CREATE, KEY, SECRET, "cn-beijing", "vpc")
    query = dict(pair.split("=", 1) for pair in url.split("&"))
    suffix = "&".join(f"{name}={value}" for name, value in query.items() if name not in change)
    asking = Asking(change, alter={"authorization": None, "x-date": None}, suffix="&" + suffix)
    assert error(send(asking)) == expected


def test_a_presigned_url_signs_no_body(send: Send) -> None:
    url = SignerV4.sign_url("/", "POST", CREATE, KEY, SECRET, "cn-beijing", "vpc")
    alter: dict[str, str | None] = {"authorization": None, "x-date": None}
    asking = Asking({}, "POST", b"Description=a", FORM, alter=alter, suffix=url)
    assert error(send(asking)) == (401, "SignatureDoesNotMatch", 100010)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"Version": "2020-04-01"}, (400, "MissingParameter", 100002)),
        ({"Action": "CreateTrafficMirrorFilter"}, (400, "MissingParameter", 100002)),
        (action("CreateVpc"), (404, "InvalidActionOrVersion", 100008)),
        ({**CREATE, "Version": "2020-04-02"}, (404, "InvalidActionOrVersion", 100008)),
        (action("a" * 2000), (404, "InvalidActionOrVersion", 100008)),
    ],
)
def test_what_cannot_be_asked(
    query: dict[str, str], expected: tuple[int, str, int | None], send: Send
) -> None:
    answer = send(Asking(query))
    assert error(answer) == expected
    assert len(answer[1]["ResponseMetadata"]["Action"]) <= 128


def test_too_much(send: Send) -> None:
    asking = Asking(CREATE, method="POST", body=b"Description=" + b"a" * (1 << 16), headers=FORM)
    assert error(send(asking)) == (413, "RequestTooLarge", None)


def test_no_text(send: Send) -> None:
    assert error(send(Asking(CREATE, suffix="&Description=%ff"))) == (
        400,
        "InvalidParameter.Malformed",
        None,
    )


def test_a_parameter_twice(send: Send) -> None:
    asking = Asking(CREATE, method="POST", body=b"Version=2020-04-01", headers=FORM)
    assert error(send(asking)) == (400, "InvalidParameter.Repeated", None)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json"])
def test_posts_of_the_sdk(content_type: str, connect: Connect) -> None:
    api = connect()
    universal = volcenginesdkcore.UniversalApi(api.api_client)
    info = volcenginesdkcore.UniversalInfo(
        method="POST",
        service="vpc",
        version="2020-04-01",
        action="CreateTrafficMirrorFilter",
        content_type=content_type,
    )
    body: dict[str, Any] = {
        "TrafficMirrorFilterName": "目的",
        "Description": "a b, c=d",
        "Tags": [{"Key": "a+b", "Value": "1/2"}, {"Key": "c", "Value": ""}],
    }
    made = universal.do_call(info, body)
    (found,) = described(api, "filter")
    assert found.traffic_mirror_filter_id == made["TrafficMirrorFilterId"]
    assert (found.traffic_mirror_filter_name, found.description) == ("目的", "a b, c=d")
    assert {tag.key: tag.value for tag in found.tags} == {"a+b": "1/2", "c": ""}


def test_accounts_and_regions_are_apart(connect: Connect) -> None:
    first = filter_(connect())
    for settings in ({"ak": OTHER_KEY}, {"region": "cn-shanghai"}):
        other = connect(**settings)
        assert described(other, "filter") == []
        with refused(errors.NOT_FOUND["filter"]):
            call(other, "delete_traffic_mirror_filter", traffic_mirror_filter_id=first)


@pytest.mark.parametrize("settings", [{"sk": "guess"}, {"ak": "AKNOBODY"}, {"session_token": "t"}])
def test_what_the_sdk_says(settings: dict[str, str], connect: Connect) -> None:
    with pytest.raises(ApiException) as caught:
        call(connect(**settings), "describe_traffic_mirror_filters")
    assert caught.value.status == 401


def test_who_is_claimed(send: Send) -> None:
    """Requests of nobody's form are not answered in this dialect."""
    asking = Asking({"Action": "A"}, alter={"authorization": None}, suffix="&" + urlencode({"x": "1"}))
    assert send(asking)[1]["Code"] == "UnknownDialect"
