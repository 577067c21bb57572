"""Formats: one file a header, with its offsets, lengths, `parse`, `emit` and RFC.

Must not know anything above: no plan, no batch, no file. Offsets are declared once, lengths derived from
them. What kernels call is marked `@inline`, reads through `jit.memory`, and takes a byte column and a
position in it; it is called only after the length has been checked, as each docstring says.
"""
