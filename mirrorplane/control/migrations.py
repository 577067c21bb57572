"""How a store's file came to its shape, step by step.

Owns the statements of each step. Must not know what the columns mean. A step is never changed once it is
released: a file in someone's hands was made by it.
"""

_COMMON = """id TEXT NOT NULL PRIMARY KEY,
    dialect TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL,
    created FLOAT NOT NULL, updated FLOAT NOT NULL, since FLOAT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, description TEXT NOT NULL"""

_NAMED = """name TEXT NOT NULL, "group" TEXT NOT NULL, tags JSON NOT NULL"""

_FIRST = (
    f"CREATE TABLE filter ({_COMMON}, {_NAMED})",
    f"""CREATE TABLE rule ({_COMMON},
    filter TEXT NOT NULL, direction TEXT NOT NULL, priority INTEGER NOT NULL, action TEXT NOT NULL,
    protocol TEXT NOT NULL, source_cidr_block TEXT NOT NULL, destination_cidr_block TEXT NOT NULL,
    source_port_range TEXT NOT NULL, destination_port_range TEXT NOT NULL)""",
    f"CREATE TABLE target ({_COMMON}, {_NAMED}, kind TEXT NOT NULL, instance TEXT NOT NULL)",
    f"""CREATE TABLE session ({_COMMON}, {_NAMED},
    kind TEXT NOT NULL, instance TEXT NOT NULL, target TEXT, filter TEXT NOT NULL,
    priority INTEGER NOT NULL, vni INTEGER NOT NULL, packet_length INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL, sources JSON NOT NULL)""",
    """CREATE TABLE subscription (
    dialect TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, since FLOAT NOT NULL,
    PRIMARY KEY (dialect, account, region))""",
    """CREATE TABLE token (number INTEGER NOT NULL PRIMARY KEY,
    dialect TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, action TEXT NOT NULL,
    text TEXT NOT NULL, fingerprint TEXT NOT NULL, result TEXT NOT NULL, made FLOAT NOT NULL,
    UNIQUE (dialect, account, region, action, text))""",
    "CREATE INDEX token_made ON token (made)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)
"""The statements that lead from version N, the index, to N + 1. Version 0 is an empty file."""
