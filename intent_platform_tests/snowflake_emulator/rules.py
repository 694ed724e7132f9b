"""Every statement that the account knows, by its module. A statement that no rule handles is an error."""

from intent_platform_tests.snowflake_emulator import (
    events,
    facts,
    governance,
    grants,
    loading,
    logins,
    models,
    monitors,
    objects,
    parameters,
    passthrough,
    procedures,
    stages,
    task_runs,
    tasks,
)

RULES = [
    *passthrough.RULES,
    *objects.RULES,
    *stages.RULES,
    *loading.RULES,
    *models.RULES,
    *monitors.RULES,
    *procedures.RULES,
    *events.RULES,
    *facts.RULES,
    *tasks.RULES,
    *task_runs.RULES,
    *governance.RULES,
    *parameters.RULES,
    *grants.RULES,
    *logins.RULES,
]
