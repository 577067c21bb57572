"""How each SDK is pointed at a server: lines that can be copied, and work.

Owns the SDKs' names. Must not know what is done with the lines. They read the secret from where it is kept:
it is in none of them.
"""

from mirrorplane.api.reference import Example

_ALIBABA = """\
# pip install alibabacloud_vpc20160428; have no HTTP_PROXY set
{key}
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import client, models
vpc = client.Client(Config(access_key_id=key["id"], access_key_secret=key["secret"],
                           endpoint="{address}", protocol="http", region_id="{region}"))
# before the first session, once: vpc.open_traffic_mirror_service(models.OpenTrafficMirrorServiceRequest())
print(vpc.list_traffic_mirror_sessions(models.ListTrafficMirrorSessionsRequest(region_id="{region}")).body)
"""

_ALIYUN_CORE = """\
# pip install aliyun-python-sdk-vpc; have no HTTP_PROXY set
{key}
from aliyunsdkcore.client import AcsClient
from aliyunsdkvpc.request.v20160428.ListTrafficMirrorSessionsRequest import ListTrafficMirrorSessionsRequest
request = ListTrafficMirrorSessionsRequest()
request.set_endpoint("{address}")
print(AcsClient(key["id"], key["secret"], "{region}").do_action_with_exception(request).decode())
"""

_VOLCENGINE = """\
# pip install volcengine-python-sdk; have no HTTP_PROXY set
{key}
import volcenginesdkcore, volcenginesdkvpc
configuration = volcenginesdkcore.Configuration()
configuration.ak, configuration.sk, configuration.region = key["id"], key["secret"], "cn-beijing"
configuration.scheme, configuration.host = "http", "{address}"
vpc = volcenginesdkvpc.VPCApi(volcenginesdkcore.ApiClient(configuration))
print(vpc.describe_traffic_mirror_targets(volcenginesdkvpc.DescribeTrafficMirrorTargetsRequest()))
"""

_TITLES = {
    "Alibaba Cloud, Python": _ALIBABA,
    "Alibaba Cloud, Python, the older SDK": _ALIYUN_CORE,
    "Volcengine, Python": _VOLCENGINE,
}


def examples(address: str, region: str, key: str) -> list[Example]:
    """Return the lines for the server at *address*, `host:port`; *key* are Python's that make `key`."""
    return [
        Example(title, text.format(address=address, region=region, key=key))
        for title, text in _TITLES.items()
    ]


def key_of_file(path: str) -> str:
    """Return Python that reads the pair from the file that the server made."""
    return f"import json; key = json.load(open({path!r}))"


def key_of_configuration(path: str) -> str:
    """Return Python that reads the first pair of a configuration file."""
    return f'import yaml; key = yaml.safe_load(open({path!r}))["api"]["access_keys"][0]'
