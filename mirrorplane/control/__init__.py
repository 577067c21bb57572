"""What the APIs create, over time: kept, checked, counted against quotas, and brought to the engine.

Owns resources, their life, tokens, the store and the reconciler. Must not know HTTP, any cloud's words, or
packets. `Control` is the front: `submit` work that calls `operations`, look at a `snapshot`.
"""

from mirrorplane.control.accounts import ALIYUN, VOLCENGINE, Account
from mirrorplane.control.control import Control
from mirrorplane.control.draft import Draft
from mirrorplane.control.engine import Engine, EngineRefusal
from mirrorplane.control.orders import NewRule, NewSession
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.snapshot import Snapshot
from mirrorplane.control.store import StoreError
from mirrorplane.control.tokens import Token

__all__ = [
    "ALIYUN",
    "VOLCENGINE",
    "Account",
    "Control",
    "Draft",
    "Engine",
    "EngineRefusal",
    "NewRule",
    "NewSession",
    "Refusal",
    "Snapshot",
    "StoreError",
    "Token",
    "Why",
]
