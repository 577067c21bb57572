"""What the engine puts on the host: devices and filters of its own, and nothing else.

* `staging`:  the veth pairs that copies pass, made and removed;
* `offloads`, `steering`: what such a device may do, and which CPU handles what it receives;
* `hooks`:    programs attached to devices, among other people's;
* `cpus`:     which CPUs may be used;
* `refusals`: what the kernel says no to, in a line.

Must not know plans, sessions or counters.
"""
