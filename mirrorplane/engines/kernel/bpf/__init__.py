"""The kernel's eBPF, as any engine might use it.

* `libbpf`:   the system's library, errors, descriptors;
* `sources`:  which C sources an object file is of;
* `object`:   the object file, read, set up and loaded;
* `maps`, `programs`: what is in the kernel.

Must not know what any program is for.
"""
