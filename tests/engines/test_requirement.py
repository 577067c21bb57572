"""What the engines without eBPF ask of the host, by what this process may do."""

from os import geteuid
from socket import AF_PACKET, SOCK_RAW, socket
from subprocess import run
from sys import executable

import pytest

from mirrorplane.engines import requirement
from mirrorplane.engines.requirement import CAP_NET_RAW, CAP_SYS_ADMIN, Requirement, lacking

WITHOUT_RIGHTS = """
import ctypes, os, sys
for capability in range(41):
    ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
"""Runs Python code without the capabilities that root has and others do not (capabilities(7))."""

ASK = "from mirrorplane.engines.requirement import *; print(userspace()); print(lacking((12, 13, 21)))"


def allows_packet_sockets() -> bool:
    try:
        socket(AF_PACKET, SOCK_RAW).close()
    except PermissionError:
        return False
    return True


def test_what_blocks_is_needed_and_not_there() -> None:
    assert Requirement("a", False, "none", "make one").blocks
    assert not Requirement("a", True, "one", "").blocks
    assert not Requirement("a", False, "none", "make one", needed=False).blocks


def test_a_line_has_all_of_it() -> None:
    assert Requirement("a", False, "none", "make one", log="long\nlog").line == "a: none; make one"
    assert Requirement("a", True, "one", "").line == "a: one"


def test_a_packet_socket_is_really_tried() -> None:
    found = requirement.userspace()[0]
    assert found.ok == allows_packet_sockets(), found
    assert found.ok != bool(found.remedy)


def test_capabilities_are_read() -> None:
    if geteuid() == 0 and allows_packet_sockets():
        assert lacking((CAP_NET_RAW,)) == []
    assert set(lacking((CAP_NET_RAW, CAP_SYS_ADMIN))) <= {"CAP_NET_RAW", "CAP_SYS_ADMIN"}


def test_without_rights_it_is_said_what_to_do() -> None:
    done = run([executable, "-c", WITHOUT_RIGHTS, ASK], capture_output=True, text=True, check=True)
    answers, without = done.stdout.splitlines()
    assert without == "['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN']"
    if not allows_packet_sockets() or geteuid() == 0:
        assert "Operation not permitted (it needs CAP_NET_RAW)" in answers
        assert "neighbours are not solicited" in answers
        assert "unshare -Urn" in answers


def test_without_proc_it_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: object) -> list[str]:
        raise FileNotFoundError(2, "No such file or directory", "/proc/thread-self/status")

    monkeypatch.setattr(requirement, "lacking", nothing)
    other = requirement.userspace()[1]
    assert (other.ok, other.blocks, other.remedy) == (False, False, "mount /proc")


def test_replay_asks_for_nothing() -> None:
    assert all(each.ok for each in requirement.replay())
