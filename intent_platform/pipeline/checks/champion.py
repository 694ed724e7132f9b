"""The checks of the champion: it scores, and the ledger agrees with the pointer."""

from intent_platform.errors import UnknownVersion, VersionUnfit
from intent_platform.pipeline.checks.check import CheckContext, Verdict, check, not_yet
from intent_platform.platforms.champion import prove_fit
from intent_platform.platforms.ledger import read_ledger

_NO_CHAMPION = "no version is champion yet"


@check("champion_alias", "The champion loads and scores a sample.")
def champion_scores(context: CheckContext) -> Verdict:
    """The champion scores the newest sessions."""
    champion = context.platform.registry.champion()
    if champion is None:
        return not_yet(_NO_CHAMPION)
    try:
        proof = prove_fit(context.platform, champion)
    except (UnknownVersion, VersionUnfit) as error:
        return Verdict(passed=False, description=str(error), measures={"version": champion.name})
    return Verdict(
        passed=True,
        measures={
            "version": champion.name,
            "sessions": proof.sessions,
            "lowest": proof.lowest,
            "highest": proof.highest,
        },
    )


@check("champion_alias", "The pointer is where the ledger's last move put it.")
def pointer_matches_ledger(context: CheckContext) -> Verdict:
    """Registry and ledger name the same champion."""
    champion = context.platform.registry.champion()
    with context.platform.warehouse.connect() as connection:
        latest = read_ledger(connection).latest
    if champion is None and latest is None:
        return not_yet(_NO_CHAMPION)
    pointer, written = champion.name if champion else None, latest.to_version if latest else None
    return Verdict(
        passed=pointer == written,
        description=None if pointer == written else f"the pointer is at {pointer}, the ledger says {written}",
        measures={"pointer": pointer or "nobody", "ledger": written or "nobody"},
    )


CHECKS = (champion_scores, pointer_matches_ledger)
