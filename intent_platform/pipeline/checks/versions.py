"""The checks of a month's challenger and of its evaluation."""

import json

from intent_platform.errors import VersionUnfit
from intent_platform.pipeline.checks.check import CheckContext, Verdict, check, not_yet
from intent_platform.pipeline.evaluation import newest_evaluation
from intent_platform.platforms.champion import prove_fit


@check("challenger_model", "The newest version loads, scores a sample, and ranks better than chance out of fold.")
def newest_version_is_fit(context: CheckContext) -> Verdict:
    """The out-of-fold PR-AUC of a model without skill is the share of purchases."""
    versions = context.platform.registry.versions()
    if not versions:
        return not_yet("no version was trained yet")
    newest = versions[-1]
    try:
        prove_fit(context.platform, newest)
    except VersionUnfit as error:
        return Verdict(passed=False, description=str(error))
    pr_auc = newest.provenance.metrics.get("pr_auc") or 0.0
    prevalence = newest.provenance.purchases / newest.provenance.sessions
    return Verdict(
        passed=pr_auc > prevalence,
        description=f"{newest.name}: out-of-fold PR-AUC {pr_auc:.3f}, share of purchases {prevalence:.3f}",
    )


@check("evaluation", "The newest evaluation had enough purchases for a decision. The gate acts, this check reports.")
def evidence_suffices(context: CheckContext) -> Verdict:
    """The newest decision is not `insufficient`."""
    with context.platform.warehouse.connect() as connection:
        newest = newest_evaluation(connection)
    return Verdict(
        passed=bool(newest) and newest["DECISION"] != "insufficient",
        severity="warning",
        description="; ".join(json.loads(newest["REASONS"])) if newest else "nothing was evaluated yet",
    )


CHECKS = (newest_version_is_fit, evidence_suffices)
