"""The demo's network: a client, a web server, and between them a host that mirrors to a sensor.

    client --- host --- web
                |
                +------ sensor

The host forwards; it holds the other end of web's link, mirrors what passes there, and the sensor receives
the copies as VXLAN.

Owns the topology, its addresses, what is talked over it, and the configuration that mirrors it. Must not
know engines or how copies are shown. The web server also answers DNS: the demo's first session takes HTTP,
the second everything else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from json import loads
from pathlib import Path
from select import select
from sys import executable
from typing import NamedTuple

from mirrorplane.lab.namespaces import LabError
from mirrorplane.lab.network import End, Host, Lab, last_line
from mirrorplane.lab.recorder import Recorder, Sensor

TRAFFIC = Path(__file__).with_name("traffic.py")

STARTUP = 10.0
"""Seconds that a server may take to listen."""

WEB_DEVICE, SENSOR_DEVICE, DEVICE = "web", "sensor", "eth0"
"""The host's ends of the links to web and to the sensor; the other hosts have one device each."""

CLIENT, WEB, SENSOR = ("10.77.1.2", "fd77:1::2"), ("10.77.2.2", "fd77:2::2"), ("10.77.9.2", "fd77:9::2")
WEB_MAC = "02:77:00:00:02:02"

HTTP_PORT, DNS_PORT = 80, 53
HTTP_SIZES = ("300", "5000", "12000")
DNS_NAMES = ("www.example.com", "sensor.example.net")

HTTP_VNI, REST_VNI = 80, 1000
HTTP_PACKET_LENGTH = 128

CONFIGURATION = """\
# HTTP cut to {http_packet_length} bytes goes out on VNI {http_vni}, the rest whole on VNI {rest_vni}.
interfaces:
  eni-web:
    device: {web_device}
    side: host
    mac: {web_mac}
    addresses: [{web_v4}, "{web_v6}"]
  eni-sensor:
    addresses: [{sensor_v4}, "{sensor_v6}"]
filters:
  tmf-http:
    ingress:
      - {{priority: 1, action: accept, protocol: TCP, source_cidr_block: 0.0.0.0/0,
         destination_cidr_block: {web_v4}/32, destination_port_range: {http_port}/{http_port}}}
      - {{priority: 2, action: accept, protocol: TCP, source_cidr_block: "::/0",
         destination_cidr_block: "{web_v6}/128", destination_port_range: {http_port}/{http_port}}}
    egress:
      - {{priority: 1, action: accept, protocol: TCP, source_cidr_block: {web_v4}/32,
         destination_cidr_block: 0.0.0.0/0, source_port_range: {http_port}/{http_port}}}
      - {{priority: 2, action: accept, protocol: TCP, source_cidr_block: "{web_v6}/128",
         destination_cidr_block: "::/0", source_port_range: {http_port}/{http_port}}}
  tmf-rest:
    ingress:
      - {{priority: 1, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}}
      - {{priority: 2, action: accept, protocol: ALL,
         source_cidr_block: "::/0", destination_cidr_block: "::/0"}}
    egress:
      - {{priority: 1, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}}
      - {{priority: 2, action: accept, protocol: ALL,
         source_cidr_block: "::/0", destination_cidr_block: "::/0"}}
sessions:
  tms-http:
    {{priority: 1, sources: [eni-web], target: eni-sensor, filter: tmf-http,
     packet_length: {http_packet_length}, virtual_network_id: {http_vni}}}
  tms-rest:
    {{priority: 2, sources: [eni-web], target: eni-sensor, filter: tmf-rest,
     packet_length: 1500, virtual_network_id: {rest_vni}}}
"""


class Talk(NamedTuple):
    """What a client did: questions answered, and the bytes of the answers above TCP or UDP."""

    what: str
    exchanges: int
    payload_bytes: int


@dataclass(frozen=True)
class Demo:
    """The demo's hosts, up and linked, its servers not yet running."""

    client: Host
    host: Host
    web: Host
    sensor: Host

    def configuration(self) -> str:
        """Return the configuration file (DESIGN 5) that mirrors web's interface to the sensor.

        It is for an engine that runs on `host` (`host.call`, `host.spawn`), from where the sensor is reached.
        It names no namespace: elsewhere it fails for want of the device, rather than sending copies out.
        """
        return CONFIGURATION.format(
            web_device=WEB_DEVICE,
            web_mac=WEB_MAC,
            web_v4=WEB[0],
            web_v6=WEB[1],
            sensor_v4=SENSOR[0],
            sensor_v6=SENSOR[1],
            http_port=HTTP_PORT,
            http_vni=HTTP_VNI,
            rest_vni=REST_VNI,
            http_packet_length=HTTP_PACKET_LENGTH,
        )

    def record_source(self) -> Recorder:
        """Return a recorder of what passes web's interface: what the mirrored copies are copies of."""
        return Recorder(self.host, WEB_DEVICE)

    def record_sensor(self) -> Sensor:
        """Return a recorder of what the sensor receives, on VXLAN's port and otherwise."""
        return Sensor(self.sensor, DEVICE)

    def serve(self) -> None:
        """Start the web and DNS servers; they listen when this returns, and end with the lab."""
        for address in WEB:
            serve(self.web, "http-server", address, HTTP_PORT)
            serve(self.web, "dns-server", address, DNS_PORT)

    def talk(self) -> Iterator[Talk]:
        """Run the clients one after the other, over IPv4 and IPv6; yield what each did once it has."""
        for address in WEB:
            yield talk(self.client, "http-client", address, HTTP_PORT, *HTTP_SIZES)
            yield talk(self.client, "dns-client", address, DNS_PORT, *DNS_NAMES)


def serve(host: Host, program: str, address: str, port: int) -> None:
    """Start a server of `traffic` on *host* and wait until it listens. Raises LabError if it does not."""
    server = host.spawn([executable, "-I", str(TRAFFIC), program, address, str(port)])
    output = server.stdout
    if output is None or not (select([output], [], [], STARTUP)[0] and output.readline()):
        server.kill()
        raise LabError(f"{program} on {host.name} does not listen: {last_line(server.communicate()[1])}")


def talk(host: Host, program: str, address: str, port: int, *arguments: str) -> Talk:
    """Run a client of `traffic` on *host* to its end; return what it did. Raises LabError if it fails."""
    done = host.run([executable, "-I", str(TRAFFIC), program, address, str(port), *arguments])
    return Talk(f"{program} to {address} port {port}", **loads(done.stdout))


@contextmanager
def demo() -> Iterator[Demo]:
    """Build the demo's network for as long as the `with` block runs."""
    with Lab() as lab:
        built = Demo(*(lab.host(name) for name in ("client", "host", "web", "sensor")))
        built.host.forward()
        _attach(lab, built.host, "client", End(built.client, DEVICE), CLIENT)
        _attach(lab, built.host, WEB_DEVICE, End(built.web, DEVICE, WEB_MAC), WEB)
        _attach(lab, built.host, SENSOR_DEVICE, End(built.sensor, DEVICE), SENSOR)
        for host, device in ((built.host, WEB_DEVICE), (built.web, DEVICE)):
            host.offloads(device, on=False)  # so that web's link carries what a wire would
        yield built


def _attach(lab: Lab, router: Host, device: str, end: End, addresses: tuple[str, str]) -> None:
    """Link a host to *device* of the router, the first address of each of its networks."""
    gateways = tuple(str(ip_address(address) - 1) for address in addresses)
    near = End(router, device, addresses=_with_lengths(*gateways))
    lab.link(near, replace(end, addresses=_with_lengths(*addresses)))
    for everything, gateway in zip(("0.0.0.0/0", "::/0"), gateways, strict=True):
        end.host.route(everything, gateway)


def _with_lengths(v4: str, v6: str) -> tuple[str, str]:
    return f"{v4}/24", f"{v6}/64"
