"""`python -m benchmarks [NAME ...]`: all measurements, or those named."""

import sys

from benchmarks import measure, peers, pipeline, replay

ALL = {"size": pipeline.by_size, "rules": pipeline.by_rules, "peers": peers.compare, "replay": replay.compare}


def main(names: list[str]) -> None:
    """Run the measurements *names*, all if there are none."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise SystemExit(f"no measurement is called {unknown[0]}; there are: {', '.join(ALL)}")
    print(measure.machine())
    print(f"figures: median (smallest to largest) of {measure.PAIRS} alternating runs")
    for name in names or ALL:
        ALL[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
