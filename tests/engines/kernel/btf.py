"""What an object file says of its C types, read independently of libbpf: for comparing them with Python's.

The formats are those of elf(5) and Documentation/bpf/btf.rst, in this machine's byte order. Only types that a
function, a global or a map of the sources uses are in there: an enum whose names alone are used is not.
"""

from dataclasses import dataclass
from struct import Struct, calcsize
from typing import NamedTuple

PTR, ARRAY, STRUCT, UNION, ENUM, VAR, DATASEC, ENUM64 = 2, 3, 4, 5, 6, 14, 15, 19
TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG = 8, 9, 10, 11, 18

SINGLE = {1: "I", ARRAY: "3I", VAR: "I", 17: "i"}
"""What follows a type, by kind: INT, ARRAY, VAR, DECL_TAG."""

REPEATED = {STRUCT: "3I", UNION: "3I", ENUM: "Ii", 13: "2I", DATASEC: "3I", ENUM64: "IIi"}
"""What follows a type once for each of its members, by kind; 13 is FUNC_PROTO."""

NAMES_ANOTHER = frozenset({TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG, VAR})
"""Kinds that are as large as another type."""

POINTER = 8
"""Bytes of a pointer in eBPF."""

ELF_TABLE, ELF_ENTRIES = Struct("=40xQ"), Struct("=58x3H")
"""Elf64_Ehdr: e_shoff; e_shentsize, e_shnum, e_shstrndx."""

ELF_SECTION = Struct("=2I4Q")
"""Elf64_Shdr, its beginning: name, type, flags, address, offset, size."""

HEADER, TYPE = Struct("=HBB5I"), Struct("=3I")
"""struct btf_header, struct btf_type."""

MAGIC = 0xEB9F


class Span(NamedTuple):
    """Where something lies, in bytes from where the file, the struct or the section begins."""

    offset: int
    size: int


@dataclass(frozen=True)
class Type:
    """One type: `size` is in bytes, or the number of another type; `rest` is what follows it."""

    kind: int
    name: str
    size: int
    members_are_fields: bool
    rest: tuple[tuple[int, ...], ...]


class Types:
    """The types of one object file, by number from 1 on."""

    def __init__(self, image: bytes) -> None:
        """Read the .BTF section of the object file *image*."""
        place = section(image, ".BTF")
        content = image[place.offset : place.offset + place.size]
        magic, _, _, header, types, length, names, _ = HEADER.unpack_from(content)
        assert magic == MAGIC
        self._names = content[header + names :]
        self._types = [Type(0, "void", 0, members_are_fields=False, rest=())]
        position, end = header + types, header + types + length
        while position < end:
            each, position = self._read(content, position)
            self._types.append(each)

    def structs(self) -> dict[str, dict[str, Span]]:
        """Return where the members of every named struct and union lie; bit fields are left out."""
        found = [each for each in self._types if each.kind in {STRUCT, UNION} and each.name]
        return {each.name: self._members(each) for each in found}

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every named struct and union."""
        return {each.name: each.size for each in self._types if each.kind in {STRUCT, UNION} and each.name}

    def enums(self) -> dict[str, int]:
        """Return the value of every name in an enum, of whatever enum."""
        found: dict[str, int] = {}
        for each in self._types:
            for name, *words in each.rest if each.kind in {ENUM, ENUM64} else ():
                found[self._name(name)] = words[0] if each.kind == ENUM else words[0] | words[1] << 32
        return found

    def variables(self, name: str) -> list[str]:
        """Return the names of the variables in a section: `.maps` are the maps, `.rodata` the constants."""
        sections = [each for each in self._types if each.kind == DATASEC and each.name == name]
        return [self._types[variable].name for each in sections for variable, _, _ in each.rest]

    def _read(self, content: bytes, position: int) -> tuple[Type, int]:
        name, info, size = TYPE.unpack_from(content, position)
        kind, count, flag = info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31)
        form = "=" + (SINGLE.get(kind) or REPEATED.get(kind, ""))
        times = count if kind in REPEATED else int(kind in SINGLE)
        start, end = position + TYPE.size, position + TYPE.size + times * calcsize(form)
        rest = tuple(Struct(form).iter_unpack(content[start:end])) if times else ()
        return Type(kind, self._name(name), size, flag, rest), end

    def _name(self, offset: int) -> str:
        return self._names[offset : self._names.index(b"\0", offset)].decode()

    def _members(self, struct: Type) -> dict[str, Span]:
        members = {}
        for name, number, place in struct.rest:
            bits, width = (place & 0xFFFFFF, place >> 24) if struct.members_are_fields else (place, 0)
            if not width:
                members[self._name(name)] = Span(bits // 8, self._size(number))
        return members

    def _size(self, number: int) -> int:
        each = self._types[number]
        if each.kind == PTR:
            return POINTER
        if each.kind in NAMES_ANOTHER:
            return self._size(each.size)
        if each.kind == ARRAY:
            ((element, _, count),) = each.rest
            return count * self._size(element)
        return each.size


def section(image: bytes, name: str) -> Span:
    """Return where a section's content lies in the object file. Raises KeyError."""
    (table,) = ELF_TABLE.unpack_from(image)
    width, count, names = ELF_ENTRIES.unpack_from(image)
    headers = [ELF_SECTION.unpack_from(image, table + width * index) for index in range(count)]
    for label, _, _, _, offset, size in headers:
        start = headers[names][4] + label
        if image[start : image.index(b"\0", start)] == name.encode():
            return Span(offset, size)
    raise KeyError(name)
