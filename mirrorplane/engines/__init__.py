"""Running a plan.

* `pipeline`:  one capture through the stages to its sinks, batch by batch;
* `replay`:    the pipeline over capture files;
* `live`:      what the live engines have in common to those who run them;
* `userspace`: the pipeline over packet rings of live devices;
* `kernel`:    eBPF programs on live devices, and what keeps them in step;
* `sources`:   which devices a live engine mirrors, and the plan for them;
* `targets`:   how a live engine's targets are reached, and what templates and slots say because of it;
* `requirement`: whether an engine can run on this host;
* `report`:    what was counted, by name.

Must not know HTTP, the store, or a terminal.
"""
