"""Live measurements as tables.

Owns the figures that are made of samples. Must not know how a sample came about.

* Source kept: its rate, times that of the unmirrored source of the same round.
* Mirrored: the copies that had arrived at the sensor when the load ended. Of TCP, the kernel engine mirrors
  every segment; for all others a super-packet of up to 64 KB is one.
* A CPU-second: of the CPU that sends, the generator's own work included; stolen time is not counted.
* A copy's cost: what that CPU did beyond what the unmirrored source costs it for the same work.
"""

from collections.abc import Callable
from math import nan

from benchmarks import measure
from benchmarks.load import PACING
from benchmarks.mirrors import NONE, TC
from benchmarks.sample import COUNTED, FULL, HALF, Case, Life, Sample

Round = dict[Case, Sample]
Value = Callable[[Sample, Sample], float]
"""A figure of a sample and the unmirrored one of the same round."""

THOUSAND, MILLION, BILLION = 1e3, 1e6, 1e9
MUCH_STOLEN = 0.02
"""Of the time measured: above that, the figures are the machine's host's as much as ours."""


def show(rounds: list[Round], counted: Round) -> None:
    """Print everything."""
    for load in dict.fromkeys(case.load for case in rounds[0]):
        kinds = {FULL: _show_tcp, HALF: _show_half}
        kinds.get(load, _show_flood)(load, rounds)
    _show_by_rules(rounds)
    _show_counted(counted)
    _tell_stolen([sample for each in rounds for sample in each.values()])


def _per(one: float, other: float) -> float:
    """Return a quotient, or no number: what is too short to be measured takes 0 seconds."""
    return one / other if other else nan


def mirrored(sample: Sample, _none: Sample) -> float:
    """Return the copies a second."""
    return sample.window.arrived / sample.window.seconds


def kept(sample: Sample, none: Sample) -> float:
    """Return what is left of the source's rate."""
    return _per(sample.rate, none.rate)


def per_cpu_second(sample: Sample, _none: Sample) -> float:
    """Return the copies for each second that the sender's CPU worked."""
    return _per(sample.window.arrived, sample.window.busy)


def cost(sample: Sample, none: Sample) -> float:
    """Return the seconds that a copy cost the sender's CPU."""
    unmirrored = sample.work * _per(none.window.busy, none.work)
    return _per(sample.window.busy - unmirrored, sample.window.arrived)


def others(sample: Sample, _none: Sample) -> float:
    """Return how many other CPUs were at work."""
    return sample.window.others / sample.window.seconds


def _taken(rounds: list[Round], case: Case, value: Value) -> list[float]:
    return [value(each[case], each[Case(case.load, NONE)]) for each in rounds]


def _median(rounds: list[Round], case: Case, value: Value, unit: float) -> str:
    """Return the median in *unit*; nothing where there is nothing to tell of an unmirrored source."""
    if case.mirror == NONE and value in (mirrored, per_cpu_second, cost):
        return "-"
    return f"{measure.figure([each / unit for each in _taken(rounds, case, value)]).median:.3g}"


def _beside(rounds: list[Round], case: Case, peer: Case, value: Value) -> str:
    """Return how many times *peer*'s a case's figure is, round by round."""
    if peer not in rounds[0] or case.mirror == NONE:
        return "-"
    return str(measure.ratio(_taken(rounds, case, value), _taken(rounds, peer, value)))


def _cases(rounds: list[Round], load: str) -> list[Case]:
    return [case for case in rounds[0] if case.load == load]


def _choice(case: Case) -> str:
    return case.mirror + (f", {case.packet_length}, {case.rules}" if case.rules else "")


CHOICE = "mirror, PacketLength, rules"
EFFORT = ["mirrored [kpps]", "a CPU-second [k]", "a copy's cost [us]", "other CPUs [s/s]"]


def _effort(rounds: list[Round], case: Case) -> list[str]:
    units: tuple[tuple[Value, float], ...] = (
        (mirrored, THOUSAND),
        (per_cpu_second, THOUSAND),
        (cost, 1 / MILLION),
        (others, 1),
    )
    return [_median(rounds, case, value, unit) for value, unit in units]


def _rate(sample: Sample, _none: Sample) -> float:
    return sample.rate


def _show_flood(load: str, rounds: list[Round]) -> None:
    rows = [
        [
            _choice(case),
            _median(rounds, case, _rate, THOUSAND),
            str(measure.figure(_taken(rounds, case, kept))),
            *_effort(rounds, case),
            _beside(rounds, case, Case(load, TC), per_cpu_second),
        ]
        for case in _cases(rounds, load)
    ]
    columns = [CHOICE, "source [kpps]", "source kept", *EFFORT, "a CPU-second, times tc's"]
    measure.show(f"live: a flood of {load}-byte frames", columns, rows)


def _show_tcp(load: str, rounds: list[Round]) -> None:
    rows = [
        [
            case.mirror,
            _median(rounds, case, _rate, BILLION),
            str(measure.figure(_taken(rounds, case, kept))),
            *_effort(rounds, case),
            _resent(rounds, case),
        ]
        for case in _cases(rounds, load)
    ]
    columns = ["mirror", "source [Gbit/s]", "source kept", *EFFORT, "sent again"]
    measure.show(
        "live: iperf3 flat out, PacketLength 128 (the kernel engine: segments; others: super-packets)",
        columns,
        rows,
    )


def _resent(rounds: list[Round], case: Case) -> str:
    return str(measure.figure([each[case].retransmits for each in rounds]))


def _show_half(load: str, rounds: list[Round]) -> None:
    rows = []
    for case in _cases(rounds, load):
        lives = [each[case].life for each in rounds]
        lost = [missed(life) for life in lives]
        told = "-" if case.mirror == NONE else f"{sum(lost)} (in a round at most {max(lost)})"
        copies = sum(life.arrived for life in lives)
        rate = _median(rounds, case, _rate, BILLION)
        rows.append([case.mirror, rate, _resent(rounds, case), str(copies), told, _reasons(lives)])
    columns = ["mirror", "source [Gbit/s]", "sent again", "copies, all rounds", "lost", "not mirrored"]
    title = f"live: {load} that each mirror left it, in bursts (iperf3 --pacing-timer {PACING})"
    measure.show(title, columns, rows)


def missed(life: Life) -> int:
    """Return how many copies never came, of the packets that the mirror saw, or else the link carried."""
    return (life.carried if life.seen is None else life.seen) - life.arrived


def _reasons(lives: list[Life]) -> str:
    names = dict.fromkeys(name for life in lives for name in life.reasons)
    sums = {name: sum(life.reasons.get(name, 0) for life in lives) for name in names}
    return ", ".join(f"{name} {number}" for name, number in sums.items()) or "-"


def _show_by_rules(rounds: list[Round]) -> None:
    """Print what most rules cost, times what one costs, for whoever was measured with both."""
    rows = []
    for case in rounds[0]:
        one = case._replace(rules=1)
        if case.rules > 1 and one in rounds[0]:
            whole = _beside(rounds, one, case, per_cpu_second)
            rows.append([_choice(case), case.load, whole, _beside(rounds, case, one, cost)])
    if not rows:
        return
    columns = [CHOICE, "frame [bytes]", "CPU time a copy, times 1 rule's", "a copy's cost, times 1 rule's"]
    measure.show("live: by number of rules, the last one decides", columns, rows)


def _show_counted(counted: Round) -> None:
    rows = []
    for case, (_, _, _, _, _, life) in counted.items():
        lines = [str(number) for number in (life.carried, life.arrived)]
        rows.append([case.mirror, *lines, *_own_counts(life), _reasons([life])])
    columns = ["mirror", "sent", "arrived", "seen", "mirrored", "unexplained", "not mirrored"]
    measure.show(f"live: {COUNTED}, a flood of 64-byte frames, flat out", columns, rows)


def _own_counts(life: Life) -> list[str]:
    if life.seen is None or life.mirrored is None:
        return ["-", "-", "-"]
    return [str(life.seen), str(life.mirrored), str(unexplained(life))]


def unexplained(life: Life) -> int:
    """Return how many packets are not accounted for.

    Those sent and not seen, seen and neither mirrored nor with a reason, mirrored and not arrived, and the
    other way about.
    """
    seen, copies = life.seen or 0, life.mirrored or 0
    reasons = sum(life.reasons.values())
    return abs(life.carried - seen) + abs(seen - copies - reasons) + abs(copies - life.arrived)


def _tell_stolen(samples: list[Sample]) -> None:
    shares = [_per(sample.window.stolen, sample.window.seconds) for sample in samples]
    noisy = [share for share in shares if share > MUCH_STOLEN]
    if noisy:
        print(
            f"the machine's host took CPU time away in {len(noisy)} of {len(shares)} measurements,"
            f" up to {max(noisy):.0%}"
        )
