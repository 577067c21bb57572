"""Object files become images that run; what is not known in one is refused."""

import ctypes
import platform
import struct

import pytest

from mirrorplane.jit import image
from mirrorplane.jit.flatten import UnknownFormError, flatten
from mirrorplane.jit.linking import OURS
from tests.jit.objects import ARM, compiled

NATIVE = pytest.mark.skipif(platform.machine() not in OURS, reason="images are not made on this machine")

SUM = """
@odd = private unnamed_addr constant [8 x i32] [i32 3, i32 1, i32 4, i32 1, i32 5, i32 9, i32 2, i32 6]
declare ptr @memcpy(ptr, ptr, i64)
declare ptr @memset(ptr, i32, i64)
declare ptr @memmove(ptr, ptr, i64)
define i32 @mirrorplane_entry(ptr %block) {
  %from = getelementptr i64, ptr %block, i64 1
  %index = load i64, ptr %block
  %length = load i64, ptr %from
  %to = getelementptr i64, ptr %block, i64 2
  %behind = getelementptr i8, ptr %to, i64 %length
  %1 = call ptr @memset(ptr %to, i32 7, i64 %length)
  %2 = call ptr @memcpy(ptr %behind, ptr @odd, i64 %length)
  %3 = call ptr @memmove(ptr %to, ptr %behind, i64 4)
  %place = getelementptr [8 x i32], ptr @odd, i64 0, i64 %index
  %found = load i32, ptr %place
  ret i32 %found
}
"""
"""Answers with the number of `odd` that the first word says; copies those that the second says behind it."""


@NATIVE
def test_an_image_reads_its_constants_and_calls_the_c_library() -> None:
    entry = image.load(flatten(compiled(SUM)))
    words = (ctypes.c_int64 * 6)(4, 16, -1, -1, -1, -1)
    assert entry(ctypes.addressof(words)) == 5
    assert bytes(words)[16:] == struct.pack("<I", 3) + b"\7" * 12 + struct.pack("<4I", 3, 1, 4, 1)


@NATIVE
def test_an_image_runs_wherever_it_lies() -> None:
    code = flatten(compiled(SUM))
    words = (ctypes.c_int64 * 6)(5, 0)
    places = [image.load(code) for _ in range(3)]
    assert len({ctypes.cast(place, ctypes.c_void_p).value for place in places}) == 3  # type: ignore[arg-type]
    assert [place(ctypes.addressof(words)) for place in places] == [9, 9, 9]


def test_the_instructions_of_an_arm_refer_to_places_in_the_image() -> None:
    code = flatten(compiled(SUM, ARM))
    instructions = {
        place: struct.unpack_from("<I", code, place)[0] for place in range(image.HEADER_LEN, len(code) - 3, 4)
    }
    calls = {_called(word, at) for at, word in instructions.items() if word >> 26 == 0b100101}
    assert {_loaded(instructions[place], place) for place in calls} == {0, 8, 16}
    assert {instructions[place + 4] for place in calls} == {0xD61F_0200}  # br x16
    tables = {
        (_page(word, at) + (instructions[at + 4] >> 10 & 0xFFF))
        for at, word in instructions.items()
        if word >> 31 and word >> 24 & 0x1F == 0b10000 and instructions[at + 4] >> 22 == 0b1001000100
    }
    assert {struct.unpack_from("<8I", code, place) for place in tables} == {(3, 1, 4, 1, 5, 9, 2, 6)}


def _called(word: int, at: int) -> int:
    return at + 4 * _signed(word & 0x3FF_FFFF, 26)


def _loaded(word: int, at: int) -> int:
    assert word >> 24 == 0x58  # ldr x, literal
    return at + 4 * _signed(word >> 5 & 0x7_FFFF, 19)


def _page(word: int, at: int) -> int:
    return (at & ~0xFFF) + 4096 * _signed((word >> 5 & 0x7_FFFF) << 2 | word >> 29 & 3, 21)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def entry_of(body: str, rest: str = "") -> str:
    return f"{rest}\ndefine i32 @mirrorplane_entry(ptr %block) {{\n{body}\n}}\n"


@pytest.mark.parametrize("triple", ["x86_64-unknown-linux-gnu", ARM])
@pytest.mark.parametrize(
    ("assembly", "why"),
    [
        (entry_of("%a = load i32, ptr @g\nret i32 %a", "@g = internal global i32 0"), "to be written"),
        (entry_of("store i32 1, ptr @g\nret i32 0", "@g = global i32 7"), "relocation|to be written"),
        (entry_of("%a = load i32, ptr @t\nret i32 %a", "@t = internal thread_local global i32 7"), "written"),
        (entry_of("%a = call i32 @elsewhere()\nret i32 %a", "declare i32 @elsewhere()"), "elsewhere"),
        (
            entry_of("%a = load ptr, ptr @p\nstore ptr %a, ptr %block\nret i32 0", "@p = constant ptr @p"),
            "to be written|relocation",
        ),
    ],
    ids=["zeros", "data", "threads", "outside", "addresses"],
)
def test_what_an_image_cannot_hold_is_refused(assembly: str, why: str, triple: str) -> None:
    with pytest.raises(UnknownFormError, match=why):
        flatten(compiled(assembly, triple))


@pytest.mark.parametrize("triple", ["riscv64-unknown-linux-gnu", "s390x-unknown-linux-gnu"])
def test_another_machine_is_refused(triple: str) -> None:
    with pytest.raises(UnknownFormError, match="ELF"):
        flatten(compiled(entry_of("ret i32 0"), triple))


@pytest.mark.parametrize("code", [b"", b"\x7fELF", bytes(64)])
def test_what_is_no_object_file_is_refused(code: bytes) -> None:
    with pytest.raises(UnknownFormError, match="not a little-endian ELF file"):
        flatten(code)
