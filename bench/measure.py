"""What a measure is, and what one may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.launcher.embedded_postgres.cluster import Cluster
from services.tokens.use_cases.integrations import CreatedIntegration

ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Measure:
    """``reach`` bounds the ratio from below where there is a floor, else the value from above.

    Without a reach the measure is only written down.
    """

    measure: str
    value: float
    unit: str
    floor: float | None = None
    reach: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.floor is None else self.value / self.floor

    @property
    def met(self) -> bool:
        if self.reach is None:
            return True
        return self.value <= self.reach if self.ratio is None else self.ratio >= self.reach

    def as_json(self) -> dict[str, Any]:
        """The keys and their order are the design's (section 7)."""
        return {
            "measure": self.measure,
            "value": self.value,
            "unit": self.unit,
            "floor": self.floor,
            "ratio": self.ratio,
            "reach": self.reach,
            "met": self.met,
        }


@dataclass(frozen=True, kw_only=True)
class Context:
    """A migrated, durable embedded server of the run's own; ``directory`` is removed afterwards."""

    directory: Path
    cluster: Cluster
    role_url: Callable[[str], str]
    destination_url: str
    client_id: int
    create_integration: Callable[[str], Awaitable[CreatedIntegration]]
