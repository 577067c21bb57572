"""The actions on the service itself, which is opened once in each region.

Owns their declarations. Must not know what an open service is good for.

Where the cloud's pages are silent: opening it again is the error ORDER.OPEND, on which Terraform goes on.
Without a region the first of the configuration is meant.
"""

from dataclasses import replace

from mirrorplane.api.aliyun.calls import AliyunAction, Answer, Call, Changes, Looks, Work
from mirrorplane.api.aliyun.errors import ApiError, Row
from mirrorplane.api.aliyun.parameters import CLIENT_TOKEN, REGION
from mirrorplane.api.schema import Action, Field, Kind
from mirrorplane.control import Draft, Snapshot, operations

_OPENED = Row("ORDER.OPEND", "The service has been opened.")
_PARAMETERS = (replace(REGION, required=False), CLIENT_TOKEN)


def _open(call: Call) -> Work:
    def work(draft: Draft) -> Answer:
        if not operations.subscribe(draft, call.scope):
            raise ApiError(_OPENED)
        return {"Code": "200", "Message": "successful"}

    return work


def _look(call: Call, snapshot: Snapshot) -> Answer:
    return {"Enabled": snapshot.subscribed(call.scope)}


ACTIONS: tuple[AliyunAction, ...] = (
    Action(
        "OpenTrafficMirrorService",
        "Opens the service in a region, for good: without it no session can be made there.",
        _PARAMETERS,
        (Field("Code", about="200."), Field("Message", about="successful.")),
        Changes(_open),
    ),
    Action(
        "GetTrafficMirrorServiceStatus",
        "Says whether the service is open in a region.",
        _PARAMETERS,
        (Field("Enabled", Kind.FLAG, "Whether it is."),),
        Looks(_look),
    ),
)
