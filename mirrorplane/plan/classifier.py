"""All fields of the rules of one (source, direction, IP version).

Owns which field of a rule becomes which trie. Must not know sessions: it is given rules in the order of
their bits.

Protocol and destination port are looked up as one field of three bytes, and the source port only where some
rule names one: each field that a packet does not have to be looked up by is a vector less to be searched.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mirrorplane.model import ANY_PORT, Rule
from mirrorplane.plan.crossing import Crossings
from mirrorplane.plan.fields import ADDRESS_BYTES, ANY_PORTS, addresses, port_numbers, protocols
from mirrorplane.plan.intervals import Range, cut, words
from mirrorplane.plan.listing import Lists
from mirrorplane.plan.tables import NONE
from mirrorplane.plan.tries import Tries

PORT_BYTES, PORT_BITS = 2, 16
SERVICE_BYTES = 1 + PORT_BYTES


class Shortcut(NamedTuple):
    """A row of `tables.SHORTCUT`."""

    list: int
    groups: int
    crossing: int


class Classifier(NamedTuple):
    """A row of `tables.CLASSIFIER`, without its decisions."""

    words: int
    summaries: int
    source_root: int
    destination_root: int
    service_root: int
    portless_root: int
    source_port_root: int


EMPTY = Classifier(0, 0, 0, 0, 0, 0, NONE), Shortcut(0, 0, NONE)
"""No rules: nothing matches, nothing is looked up."""


class Parts(NamedTuple):
    """What classifiers share, under construction."""

    tries: Tries
    lists: Lists
    crossings: Crossings


def parts() -> Parts:
    """Return empty Parts."""
    return Parts(Tries(), Lists(), Crossings())


def classifier(rules: Sequence[Rule], into: Parts) -> tuple[Classifier, Shortcut]:
    """Return the classifier of *rules*, all of one IP version, the nth of which is bit n.

    Fills *into*: the crossings only where a vector is more than a word, the lists only where it is not.
    """
    if not rules:
        return EMPTY
    width, count = ADDRESS_BYTES[rules[0].version], words(len(rules))
    source = cut([[addresses(rule.source_cidr_block)] for rule in rules])
    destination = cut([[addresses(rule.destination_cidr_block)] for rule in rules])
    service, portless = cut([_services(rule) for rule in rules]), cut([_portless(rule) for rule in rules])
    named = any(rule.source_port_range != ANY_PORT for rule in rules)
    source_ports = [cut([[port_numbers(rule.source_port_range)] for rule in rules])] if named else []
    fields = [[source], [destination], [service, portless], source_ports]
    crossing, weights = NONE, [[np.zeros(len(each.starts), np.int64) for each in lists] for lists in fields]
    if count > 1:
        crossing, weights = into.crossings.add([[each.vectors for each in lists] for lists in fields])
    lengths = [[width], [width], [SERVICE_BYTES, 1], [PORT_BYTES]]
    source_root, destination_root, service_root, portless_root, *source_port_root = (
        into.tries.root(each, n_bytes, weight.tolist())
        for lists, of_lists, of_bytes in zip(fields, weights, lengths, strict=True)
        for each, weight, n_bytes in zip(lists, of_lists, of_bytes, strict=False)
    )
    found = Classifier(
        words=count,
        summaries=words(count) if count > 1 else 0,
        source_root=source_root,
        destination_root=destination_root,
        service_root=service_root,
        portless_root=portless_root,
        source_port_root=source_port_root[0] if named else NONE,
    )
    return found, Shortcut(*into.lists.add(rules), crossing)


def _services(rule: Rule) -> list[Range]:
    """Return the values of (protocol, destination port) that satisfy *rule*."""
    ports = port_numbers(rule.destination_port_range)
    if ports == ANY_PORTS:
        return [Range(low << PORT_BITS, high << PORT_BITS | ANY_PORTS.high) for low, high in protocols(rule)]
    numbers = (number for low, high in protocols(rule) for number in range(low, high + 1))
    return [Range(number << PORT_BITS | ports.low, number << PORT_BITS | ports.high) for number in numbers]


def _portless(rule: Rule) -> list[Range]:
    """Return the protocols of packets without ports that satisfy *rule*: none where it names a port."""
    names_none = rule.source_port_range == rule.destination_port_range == ANY_PORT
    return protocols(rule) if names_none else []
