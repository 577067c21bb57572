"""The dialect: which requests are its own, and the way of each from its signature to its answer.

Owns that order: who asks, which action, its parameters, the region, then the action itself. Must not know
any action.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from mirrorplane.api.aliyun import errors, filters, service, sessions, tagging
from mirrorplane.api.aliyun.authentication import Gate
from mirrorplane.api.aliyun.calls import Answer, Call, Changes, Looks
from mirrorplane.api.aliyun.errors import ApiError, faulty, refused
from mirrorplane.api.aliyun.signature import ACS3
from mirrorplane.api.dialect import JSON, Reply
from mirrorplane.api.keys import Keys
from mirrorplane.api.replay import Nonces
from mirrorplane.api.request import Request, Trouble
from mirrorplane.api.schema import Action, Fault, once, read
from mirrorplane.control import ALIYUN, Control, Refusal, Token
from mirrorplane.control.resources import Scope
from mirrorplane.model import Aliyun as Settings

VERSION = "2016-04-28"
_OURS = {"SignatureVersion", "SignatureNonce"}
_TROUBLES = {
    Trouble.OVERSIZED: errors.OVERSIZED,
    Trouble.UNREADABLE: errors.UNREADABLE,
    Trouble.SLOW: errors.SLOW,
    Trouble.FAILED: errors.INTERNAL,
}

ACTIONS = (*service.ACTIONS, *filters.ACTIONS, *sessions.ACTIONS, *tagging.ACTIONS)
_BY_NAME = {action.name: action for action in ACTIONS}


@dataclass
class _Asked:
    """What is known of a request so far, for the log."""

    id: str
    host: str
    action: str
    account: str = ""


class Aliyun:
    """Answers requests for the VPC API of Alibaba Cloud from *control*, for accounts as in *settings*."""

    name = ALIYUN
    title = f"Alibaba Cloud VPC {VERSION}"

    def __init__(self, control: Control, keys: Keys, settings: Settings) -> None:
        self._control, self._settings = control, settings
        self._gate = Gate(keys, Nonces())

    def claims(self, request: Request) -> bool:
        """Return whether *request* has headers `x-acs-`, or the common parameters of RPC v1."""
        names = {name for name, _ in request.parameters}
        return (
            any(name.startswith("x-acs-") for name in request.headers)
            or request.headers.get("authorization", "").startswith(ACS3)
            or bool(names & _OURS)
            or ("Version", VERSION) in request.parameters
        )

    async def answer(self, request: Request, request_id: str) -> Reply:
        """Do what *request* asks."""
        asked = _asked(request, request_id)
        try:
            return _reply(asked, 200, await self._answer(request, asked))
        except ApiError as error:
            return _error(asked, error)
        except Refusal as refusal:
            return _error(asked, refused(refusal))
        except Fault as fault:
            return _error(asked, faulty(fault, asked.action))

    def refuse(self, request: Request, request_id: str, trouble: Trouble) -> Reply:
        """Return the answer to a request that cannot be done because of *trouble*."""
        return _error(_asked(request, request_id), ApiError(_TROUBLES[trouble]))

    def reference(self) -> Sequence[Action[Any]]:
        """Return all actions."""
        return ACTIONS

    async def _answer(self, request: Request, asked: _Asked) -> Answer:
        if request.body and not request.form:
            raise ApiError(errors.BODY)  # nothing would read it, and RPC v1 does not sign it
        given = once(request.parameters)
        asked.account = self._gate.enter(request, given)
        action = _action(request, given, asked.action)
        values = read(action.parameters, given)
        call = Call(Scope(ALIYUN, asked.account, self._region(values["RegionId"])), values, self._settings)
        if isinstance(action.handler, Looks):
            return action.handler.answer(call, self._control.snapshot())
        return await self._change(action.name, action.handler, call)

    async def _change(self, name: str, handler: Changes, call: Call) -> Answer:
        text = call.values.get("ClientToken")
        token = Token(call.scope, name, text, _fingerprint(call.values)) if text else None
        return await self._control.submit_async(
            handler.work(call), token=token, dry_run=call.values.get("DryRun", False)
        )

    def _region(self, name: str | None) -> str:
        regions = self._settings.regions
        region = name or next(iter(regions), "")
        if region not in regions:
            raise ApiError(errors.UNSUPPORTED_REGION)
        return region


def _asked(request: Request, request_id: str) -> _Asked:
    """Return what is asked for: the header's action if headers are signed, else the parameter's."""
    action = request.headers.get("x-acs-action", "")
    if "authorization" not in request.headers:
        action = next((value for name, value in request.parameters if name == "Action"), action)
    return _Asked(request_id, request.headers.get("host", ""), action if action in _BY_NAME else "")


def _action(request: Request, given: Mapping[str, str], name: str) -> Action[Looks | Changes]:
    is_acs3 = "authorization" in request.headers
    version = request.headers.get("x-acs-version") if is_acs3 else given.get("Version")
    if version != VERSION:
        raise ApiError(errors.VERSION)
    if name not in _BY_NAME:
        raise ApiError(errors.ACTION)
    return _BY_NAME[name]


def _fingerprint(values: Mapping[str, Any]) -> str:
    """Return what differs between two calls with different parameters, the token itself aside."""
    others = {name: value for name, value in values.items() if name != "ClientToken"}
    return sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def _error(asked: _Asked, error: ApiError) -> Reply:
    body = {"HostId": asked.host, "Code": error.code, "Message": error.message}
    return _reply(asked, error.status, body, error.code)


def _reply(asked: _Asked, status: int, answer: Answer, code: str = "") -> Reply:
    body = json.dumps({**answer, "RequestId": asked.id}, ensure_ascii=False)
    return Reply(status, JSON, body.encode(errors="replace"), asked.action, asked.account, code)
