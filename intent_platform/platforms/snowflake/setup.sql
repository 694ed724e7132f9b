-- An administrator runs these statements once. They create a database, a schema, a warehouse and two roles with the
-- privileges that they need. {database}, {schema} and {warehouse} are parameters of the connection,
-- and {user} is its user.
-- Running the statements again changes nothing.
CREATE DATABASE IF NOT EXISTS {database} COMMENT = 'Scores of shopping sessions for marketing';
CREATE SCHEMA IF NOT EXISTS {database}.{schema};
ALTER SCHEMA {database}.{schema} SET LOG_LEVEL = INFO;
CREATE WAREHOUSE IF NOT EXISTS {warehouse} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;
CREATE ROLE IF NOT EXISTS {database}_RUNNER COMMENT = 'Runs the platform: owns its tables, models, procedures and tasks';
CREATE ROLE IF NOT EXISTS {database}_READER COMMENT = 'Reads the scores';
GRANT USAGE, CREATE SCHEMA ON DATABASE {database} TO ROLE {database}_RUNNER;
GRANT USAGE, CREATE TABLE, CREATE VIEW, CREATE STAGE, CREATE MODEL, CREATE MODEL MONITOR, CREATE PROCEDURE, CREATE TASK ON SCHEMA {database}.{schema} TO ROLE {database}_RUNNER;
GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {database}_RUNNER;
GRANT EXECUTE TASK ON ACCOUNT TO ROLE {database}_RUNNER;
GRANT USAGE ON DATABASE {database} TO ROLE {database}_READER;
GRANT USAGE ON SCHEMA {database}.{schema} TO ROLE {database}_READER;
GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {database}_READER;
GRANT ROLE {database}_RUNNER TO ROLE SYSADMIN;
GRANT ROLE {database}_RUNNER TO USER {user};
-- An account may have granted these to everybody or withheld them. Setup continues without them.
GRANT DATABASE ROLE SNOWFLAKE.PYPI_REPOSITORY_USER TO ROLE {database}_RUNNER;
GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE {database}_RUNNER;
