"""`python -m benchmarks [NAME ...]`: all measurements, or those named."""

import argparse
from functools import partial
from pathlib import Path

from benchmarks import api, live, measure, peers, pipeline, replay, rings
from benchmarks.sample import Options
from mirrorplane.cli.outcome import exit_codes

ALL = {
    "size": pipeline.by_size,
    "rules": pipeline.by_rules,
    "peers": peers.compare,
    "replay": replay.compare,
    "rings": rings.compare,
}
API, LIVE = "api", "live"
SECONDS, QUICK_SECONDS = 1.5, 0.3


def main() -> None:
    """Run the measurements named, all if there are none."""
    asked = _asked()
    pairs = asked.pairs or (1 if asked.quick else measure.PAIRS)
    seconds = asked.seconds or (QUICK_SECONDS if asked.quick else SECONDS)
    every = (
        ALL
        | {API: partial(api.measure, asked.quick)}
        | {LIVE: partial(live.compare, Options(pairs, seconds, asked.quick), asked.json)}
    )
    print(measure.machine())
    print(f"figures: median (smallest to largest) of {measure.PAIRS} alternating runs; {LIVE}: of {pairs}")
    with exit_codes():
        for name in asked.names or every:
            every[name]()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join([*ALL, API, LIVE])}")
    only = parser.add_argument_group(f"of {LIVE} only")
    only.add_argument("--pairs", type=_positive, help=f"rounds ({measure.PAIRS})")
    only.add_argument("--seconds", type=float, help=f"of a flood ({SECONDS}); TCP: up to the next whole one")
    only.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    only.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in {*ALL, API, LIVE}]
    if unknown:
        parser.error(f"no measurement is called {unknown[0]}; there are: {', '.join([*ALL, API, LIVE])}")
    return asked


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
