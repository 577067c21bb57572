"""What passes a device, frame by frame.

Owns a packet socket and the list it fills. Must not know protocols, or what anybody wants with the frames.

For demos and tests: one Python object a frame, a few thousand frames a second. The socket is opened on the
lab's host and read by a thread of this process, so nothing has to be started, waited for, or parsed.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from socket import (
    AF_INET6,
    AF_PACKET,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    MSG_DONTWAIT,
    PACKET_OUTGOING,
    SO_RCVBUF,
    SOCK_DGRAM,
    SOCK_RAW,
    SOL_SOCKET,
    socket,
    socketpair,
)
from struct import Struct
from threading import Thread
from time import monotonic, sleep, time_ns
from types import TracebackType
from typing import NamedTuple, Self

from mirrorplane.lab.namespaces import LabError
from mirrorplane.lab.network import Host
from mirrorplane.wire.pcap import FileHeader, emit_file_header
from mirrorplane.wire.vxlan import PORT as VXLAN_PORT

ETH_P_ALL = 0x0003
"""include/uapi/linux/if_ether.h: frames of every protocol, both ways."""

SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 263, 6, 8
"""include/linux/socket.h and include/uapi/linux/if_packet.h."""

SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
"""include/uapi/asm-generic/socket.h; the second gives the kernel's time of each frame, as a timespec beside
it."""

AUXDATA = Struct("=IIIHHHH")
"""struct tpacket_auxdata: status, length, snapped length, MAC offset, network offset, VLAN TCI and TPID."""

TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
"""The kernel took a VLAN tag out of the frame: its TCI, and its TPID, are in the auxiliary data."""

ETH_P_8021Q = 0x8100
TAG_OFFSET = 12
TAG = Struct("!HH")
"""IEEE 802.1Q: a tag stands behind the two MAC addresses, TPID and TCI."""

TIMESPEC = Struct("=qq")
STATISTICS = Struct("=II")
"""struct tpacket_stats: frames delivered, frames dropped for want of room."""

LARGEST_FRAME = 1 << 17
RECEIVE_BUFFER = 1 << 25
ANCILLARY = 256

PCAP = FileHeader("little", nanoseconds=True)
RECORD = Struct("<IIII")
"""A record's header in a pcap file (`wire.pcap`): seconds, nanoseconds, captured and original length."""

NANOSECONDS = 1_000_000_000


class Seen(NamedTuple):
    """A frame that passed: nanoseconds since the epoch, whether the host sent it, and all its bytes."""

    time: int
    outgoing: bool
    frame: bytes


class Recorder:
    """Records what passes *device* of *host*, from construction until `close` or the end of `with`.

    `frames` grows while it runs. `lost` is how many frames the socket had no room for, known after `close`.
    """

    def __init__(self, host: Host, device: str, *, outgoing: bool = True) -> None:
        """Start recording; without *outgoing*, only what is received. Raises OSError for no such device."""
        self.frames: list[Seen] = []
        self.lost = 0
        self._outgoing = outgoing
        self._socket = host.call(_packet_socket, device)
        self._stop, self._stopped = socketpair()
        self._thread = Thread(target=self._record, name=f"recorder of {device}", daemon=True)
        self._thread.start()

    def _record(self) -> None:
        with DefaultSelector() as selector:
            selector.register(self._socket, EVENT_READ)
            selector.register(self._stopped, EVENT_READ)
            stopping = False
            while not stopping:
                stopping = any(key.fileobj is self._stopped for key, _ in selector.select())
                self.frames += (seen for seen in self._waiting() if self._outgoing or not seen.outgoing)

    def _waiting(self) -> Iterator[Seen]:
        """Yield what the socket holds now."""
        with suppress(BlockingIOError):
            while True:
                data, ancillary, _, address = self._socket.recvmsg(LARGEST_FRAME, ANCILLARY, MSG_DONTWAIT)
                extra = {kind: content for _, kind, content in ancillary}
                yield Seen(_time(extra), address[2] == PACKET_OUTGOING, _with_tag(data, extra))

    def wait_for(self, count: int, timeout: float = 5.0) -> None:
        """Wait until *count* frames have been seen. Raises LabError after *timeout* seconds."""
        deadline = monotonic() + timeout
        while len(self.frames) < count:
            if monotonic() > deadline:
                raise LabError(f"{len(self.frames)} frames in {timeout:g} s, where {count} were expected")
            sleep(0.01)

    def write(self, path: Path) -> None:
        """Write the frames seen so far as a pcap file with nanoseconds."""
        with path.open("wb") as file:
            file.write(emit_file_header(PCAP))
            for seen in self.frames:
                size = len(seen.frame)
                file.write(RECORD.pack(*divmod(seen.time, NANOSECONDS), size, size) + seen.frame)

    def close(self) -> None:
        """Take in what has arrived, then stop. Further calls do nothing."""
        if self._socket.fileno() < 0:
            return
        self._stop.send(b"x")
        self._thread.join()
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, STATISTICS.size)
        self.lost = STATISTICS.unpack(statistics)[1]
        for each in (self._socket, self._stop, self._stopped):
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sensor(Recorder):
    """A recorder of what a host receives, on a host that takes mirrored packets in.

    Its UDP socket on the VXLAN port is why the host does not refuse them: an ICMP error would go to the
    mirrored packet's outer source, which is the source ENI, and be mirrored in turn.
    """

    def __init__(self, host: Host, device: str, port: int = VXLAN_PORT) -> None:
        """Start recording, listening on *port* of every address of *host*. Raises OSError if it is taken."""
        super().__init__(host, device, outgoing=False)
        try:
            self._listener = host.call(_listener, port)
        except OSError:
            super().close()
            raise

    def close(self) -> None:
        """Stop recording and listening. Further calls do nothing."""
        super().close()
        self._listener.close()


def _packet_socket(device: str) -> socket:
    """Return a packet socket of this thread's namespace; bound last, so it never sees another device."""
    with ExitStack() as on_failure:
        packets = on_failure.enter_context(socket(AF_PACKET, SOCK_RAW, 0))
        packets.setsockopt(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER)
        with suppress(PermissionError):  # past net.core.rmem_max, which only the machine's root may pass
            packets.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        packets.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)
        packets.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        packets.bind((device, ETH_P_ALL))
        on_failure.pop_all()
    return packets


def _listener(port: int) -> socket:
    """Return a UDP socket that takes in, and never reads, what is sent to *port* over IPv4 and IPv6."""
    with ExitStack() as on_failure:
        listener = on_failure.enter_context(socket(AF_INET6, SOCK_DGRAM))
        listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        listener.bind(("::", port))
        on_failure.pop_all()
    return listener


def _time(extra: dict[int, bytes]) -> int:
    if SO_TIMESTAMPNS not in extra:
        return time_ns()
    seconds, nanoseconds = TIMESPEC.unpack(extra[SO_TIMESTAMPNS])
    return int(seconds * NANOSECONDS + nanoseconds)


def _with_tag(data: bytes, extra: dict[int, bytes]) -> bytes:
    """Return the frame as it was on the wire: with the VLAN tag that the kernel took out of it."""
    status, *_, tci, tpid = AUXDATA.unpack(extra[PACKET_AUXDATA])
    if not status & TP_STATUS_VLAN_VALID:
        return data
    tag = TAG.pack(tpid if status & TP_STATUS_VLAN_TPID_VALID else ETH_P_8021Q, tci)
    return data[:TAG_OFFSET] + tag + data[TAG_OFFSET:]
