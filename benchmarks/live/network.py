"""The network that live measurements run in, and what its devices and the CPUs counted at an instant.

    guest eth0 (10.1.0.2) --- gst (10.1.0.1) host up (10.9.0.1) --- eth0 (10.9.0.2) sensor

Owns the topology and the readings. Must not know mirrors or loads. Nothing is on the links but what a load
or a mirror sends: there is no IPv6, and every neighbour is known from the start. The uplink's MTU has room
for a whole packet and its envelope, so that nobody pays for cutting or fragmenting it. The sensor drops all
that arrives before its stack sees it, and counts it by its device: all namespaces share the machine's CPUs,
and a sensor that did more would slow down whoever mirrors.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes import c_char_p, c_int, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import NamedTuple, Self

from pyroute2 import IPRoute

from mirrorplane.engines.kernel import requirements
from mirrorplane.engines.kernel.bpf.libbpf import Descriptor, check, libbpf
from mirrorplane.engines.kernel.host.hooks import ETH_P_ALL, PARENTS
from mirrorplane.lab import namespaces
from mirrorplane.lab.network import End, Host, Lab

SOURCE, UPLINK, DEVICE = "gst", "up", "eth0"
"""The host's ends of the links to the guest and to the sensor; guest and sensor have one device each."""

GUEST, HOST, UPLINK_ADDRESS, SENSOR = "10.1.0.2", "10.1.0.1", "10.9.0.1", "10.9.0.2"
GUEST_MAC, HOST_MAC, SENSOR_MAC = "02:00:00:00:01:02", "02:00:00:00:01:01", "02:00:00:00:09:02"

UPLINK_MTU = 1600
"""Bytes: 1500 and the envelope's 50 with room to spare."""

SCHED_CLS = 3
"""BPF_PROG_TYPE_SCHED_CLS of include/uapi/linux/bpf.h."""

DROP = b"\xb7\0\0\0\x02\0\0\0" + b"\x95\0\0\0\0\0\0\0"
"""Two struct bpf_insn: r0 = TC_ACT_SHOT; exit. act_gact and cls_matchall, which could do the same, are
missing from some kernels; what the kernel engine needs is there anyway."""
INSTRUCTION = 8

STAT = Path("/proc/stat")
BUSY, STEAL = (0, 1, 2, 5, 6), 7
"""Columns of a CPU in /proc/stat (proc(5)): user, nice, system, irq and softirq are work done; steal is time
that the machine's host gave to others, and idle and iowait are what they say."""

RECEIVED, SENT = 1, 9
"""Columns of a device in /proc/net/dev: packets received and sent, both before any filter of the device."""

ROOM = 1 << 16
"""Bytes that a look at the counters may take."""

QUIET, LONGEST = 0.2, 5.0
"""Seconds without another arrival after which none is expected, and how long that is waited for."""


class Processors(NamedTuple):
    """Seconds since the machine started, by CPU number: at work, and taken away by the machine's host."""

    busy: dict[int, float]
    stolen: dict[int, float]

    @classmethod
    def now(cls) -> Self:
        """Read /proc/stat, which counts in ticks of 10 ms on most machines."""
        second = os.sysconf("SC_CLK_TCK")
        rows = [line.split() for line in STAT.read_text(encoding="ascii").splitlines()]
        ticks = {int(row[0][3:]): [int(field) for field in row[1:]] for row in rows if row[0][3:].isdigit()}
        busy = {cpu: sum(row[column] for column in BUSY) / second for cpu, row in ticks.items()}
        return cls(busy, {cpu: row[STEAL] / second for cpu, row in ticks.items()})


class Counted(NamedTuple):
    """What a device received and sent, in packets as the stack has them: a super-packet is one."""

    received: int
    sent: int


class Port:
    """A device's counters, which can be read at once: the file that is held open stays in its namespace."""

    def __init__(self, host: Host, device: str) -> None:
        self._device = f"{device}:"
        self._file = host.call(os.open, "/proc/thread-self/net/dev", os.O_RDONLY | os.O_CLOEXEC)

    def count(self) -> Counted:
        """Return what was counted since the device was made."""
        rows = (line.split() for line in os.pread(self._file, ROOM, 0).decode("ascii").splitlines())
        fields = next(row[1:] for row in rows if row[0] == self._device)
        return Counted(int(fields[RECEIVED]), int(fields[SENT]))

    def close(self) -> None:
        """Give the namespace back."""
        os.close(self._file)


class Instant(NamedTuple):
    """What is counted at an instant: `carried` packets over the guest's link either way, `arrived` copies."""

    at: float
    processors: Processors
    carried: int
    arrived: int


class Network:
    """The hosts, linked and quiet."""

    def __init__(self, lab: Lab) -> None:
        self.host, self.guest, self.sensor = (lab.host(name) for name in ("host", "guest", "sensor"))
        for host in (self.host, self.guest, self.sensor):
            for scope in ("all", "default"):
                host.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", "1")
        lab.link(
            End(self.host, SOURCE, HOST_MAC, (f"{HOST}/24",)),
            End(self.guest, DEVICE, GUEST_MAC, (f"{GUEST}/24",)),
        )
        lab.link(
            End(self.host, UPLINK, None, (f"{UPLINK_ADDRESS}/24",)),
            End(self.sensor, DEVICE, SENSOR_MAC, (f"{SENSOR}/24",)),
            mtu=UPLINK_MTU,
        )
        _know(self.host, SOURCE, GUEST, GUEST_MAC)
        _know(self.guest, DEVICE, HOST, HOST_MAC)
        _know(self.host, UPLINK, SENSOR, SENSOR_MAC)
        self.sensor.netlink(_drop_all)
        self.guest_port, self.sensor_port = Port(self.guest, DEVICE), Port(self.sensor, DEVICE)

    def look(self) -> Instant:
        """Return what is counted now."""
        processors, at = Processors.now(), time.perf_counter()
        arrived = self.sensor_port.count().received
        return Instant(at, processors, sum(self.guest_port.count()), arrived)

    def settle(self) -> None:
        """Wait until no more copies arrive: some may be on their way when a load ends."""
        end, before = time.monotonic() + LONGEST, -1
        while time.monotonic() < end and (arrived := self.sensor_port.count().received) != before:
            before = arrived
            time.sleep(QUIET)


def missing() -> str | None:
    """Return why there can be no such network here, None if there can: the sensor's program takes eBPF."""
    return namespaces.missing() or requirements.missing()


@contextmanager
def network() -> Iterator[Network]:
    """Build the network for as long as the `with` block runs. Raises LabError, RefusedError."""
    with Lab() as lab, ExitStack() as stack:
        built = Network(lab)
        for port in (built.guest_port, built.sensor_port):
            stack.callback(port.close)
        yield built


def _know(host: Host, device: str, address: str, mac: str) -> None:
    """Tell a host its neighbour, so that nobody has to ask."""

    def tell(netlink: IPRoute) -> None:
        (index,) = netlink.link_lookup(ifname=device)
        netlink.neigh("replace", dst=address, lladdr=mac, ifindex=index, state="permanent")

    host.netlink(tell)


def _drop_all(netlink: IPRoute) -> None:
    """Have the sensor drop what arrives, in front of its stack; the filter keeps the program."""
    load = libbpf().bpf_prog_load
    load.restype, load.argtypes = c_int, [c_uint32, c_char_p, c_char_p, c_char_p, c_size_t, c_void_p]
    fd = check(load(SCHED_CLS, b"drop", b"GPL", DROP, len(DROP) // INSTRUCTION, None), "loading a program")
    (index,) = netlink.link_lookup(ifname=DEVICE)
    with Descriptor(fd) as program:
        netlink.tc("add", "clsact", index)
        netlink.tc(
            "add-filter",
            "bpf",
            index,
            1,
            parent=PARENTS["ingress"],
            protocol=ETH_P_ALL,
            prio=1,
            fd=program.fd,
            name="drop",
            direct_action=True,
        )
