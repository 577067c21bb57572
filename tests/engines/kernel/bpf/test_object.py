"""The object file: found, loaded, refused; and its programs in the kernel."""

import os
import subprocess
import sys
from errno import EINVAL, ENOENT
from pathlib import Path
from shutil import copy, copytree

import pytest

from mirrorplane.engines.kernel.bpf import object as object_file
from mirrorplane.engines.kernel.bpf.libbpf import KernelError, RefusedError
from mirrorplane.engines.kernel.bpf.object import Object, image
from mirrorplane.engines.kernel.bpf.programs import Program
from mirrorplane.engines.kernel.bpf.sources import OBJECT, SOURCES
from tests.engines.kernel.bpf.test_libbpf import descriptors
from tests.engines.kernel.btf import Types, section

PROGRAM = "tap_ingress"
TC_ACT_UNSPEC = -1
FRAME = bytes.fromhex("020000000002 020000000001 88b5") + bytes(50)

CONTEXT, MARK = 192, slice(8, 12)
"""struct __sk_buff: its bytes, and its mark."""


def own_maps() -> list[str]:
    return Types(image()).variables(".maps")


def break_program(content: bytes) -> bytes:
    """Return the object with the last `exit` of its programs made into another instruction."""
    place = section(content, "tc")
    end = place.offset + place.size
    return content[: end - 8] + b"\xb7" + bytes(7) + content[end:]  # r0 = 0


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = object_file.ENGINE
    copytree(folder / SOURCES, tmp_path / SOURCES)
    copy(folder / OBJECT, tmp_path / OBJECT)
    return tmp_path


def test_image(elsewhere: Path) -> None:
    assert image(elsewhere) == image()


def test_no_image(elsewhere: Path) -> None:
    (elsewhere / OBJECT).unlink()
    with pytest.raises(KernelError, match=r"^the eBPF object is not there: reinstall mirrorplane \("):
        image(elsewhere)


def test_stale_image(elsewhere: Path) -> None:
    with (elsewhere / SOURCES / "program.c").open("a") as source:
        source.write("\n")
    with pytest.raises(KernelError, match=r"^the eBPF object is not of this machine's sources: reinstall"):
        image(elsewhere)


def test_type_information() -> None:
    types = Types(image())
    assert types.sizes()["__sk_buff"] == CONTEXT
    assert types.structs()["__sk_buff"]["mark"] == (MARK.start, 4)
    assert types.structs()["__sk_buff"]["cb"] == (48, 20)
    assert section(image(), ".BTF.ext").size


def test_garbage() -> None:
    with pytest.raises(RefusedError, match=r"^the eBPF object cannot be read: ") as caught:
        Object(b"no object at all" * 10)
    assert "\n" not in str(caught.value)


def test_load(bpf: None, capfd: pytest.CaptureFixture[str]) -> None:
    before = descriptors()
    with Object(image()) as loaded:
        loaded.load()
        program = loaded.program(PROGRAM)
        maps = {name: loaded.map(name) for name in own_maps()}
    with program:
        info = program.info()
        with Program.by_id(info.id) as again:
            assert again.info() == info
    assert info.name == PROGRAM
    assert info.map_ids
    known = {each.info.id: name for name, each in maps.items()}
    assert {known[number] for number in info.map_ids if number in known}
    for each in maps.values():
        each.close()
    with pytest.raises(RefusedError) as caught:
        Program.by_id(info.id)
    assert caught.value.code == ENOENT
    assert descriptors() == before
    assert capfd.readouterr() == ("", "")


def test_before_load(bpf: None) -> None:
    before = descriptors()
    with Object(image()) as opened:
        with pytest.raises(KernelError, match=rf"^program {PROGRAM}: "):
            opened.program(PROGRAM)
        with pytest.raises(KernelError, match="the eBPF object's program nobody: No such file"):
            opened.program("nobody")
        with pytest.raises(KernelError, match="the eBPF object's map nothing: No such file"):
            opened.map("nothing")
    with pytest.raises(KernelError, match="is closed"):
        opened.map(own_maps()[0])
    assert descriptors() == before


def test_refused_map(bpf: None, capfd: pytest.CaptureFixture[str]) -> None:
    name = own_maps()[0]
    before = descriptors()
    with Object(image()) as opened:
        opened.set_max_entries(name, 0)
        with pytest.raises(RefusedError, match=rf"^the eBPF object was refused: map '{name}': ") as caught:
            opened.load()
    assert caught.value.code == EINVAL
    assert "\n" not in str(caught.value)
    assert descriptors() == before
    assert capfd.readouterr() == ("", "")


def test_refused_program(bpf: None, capfd: pytest.CaptureFixture[str]) -> None:
    before = descriptors()
    refused = pytest.raises(RefusedError, match=r"^the eBPF object was refused: prog '")
    with Object(break_program(image())) as opened, refused as caught:
        opened.load()
    assert caught.value.code == EINVAL
    assert "last insn is not an exit or jmp" in caught.value.log
    assert "\n" not in str(caught.value)
    assert descriptors() == before
    assert capfd.readouterr() == ("", "")


def test_left_out(bpf: None) -> None:
    with Object(image()) as opened:
        opened.set_autoload(PROGRAM, False)
        opened.load()
        with pytest.raises(KernelError):
            opened.program(PROGRAM)


def test_reuse(bpf: None) -> None:
    before = descriptors()
    names = own_maps()
    with Object(image()) as first, Object(image()) as second:
        first.load()
        with first.map(names[0]) as existing:
            second.reuse(names[0], existing)
        second.load()
        with first.map(names[0]) as one, second.map(names[0]) as other:
            assert one.info == other.info
    assert descriptors() == before


def test_constants(bpf: None) -> None:
    content = image()
    names = Types(content).variables(".rodata")
    assert names == ["namespace"]
    with Object(content) as opened:
        opened.set_constant(names[0], 1)
        with pytest.raises(KernelError, match=f"constant {names[0]}: {1 << 64} needs over"):
            opened.set_constant(names[0], 1 << 64)
        with pytest.raises(KernelError, match="has no constant nothing"):
            opened.set_constant("nothing", 1)
        opened.load()
        with opened.map(".rodata") as constants:
            value = constants.lookup(bytes(4))
    assert value is not None
    assert (1).to_bytes(1, sys.byteorder) in value


def test_run(bpf: None) -> None:
    context = bytearray(CONTEXT)
    context[MARK] = (7).to_bytes(4, sys.byteorder)
    with Object(image()) as opened:
        opened.load()
        with opened.program(PROGRAM) as program:
            outcome = program.test_run(FRAME, bytes(context))
            assert program.test_run(FRAME, repeat=3) == (TC_ACT_UNSPEC, FRAME, b"")
            with pytest.raises(RefusedError, match=r"^running a program in a test: Invalid argument$"):
                program.test_run(bytes(5))
    assert outcome.verdict == TC_ACT_UNSPEC
    assert outcome.frame == FRAME
    assert outcome.context[MARK] == context[MARK]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_privileges() -> None:
    program = (
        "import os\n"
        "from mirrorplane.engines.kernel.bpf.object import Object, image, KernelError\n"
        "content = image()  # read while its folder may be\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: Object(content).load()\n"
        "except KernelError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert len(run.stdout.splitlines()) == 1
    assert "Operation not permitted" in run.stdout
    assert not run.stderr
