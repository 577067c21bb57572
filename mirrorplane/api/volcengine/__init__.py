"""The Volcengine dialect: the traffic mirroring actions of the VPC service, version 2020-04-01.

Owns what this cloud's SDKs send and parse. Must not know other dialects, engines or packets.

* `dialect`:        a request in, an answer out;
* `authentication`, `signature`: who asks;
* `parameters`, `values`: what is asked, and what of it is well-formed;
* `targets`, `filters`, `rules`, `sessions`, `tags`: the actions, all in `actions`;
* `pages`, `shapes`: what is answered;
* `errors`, `refusals`: what is answered instead.
"""

from mirrorplane.api.volcengine.dialect import Volcengine

__all__ = ["Volcengine"]
