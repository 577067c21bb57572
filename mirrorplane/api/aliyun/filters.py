"""The actions on filters and their rules.

Owns their declarations and what each asks of the control plane. Must not know sessions.

Where the cloud's pages are silent: a filter's name narrows a list to the filters of exactly that name.
"""

from dataclasses import replace

from mirrorplane.api.aliyun import rules
from mirrorplane.api.aliyun.calls import AliyunAction, Answer, Call, Changes, Looks, Work
from mirrorplane.api.aliyun.errors import missing
from mirrorplane.api.aliyun.pages import NEXT_TOKEN, PAGE_FIELDS, page, size
from mirrorplane.api.aliyun.parameters import (
    REGION,
    RESOURCE_GROUP,
    RESOURCE_GROUP_FIELD,
    WRITES,
    attached,
    identifier,
    named,
    narrowed,
    tags,
)
from mirrorplane.api.aliyun.shapes import FILTER_FIELDS, shape_of_filter
from mirrorplane.api.schema import Action, Field, Kind, Parameter
from mirrorplane.control import Draft, Snapshot, operations
from mirrorplane.control.orders import DEFAULT_GROUP
from mirrorplane.control.resources import Filter, Rule

MOST_LISTED, MOST_A_PAGE, USUAL_PAGE = 100, 100, 10

_FILTER_ID = identifier("TrafficMirrorFilterId", "The filter.", required=True)
_RULE_ID = identifier("TrafficMirrorFilterRuleId", "The rule.", required=True)


def _create(call: Call) -> Work:
    values = call.values
    asked = rules.numbered(rules.asked(values))
    given = attached(values["Tag"])

    def work(draft: Draft) -> Answer:
        made = operations.create_filter(
            draft,
            call.scope,
            values["TrafficMirrorFilterName"] or "",
            values["TrafficMirrorFilterDescription"] or "",
            values["ResourceGroupId"] or DEFAULT_GROUP,
            given,
            asked,
        )
        return {"TrafficMirrorFilterId": made.id, "ResourceGroupId": made.group}

    return work


def _create_rules(call: Call) -> Work:
    name = call.values["TrafficMirrorFilterId"]
    asked = rules.asked(call.values)
    if not asked:
        raise missing(rules.LISTS["ingress"])

    def work(draft: Draft) -> Answer:
        made = operations.create_rules(draft, call.scope, name, rules.numbered(asked, draft.rules(name)))
        return {
            theirs: [{"InstanceId": rule.id} for rule in made if rule.direction == direction]
            for direction, theirs in rules.LISTS.items()
        }

    return work


def _delete_rules(call: Call) -> Work:
    names, owner = call.values["TrafficMirrorFilterRuleIds"], call.values["TrafficMirrorFilterId"]

    def work(draft: Draft) -> Answer:
        operations.delete_rules(draft, call.scope, names, owner)
        return {}

    return work


def _change_rule(call: Call) -> Work:
    name = call.values["TrafficMirrorFilterRuleId"]

    def work(draft: Draft) -> Answer:
        changes = rules.changes(draft.find(Rule, call.scope, name), call.values)
        operations.change_rule(draft, call.scope, name, **changes)
        return {}

    return work


def _change(call: Call) -> Work:
    def work(draft: Draft) -> Answer:
        operations.change_filter(
            draft,
            call.scope,
            call.values["TrafficMirrorFilterId"],
            name=call.values["TrafficMirrorFilterName"],
            description=call.values["TrafficMirrorFilterDescription"],
        )
        return {}

    return work


def _delete(call: Call) -> Work:
    def work(draft: Draft) -> Answer:
        operations.delete_filter(draft, call.scope, call.values["TrafficMirrorFilterId"])
        return {}

    return work


def _list(call: Call, snapshot: Snapshot) -> Answer:
    values = call.values
    filters = narrowed(
        snapshot.filters(call.scope),
        values["TrafficMirrorFilterIds"],
        values["Tags"],
        name=values["TrafficMirrorFilterName"],
        group=values["ResourceGroupId"],
    )
    shown, token, total = page(filters, _key, values["MaxResults"], values["NextToken"])
    return {
        "NextToken": token,
        "TotalCount": str(total),
        "Count": len(shown),
        "MaxResults": values["MaxResults"],
        "TrafficMirrorFilters": [
            shape_of_filter(each, snapshot.rules(call.scope, each.id)) for each in shown
        ],
    }


def _key(each: Filter) -> tuple[float, str, str]:
    return each.life.created, each.id, ""


_RULE_IDS = Field("InstanceId", about="The new rule's id, in the order of the request.")

ACTIONS: tuple[AliyunAction, ...] = (
    Action(
        "CreateTrafficMirrorFilter",
        "Makes a filter, with rules if any are given. It is Creating, then Created.",
        (*WRITES, *named("TrafficMirrorFilter"), RESOURCE_GROUP, tags(), *rules.RULES),
        (Field("TrafficMirrorFilterId", about="The new filter's id."), RESOURCE_GROUP_FIELD),
        Changes(_create),
    ),
    Action(
        "CreateTrafficMirrorFilterRules",
        "Adds rules to a filter. They are Creating, then Created.",
        (*WRITES, _FILTER_ID, *rules.RULES),
        tuple(Field(name, Kind.OBJECTS, fields=(_RULE_IDS,)) for name in rules.LISTS.values()),
        Changes(_create_rules),
    ),
    Action(
        "DeleteTrafficMirrorFilterRules",
        "Deletes rules of a filter, of either direction. They are Deleting, then gone.",
        (
            *WRITES,
            _FILTER_ID,
            Parameter("TrafficMirrorFilterRuleIds", Kind.LIST, "The rules.", required=True),
        ),
        (),
        Changes(_delete_rules),
    ),
    Action(
        "UpdateTrafficMirrorFilterRuleAttribute",
        "Changes a rule; what is not given stays. It is Modifying, then Created.",
        (
            *WRITES,
            _RULE_ID,
            Parameter("RuleAction", about="accept: mirror; drop: do not.", choices=rules.ACTIONS),
            replace(rules.PROTOCOL, required=False),
            rules.PRIORITY,
            *rules.CIDRS,
            *rules.PORTS,
        ),
        (),
        Changes(_change_rule),
    ),
    Action(
        "UpdateTrafficMirrorFilterAttribute",
        "Changes the name or the description of a filter.",
        (*WRITES, _FILTER_ID, *named("TrafficMirrorFilter")),
        (),
        Changes(_change),
    ),
    Action(
        "DeleteTrafficMirrorFilter",
        "Deletes a filter that no session uses, with its rules. It is Deleting, then gone.",
        (*WRITES, _FILTER_ID),
        (),
        Changes(_delete),
    ),
    Action(
        "ListTrafficMirrorFilters",
        "Lists filters, oldest first: those for which all that is given holds.",
        (
            REGION,
            size(MOST_A_PAGE, USUAL_PAGE),
            NEXT_TOKEN,
            Parameter("TrafficMirrorFilterIds", Kind.LIST, "The filters.", maximum=MOST_LISTED),
            Parameter("TrafficMirrorFilterName", about="The whole name."),
            RESOURCE_GROUP,
            tags("Tags", "All of these tags; without Value, any value."),
        ),
        (
            *PAGE_FIELDS,
            Field("Count", Kind.NUMBER, "How many this page has."),
            Field("MaxResults", Kind.NUMBER, "How many it may have."),
            Field("TrafficMirrorFilters", Kind.OBJECTS, fields=FILTER_FIELDS),
        ),
        Looks(_list),
    ),
)
