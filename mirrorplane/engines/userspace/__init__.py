"""The pipeline over packet rings of live devices.

* `taps`:    the sources: their devices, found, lost and found again, and a receive ring on each;
* `uplinks`: the ways to targets: a transmit ring on each outgoing device;
* `ledger`:  counters that outlive the plan that they were made for;
* `kernels`: all that is compiled, before anything is opened;
* `preparation`: a change of configuration, made ready beside the rounds;
* `engine`:  all of these and the pipeline, round by round.

Must not know a terminal, signals, or configuration files.
"""

from mirrorplane.engines.userspace.engine import Userspace

__all__ = ["Userspace"]
