"""Configuration -> tables: what the stages and the kernel engine look up instead of thinking.

Owns the compilation of a configuration and the difference between two. Must not know who applies a plan,
sockets, or time.

* `tables`:     the columns that stages read;
* `fields`:     what a rule's fields mean;
* `intervals`:  a field's values -> the rules that each satisfies, as bit vectors;
* `pool`:       tables laid one behind the other;
* `tries`:      a field's value -> its bit vector, byte by byte;
* `listing`:    few rules, as a list;
* `crossing`:   the rule of each combination of vectors;
* `classifier`: all fields of the rules of one (source, direction, IP version);
* `balance`:    a load balancer's slots;
* `templates`:  the outer header of each (source, session, backend);
* `compile`:    all of it together, and `changes` what a new plan changes.
"""

from mirrorplane.plan.changes import Changes, diff
from mirrorplane.plan.compile import Plan, PlanError, compile_plan

__all__ = ["Changes", "Plan", "PlanError", "compile_plan", "diff"]
