"""The base of every model.

Owns the rules that all of them keep: nothing changes once it is there, unknown keys are refused, values are
not shown in errors (an access key's secret would be). Must not know any field.
"""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A validated value that never changes; two with the same fields are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
