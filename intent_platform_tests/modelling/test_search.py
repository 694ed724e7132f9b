import optuna
import pytest

from intent_platform.modelling.search import Search, Trial, search
from intent_platform.modelling.training import train
from intent_platform.settings.training import TrainingSettings
from intent_platform_tests.modelling.conftest import ROWS, folds_of


class TestPruning:
    @pytest.fixture
    def result(self, quick, monkeypatch) -> Search:
        """A search of four trials whose folds have these PR-AUCs and numbers of trees."""
        fold_results = iter(
            [
                [(0.50, 10), (0.50, 10), (0.50, 10)],
                [(0.90, 10), (0.05, 10), (0.90, 10)],  # behind after two
                [(0.10, 20), (0.95, 30), (0.60, 40)],  # ahead after two
                [(0.20, 10), (0.90, 10), (0.30, 10)],  # behind after all of them: measured, but not chosen
            ]
        )
        monkeypatch.setattr(
            "intent_platform.modelling.search.side_by_side", lambda *_: (fold for fold in next(fold_results))
        )
        return search(folds_of(ROWS, quick), quick.model_copy(update={"trials": 4}))

    def test_a_trial_behind_the_best_after_two_folds_is_pruned(self, result):
        assert [trial.state for trial in result.trials] == ["complete", "pruned", "complete", "complete"]
        assert [trial.value for trial in result.trials] == [0.5, None, pytest.approx(0.55), pytest.approx(1.4 / 3)]

    def test_the_best_complete_trial_is_chosen(self, result):
        assert result.parameters == result.trials[2].parameters
        assert result.iterations == 30


@pytest.fixture(scope="module")
def six_trials(quick: TrainingSettings) -> TrainingSettings:
    return quick.model_copy(update={"trials": 6})


@pytest.fixture(scope="module")
def search_with_reports(six_trials) -> tuple[Search, list[Trial]]:
    """A search on one thread, and the trials that it reported."""
    reported: list[Trial] = []
    result = search(folds_of(ROWS, six_trials), six_trials.model_copy(update={"threads": 1}), reported.append)
    return result, reported


class TestThreads:
    @pytest.mark.parametrize("threads", [2, 3])
    def test_their_number_does_not_change_the_result(self, search_with_reports, six_trials, threads):
        one, _ = search_with_reports
        several = search(folds_of(ROWS, six_trials), six_trials.model_copy(update={"threads": threads}))
        assert (several.parameters, several.iterations) == (one.parameters, one.iterations)
        assert [(t.parameters, t.value, t.state) for t in several.trials] == [
            (t.parameters, t.value, t.state) for t in one.trials
        ]


class TestReports:
    def test_each_trial_is_reported(self, search_with_reports):
        result, reported = search_with_reports
        assert tuple(reported) == result.trials

    def test_only_pruned_trials_have_no_value(self, search_with_reports):
        _, reported = search_with_reports
        assert {trial.state for trial in reported} <= {"complete", "pruned"}
        assert all((trial.value is None) == (trial.state == "pruned") for trial in reported)

    def test_nothing_else_is_printed_logged_or_written(self, six_trials, capfd, caplog, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        level = optuna.logging.get_verbosity()
        reported: list[Trial] = []
        assert train(ROWS, six_trials, reported.append).trials == tuple(reported)
        assert capfd.readouterr() == ("", "")
        assert caplog.records == []
        assert list(tmp_path.iterdir()) == []
        assert optuna.logging.get_verbosity() == level


class TestTimeLimit:
    def test_the_trial_that_exceeds_it_is_the_last(self, quick):
        limited = train(ROWS, quick.model_copy(update={"trials": 1_000, "search_seconds": 0.01}))
        assert [trial.state for trial in limited.trials] == ["complete"]
