"""The dialect: a request in, an answer out.

Owns the envelope, and the order: who asks, which action, its parameters, what it does. Must not know what
any action does.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mirrorplane.api.dialect import JSON, Reply
from mirrorplane.api.keys import Keys
from mirrorplane.api.replay import Nonces
from mirrorplane.api.request import Pairs, Request, Trouble
from mirrorplane.api.schema import Fault, once, read
from mirrorplane.api.volcengine import errors, parameters, refusals
from mirrorplane.api.volcengine.actions import ACTIONS
from mirrorplane.api.volcengine.authentication import SERVICE, authenticate, claims
from mirrorplane.api.volcengine.calls import Call, Looks, Result, VolcengineAction
from mirrorplane.api.volcengine.errors import Error, Refused
from mirrorplane.control import VOLCENGINE, Control, Refusal, Token
from mirrorplane.control.resources import Scope

VERSION = "2020-04-01"
_MAX_WORD = 128  # of what an error or the log repeats
_TROUBLE = {
    Trouble.OVERSIZED: errors.OVERSIZED,
    Trouble.UNREADABLE: errors.REQUEST_MALFORMED,
    Trouble.SLOW: errors.SLOW,
    Trouble.FAILED: errors.INTERNAL,
}


@dataclass
class _Asked:
    """What is known of a request so far: the envelope of every answer repeats it."""

    request_id: str
    action: str
    version: str
    account: str = ""
    region: str = ""


class Volcengine:
    """Answers for *control*, whoever signs with one of *keys*."""

    name = VOLCENGINE
    title = f"Volcengine VPC {VERSION}"

    def __init__(self, control: Control, keys: Keys) -> None:
        self._control, self._keys, self._seen = control, keys, Nonces()

    def claims(self, request: Request) -> bool:
        """Return whether *request* is signed as Volcengine has it, or asks for a version that it has."""
        return claims(request) or ("Version", VERSION) in request.query

    async def answer(self, request: Request, request_id: str) -> Reply:
        """Return the answer to *request*."""
        asked = _asked(request, request_id)
        try:
            credential = authenticate(request, self._keys, self._seen)
            asked.account, asked.region = credential.key_id, credential.scope.region
            scope = Scope(VOLCENGINE, asked.account, asked.region)
            result = await self._done(_action(asked), scope, parameters.given(request))
        except Refused as refused:
            return _failed(asked, refused.error)
        except Fault as fault:
            return _failed(asked, parameters.error_of(fault))
        except Refusal as refusal:
            return _failed(asked, refusals.error_of(refusal))
        return _reply(asked, 200, {"Result": {"RequestId": request_id, **result}})

    def refuse(self, request: Request, request_id: str, trouble: Trouble) -> Reply:
        """Return the answer to a request that is in *trouble*."""
        return _failed(_asked(request, request_id), _TROUBLE[trouble])

    def reference(self) -> Sequence[VolcengineAction]:
        """Return all actions."""
        return tuple(ACTIONS.values())

    async def _done(self, action: VolcengineAction, scope: Scope, given: Pairs) -> Result:
        values = read(action.parameters, once(given))
        call = Call(scope, values)
        if isinstance(action.handler, Looks):
            return action.handler.answer(call, self._control.snapshot())
        token = _token(action, call)
        result: Result = await self._control.submit_async(action.handler.work(call), token)
        return result


def _asked(request: Request, request_id: str) -> _Asked:
    query = dict(request.query)
    return _Asked(request_id, query.get("Action", "")[:_MAX_WORD], query.get("Version", "")[:_MAX_WORD])


def _action(asked: _Asked) -> VolcengineAction:
    for name, value in (("Action", asked.action), ("Version", asked.version)):
        if not value:
            raise Refused(errors.MISSING_PARAMETER.about(name))
    if asked.version != VERSION or asked.action not in ACTIONS:
        raise Refused(errors.ACTION_NOT_FOUND.about(asked.action, asked.version))
    return ACTIONS[asked.action]


def _token(action: VolcengineAction, call: Call) -> Token | None:
    """Return the token of a *call* that has one. Its fingerprint is of the values, defaults among them."""
    text = call.values.get("ClientToken")
    if text is None:
        return None
    values = json.dumps(call.values, sort_keys=True)
    return Token(call.scope, action.name, text, hashlib.sha256(values.encode()).hexdigest())


def _failed(asked: _Asked, error: Error) -> Reply:
    shown: dict[str, Any] = {"Code": error.code, "Message": error.message}
    if error.number is not None:
        shown["CodeN"] = error.number
    return _reply(asked, error.status, {"Error": shown}, error.code)


def _reply(asked: _Asked, status: int, rest: dict[str, Any], code: str = "") -> Reply:
    """Return the answer: `Result` stands beside the metadata, `Error` in it."""
    metadata = {
        "RequestId": asked.request_id,
        "Action": asked.action,
        "Version": asked.version,
        "Service": SERVICE,
        "Region": asked.region,
    }
    if "Error" in rest:
        metadata |= rest
        rest = {}
    body = json.dumps({"ResponseMetadata": metadata, **rest}, ensure_ascii=False).encode()
    return Reply(status, JSON, body, asked.action, asked.account, code)
