"""The local platform: a DuckDB file and an MLflow registry in one folder. It needs no account and no network."""

from intent_platform.platforms.local.registry import MlflowRegistry
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings


def local_platform(settings: Settings) -> Platform:
    """The platform whose files are in `settings.home`."""
    return Platform(
        warehouse=DuckDBWarehouse(
            path=str(settings.warehouse_file),
            timeout_seconds=settings.warehouse.timeout_seconds,
            memory_gb=settings.warehouse.memory_gb,
            attached=None if settings.table.file is None else str(settings.table.file),
        ),
        registry=MlflowRegistry(home=str(settings.home), timeout_seconds=settings.warehouse.timeout_seconds),
    )
