"""Records the captures that come from real programs: `python pcaps/record.py [CASE...]`, as root.

Owns which programs talk, over which network, and where it is listened. Must not know what is expected of a
case.

Everything happens in namespaces that are gone afterwards. Needed are tcpdump, curl, dig, dnsmasq, openssl,
ping, ssh and dropbear; a case whose programs are not there is left as it is. A `.pcap` is tcpdump's own file,
a `.pcapng` is what the lab's recorder heard, which knows each frame's direction. A recording differs from the
last one in times and sizes, so make its expected outcome again with `expect.py`, and read what changed.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which
from signal import SIGINT
from socket import AF_PACKET, SOCK_RAW, socket
from struct import pack
from sys import argv, executable
from tempfile import TemporaryDirectory
from threading import Thread
from time import sleep
from typing import IO, NamedTuple

from formats import INBOUND, OUTBOUND, Record, pcapng

from mirrorplane.lab.demo import demo, serve
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.lab.recorder import Recorder

HERE = Path(__file__).parent
CLIENT_MAC, SERVER_MAC = "02:20:00:00:00:02", "02:20:00:00:00:10"
CLIENT, SERVER = ("10.20.0.2", "fd20::2"), ("10.20.0.10", "fd20::10")
MACS = 12
"""A frame's VLAN tags stand behind its two MAC addresses."""

WEB_PORT, TLS_PORT, SSH_PORT = 8080, 443, 22

ECHO = """
from socket import *
with socket(AF_INET6, SOCK_DGRAM) as s:
    s.bind(("::", 5004))
    print("ready", flush=True)
    for _ in range(2):
        data, client = s.recvfrom(65535)
        s.sendto(data[:3000], client)
"""
SEND_LARGE = """
from socket import *
for family, address in ((AF_INET, "10.20.0.10"), (AF_INET6, "fd20::10")):
    with socket(family, SOCK_DGRAM) as s:
        s.settimeout(5)
        s.bind(("", 5005))
        s.sendto(b"fragmented " * 400, (address, 5004))
        s.recv(65535)
"""
SEND_TO_NOBODY = """
from socket import *
for family, address in ((AF_INET, "10.77.2.2"), (AF_INET6, "fd77:2::2")):
    with socket(family, SOCK_DGRAM) as s:
        s.sendto(b"is anybody there?", (address, 40000))
"""


class Wire(NamedTuple):
    """A lab with a client and a server."""

    lab: Lab
    client: Host
    server: Host


@contextmanager
def wire(*, mtu: int = 1500, offloads: bool = False) -> Iterator[Wire]:
    """Join a client and a server directly; their frames are those of a wire unless *offloads* are left on."""
    with Lab() as lab:
        client, server = lab.host("client"), lab.host("server")
        lab.link(client_end(client), server_end(server), mtu=mtu)
        for host in (client, server):
            host.offloads("eth0", on=offloads)
        yield Wire(lab, client, server)


def client_end(host: Host) -> End:
    """Return the client's end of its link."""
    return End(host, "eth0", CLIENT_MAC, (f"{CLIENT[0]}/24", f"{CLIENT[1]}/64"))


def server_end(host: Host) -> End:
    """Return the server's end of its link."""
    return End(host, "eth0", SERVER_MAC, (f"{SERVER[0]}/24", f"{SERVER[1]}/64"))


@contextmanager
def tcpdump(host: Host, device: str, file: str) -> Iterator[None]:
    """Record a device with tcpdump, into a pcap file with microseconds."""
    options = ["--immediate-mode", "-U", "-n", "-s", "0", "-Z", "root"]
    program = host.spawn(["tcpdump", "-i", device, *options, "-w", str(HERE / file)])
    wait_for(program.stderr, "listening on")
    yield
    sleep(0.3)  # the last frames are on their way through the kernel
    program.send_signal(SIGINT)
    program.wait()


@contextmanager
def recorder(host: Host, device: str, file: str) -> Iterator[None]:
    """Record a device with the lab's recorder, into a pcapng file that says each frame's direction."""
    with Recorder(host, device) as recorded:
        yield
        sleep(0.3)
    directions = {False: INBOUND, True: OUTBOUND}
    records = (Record(seen.frame, seen.time, direction=directions[seen.outgoing]) for seen in recorded.frames)
    (HERE / file).write_bytes(pcapng(records))


def wait_for(stream: IO[str] | None, words: str) -> None:
    """Read a program's stream up to the line with *words*."""
    if stream is None or not any(words in line for line in iter(stream.readline, "")):
        raise SystemExit(f"a program did not say {words!r}")


def fetch(client: Host, address: str, size: int, *options: str) -> None:
    """Get *size* bytes with curl."""
    host = f"[{address}]" if ":" in address else address
    client.run(["curl", "-sS", "-o", "/dev/null", *options, f"http://{host}:{WEB_PORT}/{size}"])


def http() -> None:
    """Two pages over IPv4."""
    with wire() as net:
        serve(net.server, "http-server", SERVER[0], WEB_PORT)
        with tcpdump(net.server, "eth0", "http.pcap"):
            fetch(net.client, SERVER[0], 300)
            fetch(net.client, SERVER[0], 20000, "--compressed")


def http6() -> None:
    """A page over IPv6, with the neighbour discovery before it."""
    with wire() as net:
        serve(net.server, "http-server", SERVER[1], WEB_PORT)
        with tcpdump(net.server, "eth0", "http6.pcap"):
            fetch(net.client, SERVER[1], 5000)


def dns() -> None:
    """Dig asks dnsmasq, over UDP and TCP, IPv4 and IPv6; some answers are long, one name does not exist."""
    records = [
        "--host-record=www.example.com,192.0.2.80,2001:db8::80",
        "--mx-host=example.com,mx.example.com,10",
    ]
    records += [f"--txt-record=example.com,{'v=spf1 ' + 'x' * 200}", "--local=/example.com/"]
    with wire() as net:
        options = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file=", "--log-facility=-"]
        server = net.server.spawn(["dnsmasq", *options, "--user=root", "--conf-file=/dev/null", *records])
        wait_for(server.stderr, "started")
        with tcpdump(net.server, "eth0", "dns.pcap"):
            for address, question in (
                (SERVER[0], ["www.example.com", "A"]),
                (SERVER[0], ["www.example.com", "AAAA"]),
                (SERVER[0], ["example.com", "TXT"]),
                (SERVER[0], ["example.com", "TXT", "+tcp"]),
                (SERVER[0], ["nobody.example.com", "A"]),
                (SERVER[1], ["example.com", "MX"]),
                (SERVER[1], ["www.example.com", "A", "+tcp"]),
            ):
                net.client.run(["dig", "+tries=1", f"@{address}", *question])


def tls() -> None:
    """Openssl with a certificate made for it, and curl: TLS 1.3 over IPv4, then 1.2 over IPv6."""
    with wire() as net, TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=www.example.com"]
        net.server.run([*make, "-keyout", key, "-out", certificate])
        program = [
            "openssl",
            "s_server",
            "-accept",
            f"*:{TLS_PORT}",
            "-www",
            "-key",
            key,
            "-cert",
            certificate,
        ]
        wait_for(net.server.spawn(program).stdout, "ACCEPT")
        with recorder(net.server, "eth0", "tls.pcapng"):
            for address, version in ((SERVER[0], "1.3"), (f"[{SERVER[1]}]", "1.2")):
                options = ["-sS", "-k", "-o", "/dev/null", f"--tlsv{version}", "--tls-max", version]
                net.client.run(["curl", *options, f"https://{address}:{TLS_PORT}/"])


def ssh() -> None:
    """OpenSSH's client and dropbear: key exchange and a log-in that is refused; and a ping."""
    with wire() as net, TemporaryDirectory() as folder:
        key = f"{folder}/host_key"
        net.server.run(["dropbearkey", "-t", "ecdsa", "-f", key])
        options = ["-F", "-E", "-r", key, "-p", f"{SERVER[0]}:{SSH_PORT}", "-P", f"{folder}/pid"]
        wait_for(net.server.spawn(["dropbear", *options]).stderr, "Not backgrounding")
        options = [
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "BatchMode=yes",
        ]
        with tcpdump(net.server, "eth0", "ssh.pcap"):
            net.client.run(["ping", "-c", "1", SERVER[0]])
            client = net.client.spawn(
                ["ssh", "-F", "/dev/null", "-i", "/dev/null", *options, f"nobody@{SERVER[0]}"]
            )
            client.communicate(timeout=20)


def icmp() -> None:
    """Ping and unanswered datagrams through a router, heard at the router's end of the server's link."""
    with demo() as net, recorder(net.host, "web", "icmp.pcapng"):
        for address, size in (("10.77.2.2", "56"), ("10.77.2.2", "1400"), ("fd77:2::2", "56")):
            net.client.run(["ping", "-c", "2", "-i", "0.05", "-s", size, address])
        net.client.run([executable, "-c", SEND_TO_NOBODY])


def fragments() -> None:
    """Datagrams and a ping larger than the MTU, both ways, over IPv4 and IPv6."""
    with wire() as net:
        wait_for(net.server.spawn([executable, "-c", ECHO]).stdout, "ready")
        with tcpdump(net.server, "eth0", "fragments.pcap"):
            net.client.run([executable, "-c", SEND_LARGE])
            net.client.run(["ping", "-c", "1", "-s", "3000", SERVER[0]])


def jumbo() -> None:
    """A page over a link with an MTU of 9000."""
    with wire(mtu=9000) as net:
        serve(net.server, "http-server", SERVER[0], WEB_PORT)
        with tcpdump(net.server, "eth0", "jumbo.pcap"):
            fetch(net.client, SERVER[0], 40000)


def offloads() -> None:
    """A page from a host with segmentation offload: super-packets, and checksums that nobody has finished."""
    with wire(offloads=True) as net:
        serve(net.server, "http-server", SERVER[0], WEB_PORT)
        with recorder(net.server, "eth0", "offloads.pcapng"):
            fetch(net.client, SERVER[0], 40000)


def both() -> None:
    """One page, recorded at both ends: two sources, each of which sees every packet."""
    with wire() as net:
        serve(net.server, "http-server", SERVER[0], WEB_PORT)
        with (
            tcpdump(net.client, "eth0", "both.eni-client.pcap"),
            tcpdump(net.server, "eth0", "both.eni-server.pcap"),
        ):
            fetch(net.client, SERVER[0], 3000)


def talk_as_in_the_demo() -> None:
    """Everything that is talked in the demo, heard where the demo mirrors, with the demo's configuration."""
    with demo() as net:
        net.serve()
        with recorder(net.host, "web", "demo.pcapng"):
            for _ in net.talk():
                pass
        lines = net.configuration().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.strip().startswith("device:"))
    (HERE / "demo.yaml").write_text(text, encoding="utf-8")


class Tagger:
    """A switch of one VLAN in user space: what comes in untagged goes out to the trunk tagged, and back.

    The kernel's own bridge does this too, but not every kernel is built with VLAN filtering.
    """

    def __init__(self, host: Host, tags: bytes) -> None:
        """Switch between the host's devices `access` and `trunk` until `close`."""
        self._tags = tags
        self._ports = [Recorder(host, device, outgoing=False) for device in ("access", "trunk")]
        self._sockets = [host.call(bound, device) for device in ("access", "trunk")]
        self._closing = False
        self._thread = Thread(target=self._switch)
        self._thread.start()

    def _switch(self) -> None:
        done = [0, 0]
        while not self._closing:
            for port, recorder in enumerate(self._ports):
                fresh = recorder.frames[done[port] :]
                done[port] += len(fresh)
                for seen in fresh:
                    self._pass_on(port, seen.frame)
            sleep(0.0005)

    def _pass_on(self, port: int, frame: bytes) -> None:
        tags_end = MACS + len(self._tags)
        if port == 0:
            self._sockets[1].send(frame[:MACS] + self._tags + frame[MACS:])
        elif frame[MACS:tags_end] == self._tags:
            self._sockets[0].send(frame[:MACS] + frame[tags_end:])

    def close(self) -> None:
        """Stop switching."""
        self._closing = True
        self._thread.join()
        for port, sender in zip(self._ports, self._sockets, strict=True):
            port.close()
            sender.close()


def bound(device: str) -> socket:
    """Return a packet socket that sends out of a device and receives nothing."""
    sender = socket(AF_PACKET, SOCK_RAW, 0)
    sender.bind((device, 0))
    return sender


@contextmanager
def trunk(tags: bytes) -> Iterator[tuple[Host, Wire]]:
    """Join client and server by two switches with tags between them; yield the first one, and the wire."""
    with Lab() as lab, ExitStack() as switches:
        client, server = lab.host("client"), lab.host("server")
        edges = lab.host("edge1"), lab.host("edge2")
        for end, edge in ((client_end(client), edges[0]), (server_end(server), edges[1])):
            lab.link(end, End(edge, "access"))
            end.host.offloads("eth0", on=False)
        lab.link(End(edges[0], "trunk"), End(edges[1], "trunk"), mtu=1600)
        for edge in edges:
            switches.callback(Tagger(edge, tags).close)
        yield edges[0], Wire(lab, client, server)


def talk_through(file: str, tags: bytes) -> None:
    """Get a page over IPv4 and ping over IPv6 through a trunk, and listen there."""
    with trunk(tags) as (edge, net):
        serve(net.server, "http-server", SERVER[0], WEB_PORT)
        with tcpdump(edge, "trunk", file):
            fetch(net.client, SERVER[0], 2000)
            net.client.run(["ping", "-c", "1", SERVER[1]])


def vlan() -> None:
    """A page and a ping between two switches, in VLAN 10."""
    talk_through("vlan.pcap", pack("!HH", 0x8100, 10))


def qinq() -> None:
    """The same in a provider's network: an 802.1ad service tag, of VLAN 100, before the customer's."""
    talk_through("qinq.pcap", pack("!HHHH", 0x88A8, 100, 0x8100, 10))


CASES: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
    "both": (both, ("tcpdump", "curl")),
    "demo": (talk_as_in_the_demo, ()),
    "dns": (dns, ("tcpdump", "dig", "dnsmasq")),
    "fragments": (fragments, ("tcpdump", "ping")),
    "http": (http, ("tcpdump", "curl")),
    "http6": (http6, ("tcpdump", "curl")),
    "icmp": (icmp, ("ping",)),
    "jumbo": (jumbo, ("tcpdump", "curl")),
    "offloads": (offloads, ("curl",)),
    "qinq": (qinq, ("tcpdump", "curl", "ping")),
    "ssh": (ssh, ("tcpdump", "ssh", "dropbear", "dropbearkey", "ping")),
    "tls": (tls, ("openssl", "curl")),
    "vlan": (vlan, ("tcpdump", "curl", "ping")),
}


def main(names: list[str]) -> None:
    """Record the cases named, or all."""
    for name in names or CASES:
        record, programs = CASES[name]
        absent = [program for program in programs if not which(program)]
        if absent:
            print(f"{name}: left as it is, for want of {', '.join(absent)}")
            continue
        record()
        print(f"{name}: recorded")


if __name__ == "__main__":
    main(argv[1:])
