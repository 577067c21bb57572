"""Mirroring in the kernel: eBPF programs on the sources' devices, their maps, and what keeps those in step.

* `program/`: the C sources, compiled to `program.o` when the package is built (hatch_build.py);
* `bpf`:      loading programs, reading and writing maps;
* `host`:     our devices and filters on the host;
* `records`:  the rows of the maps;
* `loading`:  the programs and maps of one instance, new or taken over;
* `register`: who has which row of counters, and where taps are: kept in the kernel too;
* `tables`:   a plan in the maps, and the switch from one to the next;
* `relays`, `taps`: our devices and our filters on the sources, by the register;
* `nexthops`: templates and outgoing devices, kept in step with the network;
* `accounts`: what was counted, by id;
* `instances`: who runs, what one left behind, and taking it away;
* `requirements`: what all this asks of the host;
* `engine`:   the order of it all.

Must not know a terminal, signals, or configuration files.
"""
