"""The actions on the rules of filters; DescribeTrafficMirrorFilters shows them.

Owns their parameters, and what must hold between them. Must not know how a rule is matched. Sources:
https://www.volcengine.com/docs/6401/1157317 (CreateTrafficMirrorFilterRule),
https://docs.byteplus.com/api/docs/vpc/ModifyTrafficMirrorFilterRuleAttributes.
"""

from collections.abc import Callable
from typing import Any

from mirrorplane.api.schema import Field, Kind, Parameter
from mirrorplane.api.volcengine import errors, shapes
from mirrorplane.api.volcengine.calls import Call, Changes, Result, VolcengineAction, Work
from mirrorplane.api.volcengine.errors import Refused
from mirrorplane.api.volcengine.values import CLIENT_TOKEN, REQUEST_ID, description, identifier
from mirrorplane.control import NewRule, operations
from mirrorplane.control.draft import Draft
from mirrorplane.control.operations.filters import WITH_PORTS
from mirrorplane.control.orders import ANY_PORT
from mirrorplane.control.resources import Rule
from mirrorplane.model.scalars import network, port_range

NOUN = "TrafficMirrorFilterRule"
ID, FILTER_ID = f"{NOUN}Id", "TrafficMirrorFilterId"
_CIDRS = {"SourceCidrBlock": "source_cidr_block", "DestinationCidrBlock": "destination_cidr_block"}
_PORTS = {"SourcePortRange": "source_port_range", "DestinationPortRange": "destination_port_range"}


def _is_right(read: Callable[[object], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def is_cidr(text: str) -> bool:
    """Whether *text* is a network of IPv4 or IPv6; host bits are not taken."""
    return _is_right(network, text)


def is_port_range(text: str) -> bool:
    """Whether *text* is `low/high` of 1-65535, or -1/-1."""
    return _is_right(port_range, text) and not text.startswith("0")


def is_protocol(text: str) -> bool:
    """Whether *text* is a protocol's name. The SDK sends some with a space before; a page has upper case."""
    return _protocol(text) in shapes.PROTOCOLS


def _protocol(text: str) -> str:
    return text.strip().lower()


def _parameters(*, created: bool) -> tuple[Parameter, ...]:
    """Return what describes a rule that is *created*, or else changed: then anything may be left out."""
    ports = "low/high of 1-65535, for tcp and udp; others have -1/-1"
    return (
        Parameter("TrafficDirection", required=created, choices=("ingress", "egress")),
        Parameter(
            "Priority",
            Kind.NUMBER,
            "The smallest wins; one rule of each in a direction.",
            minimum=1,
            maximum=1000,
            default=1 if created else None,
        ),
        Parameter("Policy", required=created, choices=tuple(shapes.POLICIES), about="accept: mirror"),
        Parameter(
            "Protocol",
            required=created,
            allowed=is_protocol,
            about="tcp, udp, icmp, or all of these: all",
        ),
        *(Parameter(cidr, required=created, allowed=is_cidr, about="IPv4 or IPv6") for cidr in _CIDRS),
        *(Parameter(range_, allowed=is_port_range, about=ports) for range_ in _PORTS),
        description("" if created else None),
    )


def _given(call: Call) -> dict[str, Any]:
    """Return what the call says about a rule, by NewRule's names."""
    words = call.changes({"TrafficDirection": "direction", "Priority": "priority", **_CIDRS, **_PORTS})
    if call["Policy"] is not None:
        words["action"] = shapes.POLICIES[call["Policy"]]
    if call["Protocol"] is not None:
        words["protocol"] = shapes.PROTOCOLS[_protocol(call["Protocol"])]
    return words | call.changes({"Description": "description"})


def _check(words: dict[str, Any]) -> None:
    """Refuse a rule of *words* whose CIDRs are of two families, or whose protocol has other ports than it."""
    if len({network(words[name]).version for name in _CIDRS.values()}) > 1:
        raise Refused(errors.malformed("DestinationCidrBlock"))
    with_ports = words["protocol"] in WITH_PORTS
    for parameter, name in _PORTS.items():
        ports = words.get(name)
        if with_ports and ports is None:
            raise Refused(errors.MISSING_PARAMETER.about(parameter))
        if ports is not None and (ports != ANY_PORT) != with_ports:
            raise Refused(errors.malformed(parameter))


def _create(call: Call) -> Work:
    words = _given(call)
    _check(words)

    def work(draft: Draft) -> Result:
        (made,) = operations.create_rules(draft, call.scope, call[FILTER_ID], [NewRule(**words)])
        return {ID: made.id}

    return work


def _modify(call: Call) -> Work:
    given = _given(call)

    def work(draft: Draft) -> Result:
        _check(_kept(draft.find(Rule, call.scope, call[ID]), given) | given)
        operations.change_rule(draft, call.scope, call[ID], **given)
        return {}

    return work


def _kept(rule: Rule, given: dict[str, Any]) -> dict[str, Any]:
    """Return what of *rule* `_check` asks about, once it has what is *given*: perhaps without ports."""
    words = {name: getattr(rule, name) for name in ("protocol", *_CIDRS.values())}
    if {rule.protocol, given.get("protocol", rule.protocol)} <= WITH_PORTS:
        words |= {name: getattr(rule, name) for name in _PORTS.values()}
    return words


def _delete(call: Call) -> Work:
    def work(draft: Draft) -> Result:
        operations.delete_rules(draft, call.scope, [call[ID]])
        return {}

    return work


ACTIONS: tuple[VolcengineAction, ...] = (
    VolcengineAction(
        "CreateTrafficMirrorFilterRule",
        "Adds a rule to a filter. In each direction the first rule that matches a packet decides.",
        (identifier("TrafficMirrorFilter"), *_parameters(created=True), CLIENT_TOKEN),
        (REQUEST_ID, Field(ID)),
        Changes(_create),
    ),
    VolcengineAction(
        "ModifyTrafficMirrorFilterRuleAttributes",
        "Changes a rule. What is not given stays; ports must be given where the protocol had none.",
        (identifier(NOUN), *_parameters(created=False)),
        (REQUEST_ID,),
        Changes(_modify),
    ),
    VolcengineAction(
        "DeleteTrafficMirrorFilterRule",
        "Deletes a rule.",
        (identifier(NOUN),),
        (REQUEST_ID,),
        Changes(_delete),
    ),
)
