"""Values that outlive a program: each carries the version of its form, an older one is brought up to date when it is read, a newer one is refused.

A form gets a new version when a reader of the version before would misunderstand it; a field that may be missing or ignored needs none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, model_validator

from mm_api.scalars import ApiModel

Migration = Callable[[dict[str, Any]], None]
"""Changes the wire form of one version into that of the next, in place."""


class NewerSchemaError(Exception):
    """Written by a newer program: read as ours it would lose what it says, written over it would be gone. No ValueError: it is not a bad value."""

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} has schemaVersion {found}; this program knows up to {known}: run the newer version. Nothing was written"
        )


class ContractModel(ApiModel):
    """Base of the contract's values. Unknown fields are ignored on reading, so that operator and trader may be one release apart."""

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def trusted(cls, **values: Any) -> Self:
        """From values that this program has made itself, every field and each of its type: nothing is checked or converted, which is most of what a value
        costs to make, and one is made at every change of an order."""
        made = cls.__new__(cls)
        for name, part in (
            ("__dict__", values),
            ("__pydantic_fields_set__", set(values)),
            ("__pydantic_extra__", None),
            ("__pydantic_private__", None),
        ):
            object.__setattr__(made, name, part)
        return made


class VersionedModel(ContractModel):
    """Base of values with a `schemaVersion`."""

    migrations: ClassVar[tuple[Migration, ...]] = ()
    """The first goes from version 1 to 2, and so on. As many as there were versions before this one."""

    schema_version: int = 0
    """0 while it is built by code; always the current version afterwards."""

    @model_validator(mode="before")
    @classmethod
    def _bring_up_to_date(cls, data: Any) -> Any:
        """Raises NewerSchemaError."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        current = len(cls.migrations) + 1
        found = data.pop("schemaVersion", data.pop("schema_version", current))
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise ValueError(f"schemaVersion: {found!r} is no version")
        if found > current:
            raise NewerSchemaError(cls.__name__, found, current)
        for migrate in cls.migrations[found - 1 :]:
            migrate(data)
        data["schemaVersion"] = current
        return data
