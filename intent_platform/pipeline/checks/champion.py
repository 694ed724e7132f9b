"""The checks of the champion: it scores, and the ledger agrees with the pointer."""

from intent_platform.errors import UnknownVersion, VersionUnfit
from intent_platform.pipeline.checks.check import CheckContext, Verdict, check, not_yet
from intent_platform.platforms.champion import is_settled, prove_fit
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.versions import name_or_nobody

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


@check("champion_alias", "The pointer is where the ledger's last move put it, and the champion is not quarantined.")
def pointer_matches_ledger(context: CheckContext) -> Verdict:
    """Registry and ledger name the same champion. The next run of `champion_alias` repairs what differs."""
    champion = context.platform.registry.champion()
    with context.platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    if champion is None and ledger.latest is None:
        return not_yet(_NO_CHAMPION)
    pointer, written = name_or_nobody(champion), ledger.latest.to_version if ledger.latest else "nobody"
    found = (
        f"the pointer is at {pointer}, the ledger says {written}"
        if pointer != written
        else f"the champion {pointer} is quarantined"
    )
    settled = is_settled(champion, ledger)
    return Verdict(
        passed=settled,
        description=None if settled else f"{found}: materialize champion_alias, which repairs it",
        measures={"pointer": pointer, "ledger": written},
    )


CHECKS = (champion_scores, pointer_matches_ledger)
