"""Hosts and links: they work, and nothing of them stays behind."""

from os import getpid, kill
from signal import SIG_DFL, SIGINT, SIGTERM, getsignal
from subprocess import PIPE, Popen
from sys import executable

import pytest

from mirrorplane.capture.device import inspect
from mirrorplane.lab.namespaces import LabError
from mirrorplane.lab.network import End, Lab
from tests.lab.conftest import LEFT_MAC, Pair, links, names

PROGRAM = """
from mirrorplane.lab.network import Lab, End
with Lab() as lab:
    left, right = lab.host("left"), lab.host("right")
    lab.link(End(left, "eth0"), End(right, "eth0"))
    print(left.spawn(["sleep", "60"]).pid, flush=True)
    input()
"""

ECHO = """
from socket import *
with socket({family}, SOCK_DGRAM) as s:
    s.settimeout(5)
    s.bind(("{address}", 7))
    print("ready", flush=True)
    data, client = s.recvfrom(100)
    s.sendto(data, client)
"""

ASK = """
from socket import *
with socket({family}, SOCK_DGRAM) as s:
    s.settimeout(5)
    s.sendto(b"hello", ("{address}", 7))
    print(s.recv(100).decode())
"""


@pytest.mark.parametrize(("family", "address"), [("AF_INET", "10.0.0.2"), ("AF_INET6", "fd00::2")])
def test_hosts_reach_each_other_at_once(pair: Pair, family: str, address: str) -> None:
    server = pair.right.spawn([executable, "-c", ECHO.format(family=family, address=address)])
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    asked = pair.left.run([executable, "-c", ASK.format(family=family, address=address)])
    assert asked.stdout == "hello\n"


def test_a_router_forwards_between_its_links() -> None:
    with Lab() as lab:
        router, ends = lab.host("router"), [lab.host("one"), lab.host("two")]
        router.forward()
        for number, host in enumerate(ends, 1):
            lab.link(
                End(router, f"to{number}", addresses=(f"10.0.{number}.1/24",)),
                End(host, "eth0", addresses=(f"10.0.{number}.2/24",)),
            )
            host.route("0.0.0.0/0", f"10.0.{number}.1")
        server = ends[1].spawn([executable, "-c", ECHO.format(family="AF_INET", address="10.0.2.2")])
        assert server.stdout is not None
        server.stdout.readline()
        asked = ends[0].run([executable, "-c", ASK.format(family="AF_INET", address="10.0.2.2")])
        assert asked.stdout == "hello\n"


def test_a_link_is_as_described() -> None:
    with Lab() as lab:
        left, right = lab.host("left"), lab.host("right")
        lab.link(End(left, "left0", LEFT_MAC, ("10.0.0.1/30",)), End(right, "right0"), mtu=9000)
        device = inspect("left0", left.namespace.reference)
        assert (device.mac.hex(":"), device.mtu, device.kind, device.up) == (LEFT_MAC, 9000, "veth", True)
        assert str(device.addresses[0]) == "10.0.0.1"
        assert device.side == "host"
        assert inspect("right0", right.namespace.reference).mtu == 9000
        assert not {"left0", "right0"} & links()


def test_a_program_that_fails_says_what_it_said(pair: Pair) -> None:
    with pytest.raises(LabError, match=r"on left failed \(3\): no luck"):
        pair.left.run([executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"])


def test_a_program_that_does_not_end_is_ended(pair: Pair) -> None:
    with pytest.raises(LabError, match=r"sleep on left did not end within 0\.1 s"):
        pair.left.run(["sleep", "60"], timeout=0.1)


def test_programs_end_with_the_lab() -> None:
    with Lab() as lab:
        polite = lab.host("only").spawn(["sleep", "60"])
    assert polite.returncode == -SIGTERM


def test_an_exception_removes_the_lab() -> None:
    with pytest.raises(ZeroDivisionError), Lab() as lab:
        lab.host("only").call(lambda: 1 // 0)
    assert not names(getpid())


def test_the_signal_handler_is_put_back() -> None:
    assert getsignal(SIGTERM) is SIG_DFL
    with Lab():
        assert getsignal(SIGTERM) is not SIG_DFL
    assert getsignal(SIGTERM) is SIG_DFL


@pytest.mark.parametrize(("number", "code"), [(SIGTERM, 128 + SIGTERM), (SIGINT, -SIGINT)])
def test_a_signal_removes_the_lab(number: int, code: int) -> None:
    with Popen([executable, "-c", PROGRAM], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as program:
        assert program.stdout is not None
        sleeper = int(program.stdout.readline())
        program.send_signal(number)
        assert program.wait(10) == code
    assert not names(program.pid)
    with pytest.raises(ProcessLookupError):
        kill(sleeper, 0)
