"""A process that creates sessions, several at a time, and says which are there, until it is killed.

Called with a folder and the number of sessions.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mirrorplane.control import Control, Draft, NewSession, Token, operations
from tests.control.desk import HERE
from tests.control.rig import new_filter, running, settled

N_CLIENTS = 16
QUOTAS = "{aliyun: {quotas: {sessions_per_interface: 100000, sources_per_target: 100000}}}"


def create(control: Control, number: int, chosen: str) -> str:
    """Return the id of session *number*, asked for with the token that it always has."""

    def work(draft: Draft) -> dict[str, Any]:
        order = NewSession(number, chosen, ("eni-a", "eni-b"), instance="eni-sensor", tags={"n": str(number)})
        return {"id": operations.create_session(draft, HERE, order).id}

    made = control.submit(work, Token(HERE, "Create", f"token-{number}", str(number)))
    return str(made["id"])


def main(folder: str, number: str) -> None:
    with running(Path(folder), api=QUOTAS) as control:
        chosen = new_filter(control)
        settled(control)
        print(chosen, flush=True)

        def client(at: int) -> None:
            own = create(control, at, chosen)
            sys.stdout.write(f"{at} {own}\n")
            sys.stdout.flush()

        with ThreadPoolExecutor(N_CLIENTS) as pool:
            list(pool.map(client, range(1, int(number) + 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
