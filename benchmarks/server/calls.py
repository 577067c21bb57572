"""A server process, and clients of its Alibaba Cloud API that cost little themselves.

Owns the process and the requests, which are signed before anything is measured. Must not know what is
measured. The SDKs take longer for a request than the server does, so the clients are plain connections that
are kept.
"""

import json
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import yaml

from mirrorplane.api.aliyun.signature import sign, to_sign
from mirrorplane.lab.namespaces import LabError

KEY, SECRET, REGION = "AKBENCH", "SKBENCH", "cn-hongkong"
STARTING, TALKING = 60.0, 60.0
"""Seconds that a server may take to start, and to answer."""

_EMPTY = sha256(b"").hexdigest()

Spawn = Callable[[list[str]], "Popen[str]"]


class Call(NamedTuple):
    """A request, signed: once it is made it cannot be made again."""

    path: str
    headers: dict[str, str]


def call(address: str, action: str, **parameters: object) -> Call:
    """Return the request for *action*."""
    query = {"RegionId": REGION, **{name: str(value) for name, value in parameters.items()}}
    headers = {
        "host": address,
        "x-acs-action": action,
        "x-acs-content-sha256": _EMPTY,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": uuid4().hex,
        "x-acs-version": "2016-04-28",
    }
    signature = sign(SECRET, to_sign("POST", query.items(), headers, b""))
    names = ";".join(sorted(headers))
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={KEY},SignedHeaders={names},Signature={signature}"
    )
    return Call(f"/?{urlencode(query)}", headers)


class Client:
    """A connection that is kept."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = HTTPConnection(address, timeout=TALKING)

    def __call__(self, action: str, **parameters: object) -> dict[str, Any]:
        """Return the answer's members. Raises LabError if it is an error."""
        return self.make(call(self._address, action, **parameters))

    def make(self, request: Call) -> dict[str, Any]:
        """Return the answer's members. Raises LabError if it is an error."""
        self._connection.request("POST", request.path, headers=request.headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status != HTTPStatus.OK:
            raise LabError(f"{answer.get('Code')}: {answer.get('Message')}")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def client(address: str) -> Iterator[Client]:
    """Connect for as long as the block runs."""
    made = Client(address)
    try:
        yield made
    finally:
        made.close()


def together(address: str, requests: Iterable[Call], n_clients: int) -> None:
    """Have *n_clients* make the *requests* at once, each the next one as soon as its last is answered."""
    waiting = iter(list(requests))

    def work() -> None:
        with client(address) as connection:
            for request in waiting:
                connection.make(request)

    with ThreadPoolExecutor(n_clients) as clients:
        for done in [clients.submit(work) for _ in range(n_clients)]:
            done.result()


def spawn(command: list[str]) -> "Popen[str]":
    """Start a program of this host."""
    return subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True)


@contextmanager
def serving(path: Path, engine: str, start: Spawn = spawn) -> Iterator[str]:
    """Run a server of the configuration file *path* while the block runs; yield its address.

    Raises LabError if it does not start.
    """
    command = [sys.executable, "-m", "mirrorplane", "serve", str(path), "--engine", engine, "--listen", ":0"]
    process = start(command)
    try:
        output, errors = process.stdout or (), process.stderr or ()
        address = _address(errors)
        for stream in (output, errors):
            Thread(target=deque, args=(stream, 0), daemon=True).start()  # or it would wait for a reader
        yield address
    finally:
        process.terminate()
        process.wait(STARTING)


def _address(said: Iterable[str]) -> str:
    found = ""
    for line in said:
        found = next(iter(re.findall(r"listening on http://(\S+)/", line)), found)
        if line.endswith("ready\n"):
            return found
    raise LabError("the server did not start")


def write(path: Path, interfaces: Mapping[str, Any]) -> Path:
    """Write a configuration of *interfaces* whose quotas are in nobody's way."""
    most = 2_000_000
    quotas = dict.fromkeys(
        (
            "sessions",
            "sessions_per_filter",
            "sessions_per_interface",
            "sessions_per_load_balancer",
            "sources_per_target",
            "filters",
        ),
        most,
    )
    api = {"access_keys": [{"id": KEY, "secret": SECRET}], "aliyun": {"quotas": quotas}}
    path.write_text(yaml.safe_dump({"interfaces": dict(interfaces), "api": api}))
    path.chmod(0o600)
    return path
