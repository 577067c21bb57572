"""Documents for the tests: one that is right, the one of the design, and how to spoil a part of the first."""

import pytest

from mirrorplane.model import MAX_PROBLEMS, ConfigurationError, read

NAME = "lab.yaml"

CIDRS = "source_cidr_block: 0.0.0.0/0, destination_cidr_block: 10.0.0.0/8"
RULE = f"priority: 1, action: accept, protocol: TCP, {CIDRS}"

INTERFACES = """\
interfaces:
  eni-web: {addresses: [10.0.0.1]}
  eni-db: {addresses: [10.0.0.2]}
  eni-sensor: {addresses: [10.9.0.2]}
  eni-sensor2: {addresses: [10.9.0.3]}
  eni-six: {addresses: ["fd00::9"]}
  eni-bare: {}
"""
LOAD_BALANCERS = """\
load_balancers:
  lb-sensors: {backends: [eni-sensor, eni-sensor2]}
"""
FILTERS = f"""\
filters:
  tmf-web:
    ingress:
    - {{{RULE}}}
"""
SESSIONS = """\
sessions:
  tms-web: {priority: 1, sources: [eni-web], target: lb-sensors, filter: tmf-web}
"""
RIGHT = INTERFACES + LOAD_BALANCERS + FILTERS + SESSIONS

DESIGN = """\
interfaces:
  eni-web:                      # any id beginning with eni-
    device: veth-web            # live source; not needed for replay
    netns: web                  # optional
    side: host                  # eni | host
    mac: 02:00:00:00:00:01      # found from the device if live
    addresses: [10.0.0.1]       # first one is primary
  eni-sensor:
    addresses: [10.9.0.2]
    mac: 02:00:00:00:00:09
    mtu: 1500
  eni-sensor2: {addresses: [10.9.0.3]}
load_balancers:
  lb-sensors: {backends: [eni-sensor, eni-sensor2], address: 10.9.0.100}
filters:
  tmf-web:
    ingress:
      - {priority: 1, action: accept, protocol: TCP, source_cidr_block: 0.0.0.0/0,
         destination_cidr_block: 10.0.0.0/8, source_port_range: -1/-1, destination_port_range: 80/80}
    egress:
      - {priority: 1, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
sessions:
  tms-web: {priority: 1, sources: [eni-web], target: eni-sensor, filter: tmf-web, packet_length: 128,
            virtual_network_id: 77, enabled: true}
api:
  access_keys: [{id: AKEXAMPLE, secret: SKEXAMPLE}]
  state: mirrorplane.db
  aliyun:
    regions: [cn-hongkong, cn-hangzhou]
    business_status: Normal
    quotas: {sessions: 20000, sessions_per_filter: 2000, sessions_per_interface: 3,
             sessions_per_load_balancer: 500, sources_per_session: 10, sources_per_target: 20, filters: 100,
             rules_per_filter: 20, rules_per_direction: 10}
  volcengine: {quotas: {targets: 100}}
kernel:
  cpus: [1, 3]                  # auto | inline | CPU numbers
  hand_over_from: 4
  backlog: 1000
"""


def problems(text: str) -> tuple[str, ...]:
    """Return what is wrong with *text*, each as `LINE: path: what is wrong`; nothing if it is right."""
    try:
        read(text, NAME)
    except ConfigurationError as refused:
        return told(refused)
    return ()


def told(refused: ConfigurationError) -> tuple[str, ...]:
    """Return the problems less the document's name, having seen that they are lines, and few."""
    assert str(refused) == "\n".join(refused.problems)
    assert 1 <= len(refused.problems) <= MAX_PROBLEMS
    assert all(
        problem.startswith(f"{NAME}:") and len(problem.splitlines()) == 1 for problem in refused.problems
    )
    return tuple(problem.removeprefix(f"{NAME}:") for problem in refused.problems)


def only_problem(text: str) -> str:
    """Return what is wrong with *text*, which is one thing."""
    found = problems(text)
    if len(found) != 1:
        pytest.fail(f"one problem expected, found: {found}")
    return found[0]
