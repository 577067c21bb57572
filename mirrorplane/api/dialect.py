"""What a dialect is to the server: it tells its requests from others', and answers them.

Owns the interface. Must not know any dialect, nor how requests come and answers go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mirrorplane.api.request import Request, Trouble
from mirrorplane.api.schema import Action

JSON = {"content-type": "application/json; charset=utf-8"}


@dataclass(frozen=True)
class Reply:
    """An answer. From `action` on it is for the log only: what was asked, by whom, the error's code.

    `account` is the access key's id where the signature was right, else empty.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    action: str = ""
    account: str = ""
    code: str = ""


class Dialect(Protocol):
    """One cloud's API."""

    @property
    def name(self) -> str:
        """What logs call it, in lower case: a `Scope`'s dialect."""

    @property
    def title(self) -> str:
        """What people call it: the API's name and version."""

    def claims(self, request: Request) -> bool:
        """Return whether *request* has this dialect's form, signed or not, right or wrong."""

    async def answer(self, request: Request, request_id: str) -> Reply:
        """Do what *request* asks; *request* is in no trouble.

        Whatever is wrong with it is an answer too. What this raises is answered by `refuse`, with FAILED.
        """

    def refuse(self, request: Request, request_id: str, trouble: Trouble) -> Reply:
        """Return this dialect's answer to a request that cannot be done because of *trouble*."""

    def reference(self) -> Sequence[Action[Any]]:
        """Return all actions, in the order in which a reader wants them."""
