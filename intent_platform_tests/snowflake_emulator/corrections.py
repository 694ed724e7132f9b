"""Corrections of a statement, before fakesnow translates it to DuckDB.

Snowflake refuses what DuckDB accepts: reserved words as names, a division by zero, sums of booleans, long strings.
"""

from sqlglot import Expr, exp

from intent_platform_tests.snowflake_emulator.errors import error, syntax_error
from intent_platform_tests.snowflake_emulator.results import literal

#: Snowflake's reserved keywords that can be no name anywhere (docs: "Reserved & limited keywords").
_RESERVED = """
ALL ALTER AND ANY AS BETWEEN BY CHECK COLUMN CONNECT CREATE CURRENT DELETE DISTINCT DROP ELSE EXISTS FOLLOWING FOR FROM
GRANT GROUP HAVING ILIKE IN INCREMENT INSERT INTERSECT INTO IS LIKE MINUS NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE
RLIKE ROW ROWS SAMPLE SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER UNION UNIQUE UPDATE VALUES WHENEVER WHERE
WITH
"""
_SCHEMA = "_fs_global.main"  # where fakesnow keeps what all databases share
_TRUTHS = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean)
_TEXTS = {exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT, exp.DataType.Type.CHAR, exp.DataType.Type.NVARCHAR}
_NO_SUM = "Invalid argument types for function 'SUM': (BOOLEAN)"
_SCALE = "CAST('0' || regexp_extract(typeof(a), ',([0-9]+)', 1) AS INTEGER)"

#: The functions that corrected statements call. The quotient of NUMBERs has `max(s, min(s + 6, 12))` decimals, where
#: the dividend has s. As DuckDB cannot choose a type by a type, the quotient is a rounded DOUBLE.
FUNCTIONS = (
    f"CREATE MACRO {_SCHEMA}.quotient(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') "
    "WHEN 'DOUBLE' IN (typeof(a), typeof(b)) OR 'FLOAT' IN (typeof(a), typeof(b)) THEN a / b "
    f"ELSE round(a / b, greatest({_SCALE}, least({_SCALE} + 6, 12))) END",
    f"CREATE MACRO {_SCHEMA}.summand(a) AS CASE WHEN typeof(a) = 'BOOLEAN' THEN error({literal(_NO_SUM)}) ELSE a END",
    f"CREATE MACRO {_SCHEMA}.fitting(a, n) AS CASE WHEN length(a) > n "
    "THEN error('String ''' || a || ''' is too long and would be truncated') ELSE a END",
)


def corrected(statement: Expr) -> Expr:
    """The statement as DuckDB must execute it to behave like Snowflake. Changes its argument.

    Raises:
        ProgrammingError: Snowflake does not compile the statement.
    """
    reserved = _RESERVED.split()
    for name in statement.find_all(exp.Identifier):
        if not name.quoted and name.name.upper() in reserved:
            raise syntax_error(f"syntax error unexpected '{name.name}'.")
    for select in statement.find_all(exp.Select):
        _name_columns(select)
    for node in reversed([*statement.walk()]):  # from the inside to the outside
        match node:
            case exp.Div():
                _replace(node, "quotient", node.this, node.expression)
            case exp.Sum():
                _guard_sum(node)
            case exp.Cast() if (longest := _length(node.to)) is not None and not isinstance(node, exp.TryCast):
                _replace(node, "fitting", node.copy(), longest)
            case exp.ColumnDef():
                _constrain(node)
            case exp.PrimaryKey() | exp.UniqueColumnConstraint() if isinstance(node.parent, exp.Schema):
                node.pop()  # Snowflake enforces neither
    return statement


def _name_columns(select: exp.Select) -> None:
    """Keep the names of columns that a correction changes. Snowflake names a column by its expression."""
    for column in select.expressions:
        if not isinstance(column, exp.Alias) and any(_is_corrected(node) for node in column.walk()):
            column.replace(exp.alias_(column.copy(), column.sql("snowflake").upper(), quoted=True))


def _is_corrected(node: Expr) -> bool:
    return isinstance(node, exp.Div | exp.Sum) or (isinstance(node, exp.Cast) and _length(node.to) is not None)


def _replace(node: Expr, function: str, *arguments: Expr) -> None:
    node.replace(exp.Anonymous(this=f"{_SCHEMA}.{function}", expressions=[each.copy() for each in arguments]))


def _guard_sum(node: exp.Sum) -> None:
    summed = node.this.this if isinstance(node.this, exp.Distinct) else node.this
    if isinstance(summed.unnest(), _TRUTHS):
        raise error(f"SQL compilation error:\n{_NO_SUM}", 1044, "42P13")
    if isinstance(summed.unnest(), exp.Column):
        _replace(summed, "summand", summed)


def _length(kind: exp.DataType | None) -> Expr | None:
    """The length of VARCHAR(n)."""
    if kind is None or kind.this not in _TEXTS or not kind.expressions:
        return None
    longest: Expr = kind.expressions[0].this
    return longest


def _constrain(column: exp.ColumnDef) -> None:
    """Refuse long strings, and take from a key all but that it is not NULL."""
    kept = [each for each in column.constraints if not isinstance(each.kind, exp.UniqueColumnConstraint)]
    for each in kept:
        if isinstance(each.kind, exp.PrimaryKeyColumnConstraint):
            each.set("kind", exp.NotNullColumnConstraint())
    if (longest := _length(column.kind)) is not None:
        length = exp.Length(this=exp.column(column.this.copy()))
        fits = exp.CheckColumnConstraint(this=exp.LTE(this=length, expression=longest.copy()))
        kept.append(exp.ColumnConstraint(kind=fits))
    column.set("constraints", kept)
