"""A classic BPF program, written from its end to its start.

Owns the instructions' codes and their jumps (include/uapi/linux/bpf_common.h, linux/filter.h;
Documentation/networking/filter.rst). Must not know what a program decides.

Every jump leads forward, so whatever an instruction leads to is written before it: a label is known when it
is needed. A conditional jump spans at most 255 instructions; a longer one gets a step in between.
"""

from struct import Struct
from typing import NamedTuple

INSTRUCTION = Struct("=HBBI")
"""struct sock_filter: code, instructions to skip if true, if false, and a number k."""

MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of include/uapi/linux/bpf_common.h."""

LD, LDX, ST, ALU, JMP, RET = 0, 1, 2, 4, 5, 6
WORD, HALF, BYTE = 0x00, 0x08, 0x10
IMM, ABS, IND, MEM, LEN, MSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
AND = 0x50
JA, JEQ, JGT, JGE, JSET = 0x00, 0x10, 0x20, 0x30, 0x40

PACKET_TYPE = 0xFFFFF000 + 4
"""SKF_AD_OFF + SKF_AD_PKTTYPE, where a load finds the sll_pkttype of packet(7)."""

WHOLE = 0xFFFFFFFF
"""What a program returns to keep all of a packet; else how many of its bytes."""

_FAR = 254  # less than a jump's 8 bits: writing the step for one way moves the other's end by one


class Instruction(NamedTuple):
    """One instruction, as in INSTRUCTION."""

    code: int
    if_true: int
    if_false: int
    k: int


class Program:
    """A program under construction. A label counts the instructions from one, itself included, to the end."""

    def __init__(self) -> None:
        self._reversed: list[Instruction] = []

    def leave(self, k: int) -> int:
        """Write a return of *k*, and return its label."""
        return self._write(RET, k)

    def step(self, code: int, k: int, then: int) -> int:
        """Write an instruction that leads to *then*, and return its label."""
        if then != len(self._reversed):
            self._write(JMP | JA, len(self._reversed) - then)
        return self._write(code, k)

    def fork(self, comparison: int, k: int, yes: int, no: int) -> int:
        """Write a comparison of the accumulator with *k* that leads to *yes* or *no*; return its label."""
        yes, no = self._near(yes), self._near(no)
        here = len(self._reversed)
        return self._write(JMP | comparison, k, here - yes, here - no)

    def load(self, slot: int, then: int) -> int:
        """Write the load of a memory slot to the accumulator, and return its label."""
        return self.step(LD | MEM, slot, then)

    def loaded(self, slot: int, label: int) -> int:
        """Return where to go instead of *label* with the *slot* in the accumulator: behind a load of it."""
        instruction = self._reversed[label - 1]
        return label - 1 if instruction[::3] == (LD | MEM, slot) else label

    def packed(self) -> bytes:
        """Return the program as an array of struct sock_filter."""
        return b"".join(INSTRUCTION.pack(*instruction) for instruction in reversed(self._reversed))

    def _near(self, label: int) -> int:
        """Return a label that leads to *label* and that a conditional jump reaches."""
        distance = len(self._reversed) - label
        if distance <= _FAR:
            return label
        there = self._reversed[label - 1]
        return self._write(RET, there.k) if there.code == RET else self._write(JMP | JA, distance)

    def _write(self, code: int, k: int, if_true: int = 0, if_false: int = 0) -> int:
        self._reversed.append(Instruction(code, if_true, if_false, k))
        return len(self._reversed)
