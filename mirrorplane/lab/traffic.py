"""The programs that talk in a lab: HTTP and DNS, servers and clients.

Owns real conversations over real sockets. Must not know the lab, and imports nothing but the standard
library: it runs as a program of its own on a lab's host, with the interpreter alone.

    traffic.py http-server ADDRESS PORT           serves as many bytes as the path says: GET /3000
    traffic.py http-client ADDRESS PORT BYTES...  one connection, a request for each number
    traffic.py dns-server  ADDRESS PORT           answers A and AAAA queries, with documentation addresses
    traffic.py dns-client  ADDRESS PORT NAME...   an A and an AAAA query for each name

A server prints `ready` when it listens, and ends with its standard input, that is, with whoever started it.
A client prints what it did as one line of JSON: {"exchanges": n, "payload_bytes": n}. Each ends by itself
after LIFETIME seconds at the latest.
"""

from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from json import dumps
from os import _exit
from signal import alarm
from socket import AF_INET, AF_INET6, SOCK_DGRAM, AddressFamily, socket
from socketserver import ThreadingTCPServer
from struct import Struct
from sys import argv, stdin
from threading import Thread

LIFETIME = 120
"""Seconds after which SIGALRM ends any of the programs."""

TIMEOUT = 5.0
"""Seconds that a client waits for an answer."""

PAGE = b"<!doctype html><title>mirrorplane</title><p>This page crossed a mirrored interface.</p>\n"
"""What every HTTP body repeats up to its length."""

DNS_HEADER = Struct("!6H")
DNS_QUESTION_TAIL = Struct("!HH")
DNS_ANSWER = Struct("!HHHIH")
"""RFC 1035, section 4.1: id, flags and four counts; type and class; name pointer, type, class, TTL, data
length."""

A, AAAA, IN = 1, 28, 1
RECURSION_DESIRED, RESPONSE = 0x0100, 0x8180
NAME_POINTER = 0xC000 | DNS_HEADER.size
"""RFC 1035, section 4.1.4: "the name that stands right behind the header"."""

DNS_TTL, DNS_LARGEST = 60, 4096
ANSWERS = {A: ip_address("192.0.2.80").packed, AAAA: ip_address("2001:db8::80").packed}
"""RFC 5737 and RFC 3849: addresses kept for documentation."""


class Page(BaseHTTPRequestHandler):
    """Answers GET /N with N bytes, on a connection that is kept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the page."""
        size = int(self.path.removeprefix("/") or 0)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write((PAGE * (size // len(PAGE) + 1))[:size])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: nobody reads this program's errors while it runs."""


class Web(ThreadingTCPServer):
    """A web server; unlike http.server's it looks no name up, and there is no resolver in a lab."""

    allow_reuse_address = True
    daemon_threads = True


def http_server(address: str, port: str) -> None:
    """Serve HTTP until the end of standard input."""
    Web.address_family = _family(address)
    server = Web((address, int(port)), Page)
    _serve(server.serve_forever)


def http_client(address: str, port: str, *sizes: str) -> None:
    """Ask for a page of each size, one after the other."""
    connection = HTTPConnection(address, int(port), timeout=TIMEOUT)
    received = 0
    for size in sizes:
        connection.request("GET", f"/{size}", headers={"User-Agent": "mirrorplane-lab"})
        received += len(connection.getresponse().read())
    connection.close()
    _report(len(sizes), received)


def dns_server(address: str, port: str) -> None:
    """Answer DNS queries until the end of standard input."""
    server = socket(_family(address), SOCK_DGRAM)
    server.bind((address, int(port)))

    def answer() -> None:
        while True:
            query, client = server.recvfrom(DNS_LARGEST)
            server.sendto(dns_answer(query), client)

    _serve(answer)


def dns_client(address: str, port: str, *names: str) -> None:
    """Ask for both addresses of each name."""
    client = socket(_family(address), SOCK_DGRAM)
    client.settimeout(TIMEOUT)
    client.connect((address, int(port)))
    received = 0
    questions = [(name, kind) for name in names for kind in (A, AAAA)]
    for identifier, (name, kind) in enumerate(questions, 1):
        client.send(dns_query(identifier, name, kind))
        response = client.recv(DNS_LARGEST)
        if not response.endswith(ANSWERS[kind]):
            raise SystemExit(f"no answer to question {identifier} ({name})")
        received += len(response)
    client.close()
    _report(len(questions), received)


def dns_query(identifier: int, name: str, kind: int) -> bytes:
    """Return a query for *name* (RFC 1035, section 4.1)."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"
    return (
        DNS_HEADER.pack(identifier, RECURSION_DESIRED, 1, 0, 0, 0) + labels + DNS_QUESTION_TAIL.pack(kind, IN)
    )


def dns_answer(query: bytes) -> bytes:
    """Return the response to a query of one question: one answer where its type is A or AAAA, else none."""
    identifier, *_ = DNS_HEADER.unpack_from(query)
    tail = query.index(b"\0", DNS_HEADER.size) + 1
    kind, _ = DNS_QUESTION_TAIL.unpack_from(query, tail)
    question = query[DNS_HEADER.size : tail + DNS_QUESTION_TAIL.size]
    data = ANSWERS.get(kind)
    header = DNS_HEADER.pack(identifier, RESPONSE, 1, int(data is not None), 0, 0)
    if data is None:
        return header + question
    return header + question + DNS_ANSWER.pack(NAME_POINTER, kind, IN, DNS_TTL, len(data)) + data


def _family(address: str) -> AddressFamily:
    return AF_INET6 if ":" in address else AF_INET


def _serve(forever: Callable[[], None]) -> None:
    """Run the server until standard input ends."""
    Thread(target=forever, daemon=True).start()
    print("ready", flush=True)
    stdin.read()
    _exit(0)


def _report(exchanges: int, payload_bytes: int) -> None:
    print(dumps({"exchanges": exchanges, "payload_bytes": payload_bytes}))


PROGRAMS: dict[str, Callable[..., None]] = {
    "http-server": http_server,
    "http-client": http_client,
    "dns-server": dns_server,
    "dns-client": dns_client,
}

if __name__ == "__main__":
    alarm(LIFETIME)
    PROGRAMS[argv[1]](*argv[2:])
