"""Running a plan.

* `pipeline`:  one capture through the stages to its sinks, batch by batch;
* `replay`:    the pipeline over capture files;
* `userspace`: the pipeline over packet rings of live devices;
* `targets`:   how a live engine's targets are reached, and what templates and slots say because of it;
* `report`:    what was counted, by name.

Must not know HTTP, the store, or a terminal.
"""
