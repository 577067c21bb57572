"""Measurements: ratios against peers in one run, several alternating pairs, medians.

Owns figures and what they are compared with. Must not assert behaviour: that is what tests are for. Run all
of them with `python -m benchmarks`; nothing else should be busy on the machine meanwhile.

* `traffic`:  packets and rules;
* `measure`:  alternating pairs, medians, tables;
* `pipeline`: the stages in memory, by packet size, PacketLength and number of rules;
* `peers`:    dpkt and scapy doing the same work;
* `replay`:   file to file, against tcprewrite and editcap;
* `api`:      the server: creates, lists, and how soon a session mirrors; `calls` are its clients;
* `live`:     in namespaces, against `tc mirred` and `nft dup`: `lab` is the network, `load` what the guest
  does, `mirrors` who mirrors it, `sample` one measurement, `tables` what is made of many.
"""
