"""Decisions: what a point of a schedule space is made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Choice = int | str | bool
Decisions = Mapping[str, Choice]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One dimension of a space: its name and the values it can take, the simplest first."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of a space, as (parameter name, choice) in the order of the space's parameters."""

    decisions: tuple[tuple[str, Choice], ...]

    @property
    def key(self) -> str:
        """Canonical JSON of the decisions; the same candidate always has the same key."""
        return json.dumps(dict(self.decisions), sort_keys=True, separators=(",", ":"))

    def to_json(self) -> dict[str, Any]:
        return dict(self.decisions)

    def __getitem__(self, name: str) -> Choice:
        return dict(self.decisions)[name]
