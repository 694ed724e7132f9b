"""What the account knows of a session."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Session:
    """The settings of a session. A task runs at `ticked_at`. Its graph was scheduled for `scheduled_at`."""

    user: str = "SOMEBODY"
    role: str = "ACCOUNTADMIN"
    warehouse: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    ticked_at: datetime | None = None
    scheduled_at: datetime | None = None
    temporary: list[str] = field(default_factory=list)
    temporary_objects: set[str] = field(default_factory=set)  # kind and full name
