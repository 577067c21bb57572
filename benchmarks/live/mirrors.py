"""Who mirrors: nobody, the engines, and what else a user of Linux can take.

Owns how each is put to work and taken away again. Must not know loads, or what is measured.

* `none`: what the others are compared with.
* `kernel inline`, `kernel handed over`, `kernel all over`, `userspace`: `mirrorplane run`, as a user starts
  it. Handed over are super-packets, by default (`hand_over_from`); all over: single packets too.
* `clone`: clsact, u32 and mirred to the uplink itself, with no envelope: a clone and one transmit, the limit
  of whoever mirrors in the kernel.
* `tc`: clsact, u32 and mirred into a VXLAN device, on ingress and egress.
* `nft`: `dup to` the same VXLAN device, in the netdev family's ingress and egress hooks.

The VXLAN device sends no UDP checksums and learns nothing, as lean as it can be. It gets what the stack has:
super-packets are one packet.
"""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from pyroute2 import IPRoute

from benchmarks.live.network import GUEST, SENSOR, SOURCE, UPLINK, UPLINK_ADDRESS, Network
from benchmarks.traffic import UDP, Rule, rule_lines, rules
from mirrorplane.cli.demo import await_ready
from mirrorplane.cli.outcome import FailedError
from mirrorplane.engines.report import Report
from mirrorplane.lab.namespaces import LabError
from mirrorplane.lab.network import Host
from mirrorplane.wire.vxlan import PORT

VNI = 7
VXLAN_DEVICE = "vx"
TABLE = "bench"
LONGEST_END = 10.0
"""Seconds that an engine may take to end."""

NETWORK, PORTS = 10 << 24 | 1 << 16, (1024, 65535)
"""10.1.0.0/24, where guest and host are, and the ports that they use towards one another."""

NONE, CLONE, INLINE, HANDED_OVER, ALL_OVER, USERSPACE, TC, NFT = (
    "none",
    "clone",
    "kernel inline",
    "kernel handed over",
    "kernel all over",
    "userspace",
    "tc",
    "nft",
)
ENGINES = {INLINE: "kernel", HANDED_OVER: "kernel", ALL_OVER: "kernel", USERSPACE: "userspace"}
MIRRORS = (NONE, CLONE, INLINE, HANDED_OVER, ALL_OVER, USERSPACE, TC, NFT)


class Wanted(NamedTuple):
    """What an engine is configured for; the others have no choice. `protocol` is the load's.

    `rules` are those of all sessions. Several sessions have a rule each, the last one all that are left.
    """

    protocol: int
    packet_length: int
    rules: int
    sessions: int = 1

    def filters(self) -> list[list[Rule]]:
        """Return the rules of each session: the very last one accepts what the load sends."""
        by = [*rules(self.rules - 1, drops=False), Rule(True, self.protocol, NETWORK, PORTS)]
        alone = self.sessions - 1
        return [*([rule] for rule in by[:alone]), by[alone:]]


class Account:
    """What a mirror counted itself, once it was taken away; None if it does not count."""

    def __init__(self) -> None:
        self.report: Report | None = None


def configuration(mirror: str, wanted: Wanted, cpu: int) -> str:
    """Return an engine's configuration; the last rule decides. *cpu* is what is handed over to."""
    filters = wanted.filters()
    kernel = {
        INLINE: "cpus: inline",
        HANDED_OVER: f"cpus: [{cpu}]",
        ALL_OVER: f"cpus: [{cpu}], hand_over_from: 1",
    }
    lines = [
        *([f"kernel: {{{kernel[mirror]}}}"] if mirror in kernel else []),
        "interfaces:",
        f"  eni-guest: {{device: {SOURCE}, side: host, addresses: [{GUEST}]}}",
        f"  eni-sensor: {{addresses: [{SENSOR}]}}",
        "sessions:",
        *(
            f"  tms-{row}: {{priority: {row + 1}, sources: [eni-guest], target: eni-sensor,"
            f" filter: tmf-{row}, virtual_network_id: {VNI + row}, packet_length: {wanted.packet_length}}}"
            for row in range(len(filters))
        ),
        "filters:",
    ]
    for row, by in enumerate(filters):
        lines += [f"  tmf-{row}:", "    egress:", *rule_lines(by), "    ingress:", *rule_lines(by)]
    return "\n".join(lines) + "\n"


@contextmanager
def at_work(mirror: str, network: Network, wanted: Wanted, cpu: int) -> Iterator[Account]:
    """Have *mirror* at work while the block runs. Raises LabError or FailedError where that cannot be."""
    account = Account()
    with ExitStack() as stack:
        if mirror in ENGINES:
            text = configuration(mirror, wanted, cpu)
            stack.enter_context(engine(ENGINES[mirror], network.host, text, account))
        elif mirror in _PEERS:
            stack.enter_context(_peer(network.host, *_PEERS[mirror], is_bare=mirror == CLONE))
        yield account


def why_not(mirror: str, network: Network, cpu: int) -> str | None:
    """Return why *mirror* cannot be had here, in a line, or None: it was tried."""
    try:
        with at_work(mirror, network, Wanted(UDP, 128, 1), cpu):
            return None
    except (FailedError, LabError) as error:
        return str(error).rpartition("; ")[2]


@contextmanager
def engine(name: str, host: Host, text: str, account: Account | None = None) -> Iterator[Popen[str]]:
    """Have an engine at work, as a user starts it, while the block runs. Raises LabError or FailedError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "live.yaml"
        path.write_text(text)
        running = host.spawn([sys.executable, "-m", "mirrorplane", "run", str(path), "--engine", name])
        try:
            await_ready(running)
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            output, errors = running.communicate(timeout=LONGEST_END)
        if running.returncode:
            raise FailedError(f"mirrorplane run ended with {running.returncode}: {errors.strip()}")
        if account is not None:
            account.report = json.loads(output.splitlines()[-1])


@contextmanager
def _peer(host: Host, program: str, begin: list[list[str]], end: list[str], is_bare: bool) -> Iterator[None]:
    """Have a program of the host put packets into a device, and stop that again."""
    if shutil.which(program) is None:
        raise LabError(f"{program} is not installed")
    with ExitStack() as stack:
        if not is_bare:
            host.netlink(_add_vxlan)
            stack.callback(host.netlink, _remove_vxlan)
        host.run(begin[0])
        stack.callback(host.run, end)
        for command in begin[1:]:
            host.run(command)
        yield


def _add_vxlan(netlink: IPRoute) -> None:
    (uplink,) = netlink.link_lookup(ifname=UPLINK)
    netlink.link(
        "add",
        ifname=VXLAN_DEVICE,
        kind="vxlan",
        state="up",
        vxlan_id=VNI,
        vxlan_link=uplink,
        vxlan_local=UPLINK_ADDRESS,
        vxlan_group=SENSOR,
        vxlan_port=PORT,
        vxlan_learning=False,
        vxlan_udp_csum=False,
    )


def _remove_vxlan(netlink: IPRoute) -> None:
    netlink.link("del", ifname=VXLAN_DEVICE)


def _tc_mirror(direction: str, device: str) -> list[str]:
    place = ["tc", "filter", "add", "dev", SOURCE, direction, "protocol", "all"]
    return [*place, *f"u32 match u32 0 0 action mirred egress mirror dev {device}".split()]


def _nft_chain(hook: str) -> list[str]:
    at = f"type filter hook {hook} device {SOURCE} priority 0"
    return ["nft", f"add chain netdev {TABLE} {hook} {{ {at}; }}"]


def _nft_dup(hook: str) -> list[str]:
    return ["nft", f"add rule netdev {TABLE} {hook} dup to {VXLAN_DEVICE}"]


def _with_tc(device: str) -> tuple[str, list[list[str]], list[str]]:
    """Return how tc mirrors into *device*."""
    begin = ["tc", "qdisc", "add", "dev", SOURCE, "clsact"]
    mirrors = (_tc_mirror(direction, device) for direction in ("ingress", "egress"))
    return "tc", [begin, *mirrors], ["tc", "qdisc", "del", "dev", SOURCE, "clsact"]


_PEERS: dict[str, tuple[str, list[list[str]], list[str]]] = {
    CLONE: _with_tc(UPLINK),
    TC: _with_tc(VXLAN_DEVICE),
    NFT: (
        "nft",
        [
            ["nft", "add", "table", "netdev", TABLE],
            *(command(hook) for hook in ("ingress", "egress") for command in (_nft_chain, _nft_dup)),
        ],
        ["nft", "delete", "table", "netdev", TABLE],
    ),
}
"""Of each peer: its program, the commands that begin mirroring, and the one that ends it."""
