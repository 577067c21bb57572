"""Log lines: one each, whatever a requester wrote."""

import json

from mirrorplane.api.journal import Entry, short, structured

ENTRY = Entry(1_700_000_000.5, "ID-1", "echo", "Echo\n" + "x" * 500, "AK1", 400, "Wrong", 1.23456)


def test_a_structured_line_is_json() -> None:
    line = structured(ENTRY)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500Z",
        "id": "ID-1",
        "dialect": "echo",
        "action": "Echo\n" + "x" * 123,
        "account": "AK1",
        "status": 400,
        "code": "Wrong",
        "ms": 1.23,
    }


def test_a_short_line_has_what_is_known() -> None:
    assert short(ENTRY).endswith("xxx: 400 Wrong 1.2 ms ID-1")
    nothing = Entry(0.0, "ID-2", "", "", "", 400, "UnknownDialect", 0.1)
    assert short(nothing) == "1970-01-01T00:00:00.000Z no dialect: 400 UnknownDialect 0.1 ms ID-2"
