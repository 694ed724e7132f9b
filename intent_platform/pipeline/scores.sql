-- Gives each row of DATASET one score. {predict} calls the scoring function with the features of the version, in order.
SELECT
    UID,
    SESSION_DATE,
    :model_name AS MODEL_NAME,
    :model_version AS MODEL_VERSION,
    {predict} AS SCORE,
    :scored_at AS SCORED_AT,
    :chosen_as AS CHOSEN_AS,
    :move AS MOVE
FROM DATASET
WHERE SESSION_DATE >= :start AND SESSION_DATE < :end
