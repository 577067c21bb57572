"""Measurements: ratios against peers, and shares of what is possible, in one run; alternating pairs, medians.

Owns figures and what they are compared with. Must not assert behaviour: that is what tests are for.
`python -m benchmarks` makes one report of all of them; nothing else should be busy on the machine meanwhile.

* `figures`:  the form that all of them have;
* `measure`:  alternating pairs;
* `machine`:  what is measured on, and versions;
* `traffic`:  packets and rules;
* `pipeline`: the stages in memory, by packet size, rules and sessions, beside memcpy;
* `files`:    file to file, against other programs, beside reading and writing alone; cores; memory;
* `live`:     in namespaces, against `tc mirred` and `nft dup`, beside a clone and a transmit;
* `server`:   the clouds' APIs;
* `report`:   what it all looks like; `results` holds the last whole run.

After `--into benchmarks/results` say `--readme`: the README's figures are those of that run.
"""
