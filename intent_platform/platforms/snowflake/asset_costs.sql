-- The credits of each asset and day, by the query tags of the platform. Snowflake computes them within eight hours. They
-- include neither idle time of the warehouse nor statements under a tenth of a second. A tag of somebody else may be any
-- text. Statements outside of an asset, such as those of sensors, have no ASSET.
CREATE OR REPLACE VIEW {name} AS
SELECT
    CONVERT_TIMEZONE('{timezone}', START_TIME)::DATE AS DAY,
    TRY_PARSE_JSON(QUERY_TAG):deployment::STRING AS DEPLOYMENT,
    TRY_PARSE_JSON(QUERY_TAG):asset::STRING AS ASSET,
    COUNT(*) AS STATEMENTS,
    SUM(CREDITS_ATTRIBUTED_COMPUTE + COALESCE(CREDITS_USED_QUERY_ACCELERATION, 0)) AS CREDITS
FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_ATTRIBUTION_HISTORY
WHERE TRY_PARSE_JSON(QUERY_TAG):app::STRING = '{app}'
GROUP BY 1, 2, 3
