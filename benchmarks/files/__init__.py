"""File to file, whole processes.

* `captures`:  input files, and where there is room for them;
* `programs`:  who is compared: `with_dpkt`, `with_scapy` and `mirror.c` are programs of their own;
* `spent`:     what a process costs;
* `replay`:    the comparison, net of start-up and whole, beside reading and writing alone;
* `cores`:     ours by number of workers;
* `memory`:    ours by how much it holds.
"""
