"""Invariants of the asset graph: reruns, ranges, refusals, promotion and rollback."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from intent_platform.errors import (
    EvaluationRefused,
    InvalidVersionName,
    NoChampion,
    PromotionRefused,
    TrainingRefused,
    UnknownVersion,
)
from intent_platform.partitions import (
    TIMEZONE,
    Window,
    clock_set_to,
    day_of,
    evaluation_window,
    now,
    training_window,
    wall_clock,
)
from intent_platform.pipeline.evaluation import gather
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.pipeline.training import training_rows
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.versions import Provenance
from intent_platform.settings import load_settings
from intent_platform.tables import SOURCE
from intent_platform_tests.assets.conftest import MONTHS, open_shop

MAY = Window(day_of("2024-05-01"), day_of("2024-06-01"))
SCORE = "UID, SESSION_DATE, MODEL_VERSION, SCORE"
ATTRIBUTES = ", ".join(name for name in SOURCE.column_names if name != "LOADED_AT")


def rollback(version="", reason="a test"):
    return {"ops": {"rollback_champion": {"config": {"version": version, "reason": reason}}}}


def scoring(model):
    return {"ops": {"scores": {"config": {"model": model}}}}


def test_loading_accounts_for_every_row_and_a_rerun_changes_none(empty_shop):
    result = empty_shop.run("sessions_job", "2024-02-01", "2024-06-30")
    source, dataset = empty_shop.rows("SOURCE", ATTRIBUTES), empty_shop.rows("DATASET")
    assert len(source) == len(dataset) == sum(MONTHS.values())
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert failed == {"published_counts"}  # made sessions are not the published ones
    empty_shop.load()
    assert empty_shop.rows("SOURCE", ATTRIBUTES) == source
    assert empty_shop.rows("DATASET") == dataset


def test_a_range_equals_the_days_one_by_one(empty_shop):
    empty_shop.run("sessions_job", "2024-05-01", "2024-05-04")
    source, dataset = empty_shop.rows("SOURCE", ATTRIBUTES), empty_shop.rows("DATASET")
    with empty_shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM SOURCE")
        connection.execute("DELETE FROM DATASET")
    for day in ("2024-05-03", "2024-05-01", "2024-05-04", "2024-05-02"):
        empty_shop.run("sessions_job", day)
    assert empty_shop.rows("SOURCE", ATTRIBUTES) == source
    assert empty_shop.rows("DATASET") == dataset


def test_every_partition_of_a_range_carries_its_own_count(empty_shop):
    result = empty_shop.run("sessions_job", "2024-05-01", "2024-05-31")
    counts = {
        event.partition: event.materialization.metadata["dagster/partition_row_count"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == "dataset"
    }
    assert list(counts) == MAY.keys
    assert sum(counts.values()) == MONTHS["May"]
    assert counts["2024-05-07"] == len(
        empty_shop.rows("DATASET", window=Window(day_of("2024-05-07"), day_of("2024-05-08")))
    )


def test_a_day_without_sessions_is_a_partition_of_zero_rows(empty_shop):
    assert empty_shop.run("sessions_job", "2024-04-10").success
    assert empty_shop.rows("DATASET") == []


def test_the_whole_month_from_training_to_scores(shop):
    champion = shop.champion
    version = shop.platform.registry.version(champion)
    assert version.provenance.training_window == Window(day_of("2024-02-01"), day_of("2024-05-01"))
    assert version.provenance.sessions == MONTHS["Feb"] + MONTHS["Mar"]
    assert shop.ledger() == [(None, champion, "first")]
    result = shop.run("scores_job", "2024-05-01", "2024-05-31")
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    scored = shop.rows("SCORES", SCORE)
    assert [row[:2] for row in scored] == [row[:2] for row in shop.rows("DATASET", window=MAY)]
    assert {row[2] for row in scored} == {champion}
    # The same model, asked in memory, says the same.
    with shop.platform.warehouse.connect() as connection:
        rows = connection.fetch("SELECT * FROM DATASET WHERE SESSION_DATE >= :start ORDER BY UID", start=MAY.start)
    asked = dict(
        zip(
            rows["UID"].to_pylist(),
            shop.platform.registry.load(shop.platform.registry.version(champion)).predict(rows),
            strict=True,
        )
    )
    assert {row[0]: row[3] for row in scored} == pytest.approx({row[0]: asked[row[0]] for row in scored}, rel=1e-9)
    # Day by day gives what the range gave.
    for day in ("2024-05-09", "2024-05-10"):
        shop.run("scores_job", day)
    assert shop.rows("SCORES", SCORE) == scored


def test_rerunning_evaluation_and_alias_moves_nothing(shop):
    champion = shop.champion
    shop.run("evaluation_job", "2024-05-01")
    assert shop.ledger() == [(None, champion, "first")]
    with shop.platform.warehouse.connect() as connection:
        decisions = connection.fetch("SELECT CHAMPION, DECISION FROM EVALUATIONS ORDER BY DECIDED_AT").to_pylist()
    # Against nobody it was promoted; against itself there is nothing to decide.
    assert [tuple(row.values()) for row in decisions] == [("", "promote"), (champion, "hold")]


def test_promote_then_roll_back_restores_and_the_loser_stays_out(shop):
    shop.settings = shop.settings.model_copy(
        update={"gate": shop.settings.gate.model_copy(update={"policy": "greater"})}
    )
    first = shop.champion
    shop.run("scores_job", "2024-06-01", "2024-06-30")
    before = shop.rows("SCORES", SCORE)
    shop.run("training_job", "2024-06-01")
    second = next(v.name for v in shop.platform.registry.versions() if v.name != first)
    with shop.platform.warehouse.connect(writing=True) as connection:  # whoever is better here: let it be the second
        connection.execute(
            "INSERT INTO EVALUATIONS SELECT :month, :second, :first, :month, :month, 1, 1, 0.9, 0.8, 0, 1, 'promote', "
            "'[\"made for the test\"]', '{}', :at, 'r'",
            month=day_of("2024-06-01"),
            second=second,
            first=first,
            at=now().replace(tzinfo=None),
        )
    shop.materialize_alias()
    assert shop.champion == second
    result = shop.run("rollback", config=rollback())
    assert shop.champion == first
    # The rollback shows on the asset, with its checks, as a materialization by the asset itself does.
    assert [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()] == [
        "champion_alias"
    ]
    assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()} == {
        "champion_scores": True,
        "pointer_matches_ledger": True,
    }
    assert shop.ledger() == [(None, first, "first"), (first, second, "promotion"), (second, first, "rollback")]
    # The old decision to promote does not come back, nor does a new evaluation of the quarantined version.
    shop.materialize_alias()
    shop.run("evaluation_job", "2024-06-01")
    assert shop.champion == first
    assert len(shop.ledger()) == 3
    shop.run("scores_job", "2024-06-01", "2024-06-30")
    assert shop.rows("SCORES", SCORE) == before


def forcing(version, reason="marketing asked for it"):
    return {"ops": {"champion_alias": {"config": {"force": version, "reason": reason}}}}


def test_a_person_may_overrule_the_gate_by_name_and_the_ledger_says_so(shop):
    first = shop.champion
    shop.run("training_job", "2024-06-01")
    second = next(v.name for v in shop.platform.registry.versions() if v.name != first)
    shop.platform.registry.set_quarantine(shop.platform.registry.version(second), "rolled back from: a test")
    shop.run("promotion_job", config=forcing(second))
    assert shop.champion == second
    assert shop.platform.registry.version(second).quarantine is None
    assert shop.ledger()[-1] == (first, second, "force")
    # Once more, or without anything asked for, it stays.
    shop.run("promotion_job", config=forcing(second))
    shop.run("promotion_job")
    assert (shop.champion, len(shop.ledger())) == (second, 2)


@pytest.mark.parametrize(
    ("version", "reason", "error"),
    [
        ("v_000101_000000", "why not", UnknownVersion),
        ("it", "why not", InvalidVersionName),
        (None, " ", PromotionRefused),
    ],
)
def test_force_needs_a_version_and_a_reason(shop, version, reason, error):
    with pytest.raises(error):
        shop.run("promotion_job", config=forcing(version or shop.champion, reason))
    assert len(shop.ledger()) == 1


def test_a_thin_test_window_is_joined_by_months_that_neither_version_was_trained_on(shop):
    """The champion of May meets a challenger of September, trained on June to August: nobody was trained on May."""
    challenger = shop.platform.registry.version(shop.champion)
    september = Provenance.model_validate(
        challenger.provenance.model_dump() | {"training_window": Window(day_of("2024-06-01"), day_of("2024-09-01"))}
    )
    policy = shop.settings.gate.model_copy(update={"pool_months": 6, "pool_below_purchases": 10})
    test = evaluation_window("2024-09-01", 14)
    rival = challenger.model_copy(update={"provenance": september})
    head_to_head = gather(shop.platform, rival, challenger, test, policy)
    assert head_to_head.pooled == (MAY,)
    assert len(head_to_head.labels) == len(head_to_head.days) == MONTHS["May"]
    unpooled = policy.model_copy(update={"pool_months": 0})
    assert len(gather(shop.platform, rival, challenger, test, unpooled).labels) == 0


def test_a_rollback_to_a_named_version_that_is_champion_already_changes_nothing(shop):
    champion = shop.champion
    shop.run("rollback", config=rollback(champion))
    assert len(shop.ledger()) == 1
    assert shop.platform.registry.version(champion).quarantine is None


@pytest.mark.parametrize(
    ("version", "error"),
    [("v_000101_000000", UnknownVersion), ("yesterday's", InvalidVersionName), ("", NoChampion)],
)
def test_a_refused_rollback_leaves_the_champion(shop, version, error):
    champion = shop.champion
    with pytest.raises(error):
        shop.run("rollback", config=rollback(version))
    assert shop.champion == champion
    assert shop.platform.registry.version(champion).quarantine is None
    assert len(shop.ledger()) == 1


def test_without_a_champion_there_are_no_scores_and_no_rollback(empty_shop):
    empty_shop.load()
    with pytest.raises(NoChampion, match="challenger_model"):
        empty_shop.run("scores_job", "2024-05-01")
    with pytest.raises(NoChampion, match="none was ever promoted"):
        empty_shop.run("rollback", config=rollback())
    assert empty_shop.rows("SCORES") == []


@pytest.mark.parametrize(("month", "why"), [("2024-02-01", "no sessions"), ("2024-03-01", "purchases")])
def test_a_training_window_that_carries_no_model_is_refused_by_name_and_the_champion_stays(shop, month, why):
    champion = shop.champion
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("UPDATE DATASET SET REVENUE = 0 WHERE SESSION_DATE < :march", march=day_of("2024-03-01"))
    with pytest.raises(TrainingRefused, match=f"{month[:7]}.*{why}"):
        shop.run("training_job", month)
    assert shop.champion == champion
    assert [version.name for version in shop.platform.registry.versions()] == [champion]


def test_a_window_above_the_cap_is_sampled_with_its_share_of_purchases_and_the_same_every_time(shop):
    window = training_window("2024-06-01", 3)
    capped = shop.settings.training.model_copy(update={"max_sessions": 300})
    with shop.platform.warehouse.connect() as connection:
        whole = training_rows(connection, window, shop.settings.training)
        one, two = (training_rows(connection, window, capped) for _ in range(2))
        other = training_rows(connection, window, capped.model_copy(update={"seed": 1}))
        roomy = training_rows(connection, window, capped.model_copy(update={"max_sessions": 10_000}))
    share = {name: np.mean(rows["REVENUE"].to_numpy()) for name, rows in (("whole", whole), ("sample", one))}
    assert 298 <= one.num_rows <= 300 < whole.num_rows == roomy.num_rows
    assert share["sample"] == pytest.approx(share["whole"], abs=0.005)
    identities = [set(rows["UID"].to_pylist()) for rows in (one, two, other)]
    assert identities[0] == identities[1] <= set(whole["UID"].to_pylist())
    assert identities[0] != identities[2]


def test_a_month_is_evaluated_only_with_a_challenger_and_when_its_test_window_is_over(shop):
    with pytest.raises(EvaluationRefused, match="2024-06 has no challenger"):
        shop.run("evaluation_job", "2024-06-01")
    shop.run("training_job", "2024-06-01")
    with (
        clock_set_to(datetime(2024, 6, 14, 23, tzinfo=TIMEZONE)),
        pytest.raises(EvaluationRefused, match="is not over: evaluate from 2024-06-15 on"),
    ):
        shop.run("evaluation_job", "2024-06-01")
    with clock_set_to(datetime(2024, 6, 15, tzinfo=TIMEZONE)):
        assert shop.run("evaluation_job", "2024-06-01").success


@pytest.mark.parametrize("since", ["another champion", "a move", "nothing"])
def test_a_promotion_counts_only_while_it_is_about_the_champion_and_nothing_moved_since(shop, since):
    champion = shop.champion
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM EVALUATIONS")
        connection.execute(
            "INSERT INTO EVALUATIONS SELECT :month, 'v_240601_000000', :champion, :month, :month, 1, 1, 0.9, 0.8, 0, "
            "1, 'promote', '[]', '{}', :at, 'r'",
            month=day_of("2024-06-01"),
            champion="v_240401_000000" if since == "another champion" else champion,
            at=wall_clock(now() - timedelta(days=1) if since == "a move" else now()),
        )
        pending = pending_promotion(connection, read_ledger(connection), champion)
    assert (pending is not None) == (since == "nothing")


def test_which_model_scores_is_run_config(shop):
    champion = shop.champion
    shop.run("training_job", "2024-06-01")
    other = next(v.name for v in shop.platform.registry.versions() if v.name != champion)
    shop.run("scores_job", "2024-06-03", config=scoring(other))
    assert {row[2] for row in shop.rows("SCORES", SCORE)} == {other}
    with pytest.raises(NoChampion, match="2024-06-03"):  # the champion was crowned today
        shop.run("scores_job", "2024-06-03", config=scoring("at_the_time"))
    with pytest.raises(UnknownVersion):
        shop.run("scores_job", "2024-06-03", config=scoring("v_000101_000000"))
    assert {row[2] for row in shop.rows("SCORES", SCORE)} == {other}
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("UPDATE CHAMPION_HISTORY SET EFFECTIVE_DATE = :day", day=day_of("2024-06-02"))
    shop.run("scores_job", "2024-06-03", config=scoring("at_the_time"))
    assert {row[2] for row in shop.rows("SCORES", SCORE)} == {champion}


def test_rows_of_another_day_are_refused_by_a_load_that_replaces_days(tmp_path, empty_registry):
    home, day = tmp_path / "shop", day_of("2024-05-07")
    empty_registry(home)
    settings = load_settings(
        home=home,
        feed="simulated",
        first_day="2024-05-01",
        simulated={"sessions_per_day": 50, "scenario": {"kind": "repeated_day", "start": "2024-05-06"}},
    )
    with open_shop(settings) as shop:
        for _ in range(2):  # a second load of the day rejects them once, too
            shop.run("sessions_job", day.isoformat())
            assert {row[0] for row in shop.rows("SOURCE", "SESSION_DATE")} == {day}
            refused = shop.rows("SOURCE_REJECTED", "SESSION_DATE, REASONS")
            assert refused
            assert all(filed == day and "outside [2024-05-07, 2024-05-08)" in reasons for filed, reasons in refused)
