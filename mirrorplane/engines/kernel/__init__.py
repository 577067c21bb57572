"""Mirroring in the kernel: eBPF programs on the sources' devices, their maps, and what keeps those in step.

* `program/`: the C sources, compiled to `program.o` when the package is built (hatch_build.py);
* `sources`:  which sources an object file is of;
* `libbpf`:   the system's library, errors, descriptors;
* `object`:   the object file, read, set up and loaded;
* `maps`, `programs`: what is in the kernel.

Must not know a terminal, signals, or configuration files.
"""
