"""The transmit ring: what is placed leaves once and in order, and what is not taken is told."""

from collections.abc import Callable, Iterator
from contextlib import closing
from errno import EAGAIN
from socket import AF_INET, SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET, socket
from struct import Struct
from threading import Timer
from time import monotonic, sleep
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from mirrorplane import batch
from mirrorplane.batch import Copies
from mirrorplane.forward import afpacket
from mirrorplane.forward.afpacket import TransmitRing
from mirrorplane.forward.sink import ForwardError
from mirrorplane.jit import zeros
from mirrorplane.jit.memory import le32, put_le32
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.lab.recorder import Recorder

NUMBER = Struct("!I")
LEFT, RIGHT = "02:00:00:00:00:01", "02:00:00:00:00:02"

P = ParamSpec("P")
T = TypeVar("T")


class Pair:
    """Two hosts joined by eth0; the right one, 10.0.0.2, takes in UDP on port 4789."""

    def __init__(self, lab: Lab) -> None:
        self.left, self.right = lab.host("left"), lab.host("right")
        lab.link(End(self.left, "eth0", LEFT), End(self.right, "eth0", RIGHT, ("10.0.0.2/24",)), mtu=1500)
        self.right.route("0.0.0.0/0", "10.0.0.1")
        self.receiver = self.right.call(socket, AF_INET, SOCK_DGRAM)
        self.receiver.bind(("10.0.0.2", 4789))
        self.receiver.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 21)
        self.receiver.settimeout(2)

    def received(self, count: int) -> list[int]:
        return [NUMBER.unpack(self.receiver.recv(2000)[-4:])[0] for _ in range(count)]

    def receives_no_more(self) -> bool:
        self.receiver.settimeout(0)
        try:
            self.receiver.recv(2000)
        except OSError as error:
            return error.errno == EAGAIN
        return False


@pytest.fixture
def pair(allowed: None) -> Iterator[Pair]:
    with Lab() as lab:
        pair = Pair(lab)
        with pair.receiver:
            yield pair


class Sender:
    """A ring on the left host's eth0, and numbered frames of *size* bytes that are put on it."""

    def __init__(self, pair: Pair, slots: int = 64, size: int = 100, *, patient: bool = False) -> None:
        self.ring = pair.left.call(TransmitRing, "eth0", 1500, slots, patient=patient)
        header = Ether(src=LEFT, dst=RIGHT) / IP(src="10.9.9.9", dst="10.0.0.2") / UDP(dport=4789, chksum=0)
        self._frame = bytes(header / Raw(bytes(size - len(header))))
        self._copies, self._frames = batch.copies(), batch.frames()
        self._next = 0

    def place(self, count: int) -> int:
        """Place so many frames; return how many got a slot."""
        copies = self._copies
        copies.count[0], copies.length[:count] = count, len(self._frame)
        placed = self.ring.place(self._frames, copies, 0)
        for row in range(placed):
            frame = self._frame[: -NUMBER.size] + NUMBER.pack(self._next)
            start = int(copies.offset[row])
            self.ring.data[start : start + len(frame)] = np.frombuffer(frame, np.uint8)
            self._next += 1
        return placed

    def close(self) -> None:
        self.ring.close()


def change(host: Host, device: str = "eth0", **settings: Any) -> None:
    """Change a link of *host*, as netlink calls the settings."""
    host.netlink(lambda netlink: netlink.link("set", index=netlink.link_lookup(ifname=device)[0], **settings))


def test_frames_leave_once_and_in_order_round_and_round(pair: Pair) -> None:
    with closing(Sender(pair)) as sender:
        for _ in range(10):
            assert sender.place(30) == 30
            assert sender.ring.send() == 0
        assert pair.received(300) == list(range(300))
        assert pair.receives_no_more()


def test_a_full_ring_places_what_fits(pair: Pair) -> None:
    with closing(Sender(pair)) as sender:
        assert sender.place(100) == 64
        assert sender.place(1) == 0
        assert sender.ring.send() == 0
        assert sender.place(36) == 36
        assert sender.ring.send() == 0
        assert pair.received(100) == list(range(100))


def test_nothing_placed_nothing_sent(pair: Pair) -> None:
    with closing(Sender(pair)) as sender:
        assert sender.place(0) == 0
        assert sender.ring.send() == 0
        assert pair.receives_no_more()


@pytest.mark.parametrize(
    ("side", "breaks", "mends", "fails"),
    [
        ("left", {"state": "down"}, {"state": "up"}, True),
        ("right", {"state": "down"}, {"state": "up"}, False),
    ],
)
def test_what_is_not_taken_is_told_and_taken_back(
    pair: Pair, side: str, breaks: dict[str, Any], mends: dict[str, Any], fails: bool
) -> None:
    host = {"left": pair.left, "right": pair.right}[side]
    with closing(Sender(pair)) as sender:
        sender.place(10)
        assert sender.ring.send() == 0
        change(host, **breaks)
        assert sender.place(20) == 20
        assert sender.ring.send() == 20
        assert (sender.ring.is_failing, sender.ring.is_gone()) == (fails, False)
        change(host, **mends)
        assert sender.place(64) == 64, "their slots are free again"
        assert sender.ring.send() == 0
        assert not sender.ring.is_failing
        assert pair.received(74) == [*range(10), *range(30, 94)]


@pytest.mark.parametrize("size", [60, 1514, 3500, 3501, 9014])
def test_frames_of_all_sizes_leave_whole(pair: Pair, size: int) -> None:
    for host in (pair.left, pair.right):
        change(host, mtu=9000)
    ring = pair.left.call(TransmitRing, "eth0", 9000, 16)
    copies, content = batch.copies(), np.arange(size, dtype=np.uint8)
    copies.count[0], copies.length[:3] = 3, size
    with closing(ring), Recorder(pair.right, "eth0") as recorder:
        assert ring.place(batch.frames(), copies, 0) == 3
        for row in range(3):
            start = int(copies.offset[row])
            ring.data[start : start + size] = content
        assert ring.send() == 0
        frame, end = content.tobytes(), monotonic() + 5
        while [seen.frame for seen in recorder.frames].count(frame) < 3:  # beside the hosts' noise
            assert monotonic() < end, [len(seen.frame) for seen in recorder.frames]
            sleep(0.001)


def test_a_device_that_is_gone_takes_nothing(pair: Pair) -> None:
    with closing(Sender(pair)) as sender:
        pair.left.netlink(lambda netlink: netlink.link("del", ifname="eth0"))
        for _ in range(3):
            assert sender.place(64) == 64
            assert sender.ring.send() == 64
        assert sender.ring.is_failing
        assert sender.ring.is_gone()


def test_a_ring_is_not_bound_again_when_its_device_comes_back(pair: Pair) -> None:
    with closing(Sender(pair)) as sender:
        change(pair.left, ifname="moved", state="down")
        change(pair.left, "moved", net_ns_fd=pair.right.namespace.descriptor)
        change(pair.right, "moved", net_ns_fd=pair.left.namespace.descriptor)
        change(pair.left, "moved", state="up", ifname="eth0")
        assert sender.ring.is_gone()
        assert sender.place(1) == 1
        assert sender.ring.send() == 1


def test_a_patient_ring_makes_room(pair: Pair) -> None:
    with closing(Sender(pair, patient=True)) as sender:
        for _ in range(5):
            assert sender.place(64) == 64
            assert sender.ring.send() == 0
        assert pair.received(320) == list(range(320))


def test_a_patient_ring_waits_for_a_link(pair: Pair) -> None:
    change(pair.right, state="down")
    with closing(Sender(pair, patient=True)) as sender:
        sender.place(5)
        timer = Timer(0.05, change, [pair.right], {"state": "up"})
        timer.start()
        assert sender.ring.send() == 0
        timer.join()
        assert pair.received(5) == list(range(5))


def test_a_patient_ring_says_what_waiting_does_not_mend(pair: Pair) -> None:
    with closing(Sender(pair, patient=True)) as sender:
        change(pair.left, state="down")
        sender.place(5)
        with pytest.raises(ForwardError, match="device eth0: Network is down") as caught:
            sender.ring.send()
        assert caught.value.refused == 5


def test_our_own_output_is_not_captured_on_the_uplink(pair: Pair) -> None:
    with closing(Sender(pair)) as sender, Recorder(pair.left, "eth0") as left:
        with Recorder(pair.right, "eth0") as right:
            sender.place(20)
            sender.ring.send()
            assert pair.received(20) == list(range(20))
            right.wait_for(20)
        assert not [seen for seen in left.frames if seen.frame[12:14] == b"\x08\x00"]


def test_close_sends_what_was_placed_and_leaves_nothing(pair: Pair) -> None:
    sender = Sender(pair)
    sender.place(3)
    sender.close()
    sender.close()
    assert pair.received(3) == [0, 1, 2]
    assert pair.left.run(["cat", "/proc/net/packet"]).stdout.count("\n") == 1
    assert (sender.place(1), sender.ring.send()) == (0, 0)


def test_a_patient_ring_interrupted_while_it_sends_can_be_closed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handed over, and not yet looked at: there is nothing left that waiting would bring."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    sender = Sender(pair, patient=True)
    sender.place(3)
    with monkeypatch.context() as patch:
        patch.setattr(sender.ring, "_look", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sender.ring.send()
    sender.close()
    assert pair.received(3) == [0, 1, 2]
    assert pair.receives_no_more()


def test_a_missing_device_is_named(pair: Pair) -> None:
    with pytest.raises(ForwardError, match="device eth7: No such device"):
        pair.left.call(TransmitRing, "eth7", 1500)


@pytest.mark.parametrize(
    ("mtu", "size"), [(1280, 2048), (1500, 2048), (1992, 2048), (1993, 4096), (9000, 16384), (65535, 16384)]
)
def test_slots_hold_the_mtu_up_to_the_largest(mtu: int, size: int) -> None:
    assert afpacket.slot_size(mtu) == size


def compiled_or_not(name: str) -> list[Callable[..., None]]:
    kernel = getattr(afpacket, name)
    return [kernel, kernel.python]


@pytest.mark.parametrize("variant", [0, 1], ids=["compiled", "python"])
def test_the_slots_rules(variant: int) -> None:
    place, request, look, take_back = (
        compiled_or_not(name)[variant] for name in ("place", "request", "look", "take_back")
    )
    ring, data = zeros(afpacket.Slots, 1), np.full(4 * 64, 0xA5, np.uint8)
    ring.slots[0], ring.size[0], ring.head[0] = 4, 64, 3
    for slot in range(4):
        put_le32(data, slot * 64, 1 << 29)  # a time stamp's mark: available all the same
    copies: Copies = batch.copies(8)
    copies.count[0], copies.length[:] = 8, range(40, 48)
    first, answer = np.array([2]), np.zeros(1, np.int64)
    place(data, ring, copies, first, answer)
    assert (answer[0], ring.placed[0], ring.head[0]) == (4, 4, 3)
    assert copies.offset.tolist() == [0, 0, 3 * 64 + 42, 42, 64 + 42, 128 + 42, 0, 0]
    assert [le32(data, slot * 64 + 4) for slot in range(4)] == [53, 54, 55, 52]
    assert [le32(data, slot * 64 + 32) >> 16 for slot in range(4)] == [43, 44, 45, 42], "all in one piece"
    place(data, ring, copies, first, answer)
    assert answer[0] == 0, "no slot is placed twice"
    request(data, ring)
    assert [le32(data, slot * 64) for slot in range(4)] == [1, 1, 1, 1]
    put_le32(data, 3 * 64, 2)  # the kernel takes two, refuses the next
    put_le32(data, 0, 0)
    put_le32(data, 64, 4)
    look(data, ring, answer)
    assert answer[0] == 2
    take_back(data, ring, answer)
    assert (ring.head[0], ring.placed[0]) == (1, 0)
    assert [le32(data, slot * 64) for slot in range(4)] == [0, 0, 0, 2]
    place(data, ring, copies, first, answer)
    assert answer[0] == 2, "not the slot that is being sent"
