"""Alibaba Cloud's dialect of the VPC API, version 2016-04-28, as far as traffic mirroring goes.

Owns its signatures, parameters, errors and answers. Must not know engines, packets or other dialects. What
the cloud's pages say of each is in the action's declaration, from which the reference is made; where they
are silent, the choice and its reason are beside it.
"""

from mirrorplane.api.aliyun.dialect import Aliyun as Aliyun
