"""The log: a line for each thing that is told, and nothing of what was asked unless all is to be said."""

import json
import logging

import pytest

from mirrorplane.api.journal import Entry
from mirrorplane.cli.log import Log

ENTRY = Entry(0.0, "ID-1", "echo", "Say", "AK1", 500, "InternalError", 1.0)


def failure() -> Exception:
    try:
        raise KeyError("what was asked")
    except KeyError as error:
        return error


@pytest.mark.parametrize("verbose", [False, True])
def test_a_failure_is_told_at_length_only_where_that_is_wanted(
    capfd: pytest.CaptureFixture[str], verbose: bool
) -> None:
    with Log(as_json=False, verbose=verbose) as log:
        log.request(ENTRY, failure())
    said = capfd.readouterr().err
    assert "1970-01-01T00:00:00.000Z echo Say: 500 InternalError 1.0 ms ID-1" in said
    assert "mirrorplane: request ID-1 failed: KeyError\n" in said
    assert ("what was asked" in said, "Traceback" in said) == (verbose, verbose)


def test_every_line_is_json_where_that_is_wanted(capfd: pytest.CaptureFixture[str]) -> None:
    with Log(as_json=True, verbose=True) as log:
        log.request(ENTRY, failure())
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert lines[0]["id"] == "ID-1"
    assert lines[-1] == {"message": "Invalid HTTP request received."}


def test_what_our_threads_say_is_told_until_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("mirrorplane.control.reconcile")
    with Log(as_json=False, verbose=False):
        logger.info("not this")
        try:
            raise ValueError("that")
        except ValueError:
            logger.exception("the reconciler goes on")
    said = capfd.readouterr().err
    assert said == "mirrorplane: the reconciler goes on: ValueError\n"
