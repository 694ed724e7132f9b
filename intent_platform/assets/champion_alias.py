"""`champion_alias`: the pointer to the version that scores. It carries out the newest evaluation.

The gate is in the code that moves the pointer. Checks only report.
"""

from datetime import date
from typing import Any

import dagster as dg

from intent_platform.assets.config import TextConfig
from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.assets.presentation import markdown_table
from intent_platform.errors import PromotionRefused
from intent_platform.partitions import day_of
from intent_platform.pipeline.promotion import carry_out, forced_promotion, newest_promotion
from intent_platform.platforms.champion import settle
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import ModelVersion, name_or_nobody

ASSET = "champion_alias"


class ChampionAliasConfig(TextConfig):
    """Empty to carry out the newest evaluation. `force` and `reason` overrule it.

    `force` names the version to make champion, whatever the gate decided. The ledger keeps the `reason`.
    `effective_date` (YYYY-MM-DD) is the first session date of the new champion; empty for today.
    """

    force: str = ""
    reason: str = ""
    effective_date: str = ""


def define_champion_alias() -> dg.AssetsDefinition:
    """The asset."""

    @dg.asset(
        description=(
            "The registry's pointer to the champion. It moves when the newest evaluation promotes a challenger, when a "
            "person names a version, or by the rollback job. The ledger CHAMPION_HISTORY records every move."
        ),
        group_name="model",
        kinds={"mlflow"},
        tags={"domain": "model"},
        code_version="1",
        deps=["evaluation"],
        pool=WRITER_POOL,
    )
    @fails_with_its_message
    def champion_alias(
        context: dg.AssetExecutionContext,
        config: ChampionAliasConfig,
        platform: dg.ResourceParam[Platform],
    ) -> dg.MaterializeResult[None]:
        effective = _typed_date(config.effective_date)
        settled = settle(platform)
        champion = settled.version
        for sentence in settled.repairs:
            context.log.warning(sentence)
        if config.reason and not config.force:
            raise PromotionRefused("the config has a reason but no force: name in force the version to make champion")
        if config.force:
            version = platform.registry.version(config.force)
            request = forced_promotion(version, config.reason, champion)
        else:
            request = newest_promotion(platform, champion)
        if request is None:
            context.log.info(f"the champion stays {name_or_nobody(champion)}: nothing asks for a move")
        else:
            carry_out(platform, request, champion, run_id=context.run.run_id, effective_date=effective)
            context.log.info(f"champion moved from {name_or_nobody(champion)} to {request.to.name} ({request.cause})")
        return dg.MaterializeResult(metadata=champion_metadata(platform, request.to if request else champion))

    return champion_alias


def _typed_date(text: str) -> date | None:
    try:
        return day_of(text) if text else None
    except ValueError:
        raise PromotionRefused(f"effective_date {text!r} is not a date: write YYYY-MM-DD, or leave it empty") from None


def champion_metadata(platform: Platform, champion: ModelVersion | None) -> dict[str, Any]:
    """What a materialization of the pointer shows: the champion and the last moves."""
    with platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    recent = [
        (m.number, m.moved_at.isoformat(sep=" ", timespec="seconds"), m.from_version, m.to_version, m.cause, m.reason)
        for m in reversed(ledger.moves[-10:])
    ]
    return {
        "champion": name_or_nobody(champion),
        "moves": len(ledger.moves),
        "ledger": markdown_table(("move", "when (Asia/Tokyo)", "from", "to", "cause", "reason"), recent),
    }
