"""An object file of one function -> an image.

Owns the few parts of ELF that LLVM writes for a kernel. Must not know how an image is mapped, nor LLVM.

Sources: System V ABI (ELF-64); its x86-64 psABI supplement, 4.4 "Relocation"; ELF for the Arm 64-bit
Architecture (AAELF64), 5.7 "Relocation". What is not known here is refused: guessed, it would be run.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mirrorplane.jit.image import ENTRY, HEADER_LEN, OUTSIDE, WORD, header

_FILE = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_MAGIC = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1
_RELOCATABLE = 1
_SYMBOLS, _WITH_ADDENDS, _WITHOUT_ADDENDS, _EMPTY = 2, 4, 9, 8
_WRITTEN, _LOADED, _THREADS = 1, 2, 0x400
_UNWINDING = ".eh_frame"  # for exceptions, which do not pass through kernels
_UNDEFINED = 0

_INSTRUCTION = struct.Struct("<I")
_PAGE = 4096  # of Arm's `adrp`, whatever the system's


class UnknownFormError(ValueError):
    """An object file with something in it that is not known here."""


class _Section(NamedTuple):
    name: str
    type: int
    flags: int
    data: bytes
    link: int
    info: int
    alignment: int


class _Symbol(NamedTuple):
    name: str
    section: int
    value: int


Patch = Callable[[bytearray, int, int], None]
"""Has the instruction or datum at a place, the second, refer to another, the third."""


def _distance(form: str) -> Patch:
    """Return what writes how far away the target is, as a number of *form*."""

    def patch(image: bytearray, place: int, target: int) -> None:
        try:
            struct.pack_into(form, image, place, target - place)
        except struct.error:
            raise UnknownFormError("a distance that does not fit") from None

    return patch


def _low(shift: int) -> Patch:
    """Return what completes an Arm instruction with the target's place in its page, of 1 << *shift* bytes."""

    def patch(image: bytearray, place: int, target: int) -> None:
        if target % (1 << shift):
            raise UnknownFormError("a word that is not where words may be")
        _complete(image, place, (target % _PAGE >> shift) << 10)

    return patch


def _page(image: bytearray, place: int, target: int) -> None:
    """Complete `adrp`: pages between the instruction's and the target's; an image begins with a page."""
    pages = target // _PAGE - place // _PAGE
    if not -(1 << 20) <= pages < 1 << 20:
        raise UnknownFormError("a distance that does not fit")
    _complete(image, place, (pages & 3) << 29 | (pages >> 2 & 0x7_FFFF) << 5)


def _branch(image: bytearray, place: int, target: int) -> None:
    """Complete `b` or `bl`."""
    distance = target - place
    if distance % 4 or not -(1 << 27) <= distance < 1 << 27:
        raise UnknownFormError("a distance that does not fit")
    _complete(image, place, distance >> 2 & 0x3FF_FFFF)


def _complete(image: bytearray, place: int, bits: int) -> None:
    (instruction,) = _INSTRUCTION.unpack_from(image, place)
    _INSTRUCTION.pack_into(image, place, instruction | bits)


def _jump_x86(slot: int, place: int) -> bytes:
    """Return `jmp *slot(%rip)`, and what fills it up to eight bytes."""
    return b"\xff\x25" + struct.pack("<i", slot - place - 6) + b"\xcc\xcc"


def _jump_arm(slot: int, place: int) -> bytes:
    """Return `ldr x16, slot; br x16`."""
    return struct.pack("<II", 0x5800_0010 | (slot - place >> 2 & 0x7_FFFF) << 5, 0xD61F_0200)


class _Machine(NamedTuple):
    """How to refer to a place, by the relocation's number, and how to jump to where a word points."""

    patches: dict[int, Patch]
    jump: Callable[[int, int], bytes]


_X86_PATCHES = {
    2: _distance("<i"),  # PC32
    4: _distance("<i"),  # PLT32
    24: _distance("<q"),  # PC64
}
_ARM_PATCHES = {
    260: _distance("<q"),  # PREL64
    261: _distance("<i"),  # PREL32
    275: _page,  # ADR_PREL_PG_HI21
    277: _low(0),  # ADD_ABS_LO12_NC
    278: _low(0),  # LDST8_ABS_LO12_NC, and so on by size
    284: _low(1),
    285: _low(2),
    286: _low(3),
    299: _low(4),
    282: _branch,  # JUMP26
    283: _branch,  # CALL26
}
_MACHINES = {62: _Machine(_X86_PATCHES, _jump_x86), 183: _Machine(_ARM_PATCHES, _jump_arm)}
"""By the file's machine number."""


def flatten(code: bytes) -> bytes:
    """Return the image of the object file *code*.

    Raises UnknownFormError for what cannot be made one.
    """
    if len(code) < _FILE.size or not code.startswith(_MAGIC):
        raise UnknownFormError("not a little-endian ELF file of 64 bits")
    machine = _machine(code)
    sections = list(_sections(code))
    symbols = _symbols(sections)
    jumps = [HEADER_LEN + index * WORD.size for index in range(len(OUTSIDE))]
    image = bytearray(HEADER_LEN)
    for index, place in enumerate(jumps):
        image += machine.jump(index * WORD.size, place)
    places = _lay_out(image, sections)
    outside = dict(zip(OUTSIDE, jumps, strict=True))
    for place, number, symbol, addend in _references(sections, places):
        patch = machine.patches.get(number)
        if patch is None:
            raise UnknownFormError(f"relocation {number}")
        patch(image, place, _address(symbols[symbol], places, outside) + addend)
    entered = next(symbol for symbol in symbols if symbol.name == ENTRY)
    image[:HEADER_LEN] = header(_address(entered, places, {}))
    return bytes(image)


def _machine(code: bytes) -> _Machine:
    _, kind, number, *_ = _FILE.unpack_from(code)
    machine = _MACHINES.get(number)
    if kind != _RELOCATABLE or machine is None:
        raise UnknownFormError(f"ELF of type {kind} for machine {number}")
    return machine


def _sections(code: bytes) -> Iterator[_Section]:
    fields = _FILE.unpack_from(code)
    start, count, names_at = fields[6], fields[12], fields[13]
    rows = [_SECTION.unpack_from(code, start + index * _SECTION.size) for index in range(count)]
    names = rows[names_at]
    for name, kind, flags, _, at, size, link, info, alignment, _ in rows:
        data = b"" if kind == _EMPTY else code[at : at + size]
        if size and kind == _EMPTY and flags & _LOADED:
            raise UnknownFormError("a section of zeros, which is to be written")
        yield _Section(_text(code, names[4] + name), kind, flags, data, link, info, alignment)


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()


def _symbols(sections: list[_Section]) -> list[_Symbol]:
    table = next((section for section in sections if section.type == _SYMBOLS), None)
    if table is None:
        raise UnknownFormError("no symbols")
    names = sections[table.link].data
    return [
        _Symbol(_text(names, name), section, value)
        for name, _, _, section, value, _ in _SYMBOL.iter_unpack(table.data)
    ]


def _lay_out(image: bytearray, sections: list[_Section]) -> dict[int, int]:
    """Add what is to be loaded to *image*; return where each such section lies."""
    places: dict[int, int] = {}
    for index, section in enumerate(sections):
        if not section.flags & _LOADED or section.name == _UNWINDING or not section.data:
            continue
        if section.flags & (_WRITTEN | _THREADS):
            raise UnknownFormError(f"{section.name}, which is to be written")
        image += bytes(-len(image) % max(section.alignment, 1))
        places[index] = len(image)
        image += section.data
    return places


def _references(sections: list[_Section], places: dict[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield what refers to something: its place, its kind, the symbol's index and the addend."""
    for section in sections:
        if section.type == _WITHOUT_ADDENDS and section.info in places:
            raise UnknownFormError(f"{section.name}: relocations without addends")
        if section.type == _WITH_ADDENDS and section.info in places:
            for at, kind, addend in _RELOCATION.iter_unpack(section.data):
                yield places[section.info] + at, kind & 0xFFFF_FFFF, kind >> 32, addend


def _address(symbol: _Symbol, places: dict[int, int], outside: dict[str, int]) -> int:
    """Return where *symbol* lies in the image; a function of *outside* is jumped to by way of it."""
    if symbol.section == _UNDEFINED and symbol.name in outside:
        return outside[symbol.name]
    if symbol.section not in places:
        raise UnknownFormError(f"a reference to {symbol.name or 'nothing'}, which is not there")
    return places[symbol.section] + symbol.value
