"""Requests as other clients than the SDK send them: signed by hand, or wrongly, or not at all."""

import hashlib
import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from mirrorplane.api.volcengine.signature import Scope, Signed, sign

KEY, OTHER_KEY, SECRET = "AKTEST", "AKOTHER", "SKTEST+/="
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass
class Asking:
    """A request that is right unless told otherwise; `alter` changes headers after they were signed."""

    query: dict[str, str]
    method: str = "GET"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    key: str = KEY
    secret: str = SECRET
    region: str = ""
    service: str = "vpc"
    when: float = field(default_factory=time.time)
    signed: str = "host;x-date"
    alter: dict[str, str | None] = field(default_factory=dict)
    path: str = "/"
    suffix: str = ""

    def send(self, address: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the document of the answer."""
        headers = self.headers_for(address)
        url = f"{self.path}?{urlencode(self.query, quote_via=quote_plus)}{self.suffix}"
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request(self.method, url, self.body or None, headers)
        response = connection.getresponse()
        document = json.loads(response.read())
        connection.close()
        return response.status, document

    def headers_for(self, address: str) -> dict[str, str]:
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.when))
        headers = {"host": address, "x-date": date, **self.headers}
        scope = Scope(date[:8], self.region, self.service)
        covered = tuple((name, headers[name]) for name in self.signed.split(";"))
        signed = Signed(self.method, "/", tuple(self.query.items()), covered, self.body)
        signature = sign(self.secret, signed, date, scope)
        headers["authorization"] = (
            f"HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={self.signed}, Signature={signature}"
        )
        altered: dict[str, str | None] = {**headers, **self.alter}
        return {name: value for name, value in altered.items() if value is not None}


def action(name: str, /, **parameters: str) -> dict[str, str]:
    """Return the query that asks for an action."""
    return {"Action": name, "Version": "2020-04-01", **parameters}


def error(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, int | None]:
    """Return the status, the code and the CodeN of an answer that is an error."""
    status, document = answer
    found = document["ResponseMetadata"]["Error"]
    return status, found["Code"], found.get("CodeN")
