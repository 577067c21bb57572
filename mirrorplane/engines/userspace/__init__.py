"""The pipeline over packet rings of live devices.

* `taps`:    the sources: their devices, found, lost and found again, and receive rings on each;
* `uplinks`: the ways to targets: transmit rings on each outgoing device;
* `ledger`:  counters that outlive the plan that they were made for;
* `kernels`: all that is compiled, before anything is opened;
* `worker`:  a share of every source through the pipeline, round by round;
* `crew`:    the workers, each in a thread;
* `preparation`: a change of configuration, made ready beside the rounds;
* `engine`:  all of these, and what happens between rounds.

Must not know a terminal, signals, or configuration files.
"""

from mirrorplane.engines.userspace.engine import Userspace

__all__ = ["Userspace"]
