"""A dialect that answers with what it was asked, for tests of what all dialects share."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from mirrorplane.api.dialect import JSON, Reply
from mirrorplane.api.request import Request, Trouble
from mirrorplane.api.schema import Action, Field, Kind, Parameter

ACTION: Action[None] = Action(
    "Echo",
    "Says it again, <b>louder</b>.",
    (
        Parameter("Words", Kind.LIST, "What is said.", required=True, minimum=1, maximum=10),
        Parameter("Twice", Kind.FLAG, "Whether it is said again.", default=False),
        Parameter("Voice", Kind.TEXT, "How.", choices=("low", "high"), default="low"),
        Parameter(
            "Tag",
            Kind.OBJECTS,
            maximum=20,
            fields=(Parameter("Key", minimum=1), Parameter("Times", Kind.NUMBER)),
        ),
    ),
    (Field("Words", Kind.LIST, "What was said."),),
    None,
)


class Echo:
    """Claims what has a parameter `Echo`; a value `fail` fails, `wait` takes half a second."""

    name, title = "echo", "Echo & sons"

    def claims(self, request: Request) -> bool:
        return any(name == "Echo" for name, _ in request.parameters)

    async def answer(self, request: Request, request_id: str) -> Reply:
        said = dict(request.parameters)["Echo"]
        if said == "fail":
            raise KeyError("the secret word")
        if said == "wait":
            await asyncio.sleep(0.5)
        shown = {"id": request_id, "said": said, "method": request.method, "body": request.body.decode()}
        return Reply(200, JSON, json.dumps(shown).encode(), "Echo", "AK1")

    def refuse(self, request: Request, request_id: str, trouble: Trouble) -> Reply:
        body = json.dumps({"id": request_id, "trouble": trouble.name})
        return Reply(500 if trouble is Trouble.FAILED else 400, JSON, body.encode(), code=trouble.name)

    def reference(self) -> Sequence[Action[Any]]:
        return [ACTION]
