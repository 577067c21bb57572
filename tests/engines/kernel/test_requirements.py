"""What the kernel engine asks of the host: all here, and each missing one in turn."""

from pathlib import Path

import pytest
from pyroute2 import IPRoute

from mirrorplane.engines.kernel import requirements
from mirrorplane.engines.kernel.bpf import libbpf
from mirrorplane.engines.kernel.bpf.object import image
from mirrorplane.engines.kernel.host import steering
from mirrorplane.engines.kernel.host.staging import devices_of
from mirrorplane.engines.kernel.requirements import Requirement
from mirrorplane.lab.network import Lab
from tests.engines.kernel.bpf.test_libbpf import descriptors

EXIT, LYING_EXIT = b"\x95" + bytes(7), b"\x95" + bytes(6) + b"\1"
"""struct bpf_insn: the end of a program, and one with a reserved field that is not zero."""

BPF_PROG_TYPE_SOCKET_FILTER = 1
"""include/uapi/linux/bpf.h: no kind of program that tc takes."""


def looked() -> dict[str, Requirement]:
    return {each.name: each for each in requirements.requirements()}


def untried(found: dict[str, Requirement]) -> set[str]:
    return {name for name, each in found.items() if each.found.startswith("not tried, for want of: ")}


@pytest.mark.usefixtures("allowed", "bpf")
def test_where_ebpf_is_all_is_there() -> None:
    found = looked()
    assert [each for each in found.values() if each.blocks] == []
    assert requirements.missing() is None
    assert not any(each.remedy for each in found.values() if each.ok)
    assert {"Linux", "capabilities", "BTF", "libbpf", "memlock", "bpffs", "clsact, cls_bpf"} < set(found)
    assert found["bpffs"].found.startswith("not needed")
    assert found["libbpf"].found.startswith("libbpf v1.")


@pytest.mark.usefixtures("allowed", "bpf")
def test_nothing_is_left() -> None:
    looked()
    with IPRoute() as netlink:
        links = [link.get("IFLA_IFNAME") for link in netlink.get_links()]
    before = descriptors()
    looked()
    assert descriptors() == before
    with IPRoute() as netlink:
        assert [link.get("IFLA_IFNAME") for link in netlink.get_links()] == links
        assert requirements.TAG not in devices_of(netlink)


@pytest.mark.usefixtures("allowed", "bpf")
def test_a_kernel_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "OLDEST", (99, 0))
    assert looked()["Linux"].found.endswith(" is too old")
    assert str(requirements.missing()).startswith("Linux: ")


def test_locked_memory_matters_on_old_kernels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    memlock = looked()["memlock"]
    assert (memlock.ok, memlock.needed) == (True, False)
    monkeypatch.setattr(requirements, "_release", lambda: (5, 10))
    monkeypatch.setattr(requirements, "getrlimit", lambda _: (65536, 65536))
    assert looked()["memlock"].found == "at most 65536 bytes of maps and programs"


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libbpf, "LIBRARY", "libnowhere.so.1")
    for module in requirements, libbpf:
        monkeypatch.setattr(module, "libbpf", libbpf.libbpf.__wrapped__)
    monkeypatch.setattr("mirrorplane.engines.kernel.bpf.maps.libbpf", libbpf.libbpf)
    found = looked()
    assert "libnowhere.so.1 is not there" in found["libbpf"].found
    assert "apt install libbpf1" in found["libbpf"].remedy
    assert {"bpf(2)", "clsact, cls_bpf", "programs"} <= untried(found)


def test_no_object(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "image", lambda: image(tmp_path))
    found = looked()
    assert found["eBPF object"].blocks
    assert str(tmp_path) in found["eBPF object"].found
    assert "programs" in untried(found)
    assert requirements.missing() is not None


@pytest.mark.parametrize(
    ("place", "said"), [("nowhere", "No such file or directory"), ("text", "is not BTF")]
)
def test_no_type_information(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, said: str) -> None:
    (tmp_path / "text").write_text("text")
    monkeypatch.setattr(requirements, "BTF", tmp_path / place)
    found = looked()
    assert found["BTF"].found == f"{tmp_path / place}: {said}"
    assert "programs" in untried(found)


@pytest.mark.usefixtures("allowed", "bpf")
def test_what_the_verifier_refuses_is_told_at_length(monkeypatch: pytest.MonkeyPatch) -> None:
    content = image().replace(EXIT, LYING_EXIT)
    monkeypatch.setattr(requirements, "image", lambda: content)
    programs = looked()["programs"]
    assert programs.blocks
    assert len(programs.found.splitlines()) == 1
    assert "reserved fields" in programs.log
    assert "reserved fields" not in programs.line


@pytest.mark.usefixtures("allowed", "bpf")
def test_no_steering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it super-packets are segmented by their senders: worse, but no reason not to run."""
    monkeypatch.setattr(steering, "SYS_FSOPEN", -1)
    other = looked()["other CPUs"]
    assert (other.ok, other.blocks) == (False, False)
    assert "handing over to CPU" in other.found
    assert requirements.missing() is None


def test_one_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda _: 1)
    other = looked()["other CPUs"]
    assert (other.ok, other.blocks) == (False, False)


@pytest.mark.usefixtures("allowed", "bpf")
def test_no_network_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "CLONE_NEWNET", 1)  # no flag of unshare(2)
    with Lab() as lab:  # if it were one: what is made would be on no real host
        found = lab.host("host").call(looked)
    assert found["veth"].found == "making a network namespace: Invalid argument"
    assert "clsact, cls_bpf" in untried(found)


@pytest.mark.usefixtures("allowed", "bpf")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PASS", bytes(16), "loading a program of two instructions: Invalid argument"),
        ("SCHED_CLS", BPF_PROG_TYPE_SOCKET_FILTER, "attaching mirrorplane/00000000/test to ingress: "),
    ],
)
def test_a_filter_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, said: str
) -> None:
    monkeypatch.setattr(requirements, name, value)
    hooks = looked()["clsact, cls_bpf"]
    assert hooks.blocks
    assert said in hooks.found
    assert "modprobe" in hooks.remedy
