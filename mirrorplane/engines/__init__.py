"""Running a plan.

* `pipeline`:  one capture through the stages to its sinks, batch by batch;
* `replay`:    the pipeline over capture files;
* `userspace`: the pipeline over packet rings of live devices;
* `report`:    what was counted, by name.

Must not know HTTP, the store, or a terminal.
"""
