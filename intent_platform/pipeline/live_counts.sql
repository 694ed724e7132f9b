-- Counts scored sessions by day, version and bin of the score. {scored} is a query with SESSION_DATE, MODEL_VERSION,
-- SCORE and REVENUE. Bins are equally wide in the square root of the score, because most scores are small.
SELECT
    SESSION_DATE,
    MODEL_VERSION,
    CAST(LEAST(FLOOR(SQRT(SCORE) * {bins}), {bins} - 1) AS INTEGER) AS BIN,
    COUNT(*) AS SESSIONS,
    SUM(REVENUE) AS PURCHASES,
    SUM(SCORE) AS EXPECTED,
    SUM(SCORE * (1 - SCORE)) AS VARIANCE,
    SUM((SCORE - REVENUE) * (SCORE - REVENUE)) AS SQUARED_ERRORS
FROM ({scored}) SCORED
GROUP BY SESSION_DATE, MODEL_VERSION, BIN
