"""Texts that are hard to read: numbers, dates, formulas, SQL, markup, control characters, and very long ones."""

NUMBERS = (
    *("nan", "NaN", "inf", "-inf", "Infinity", "1e308", "1e309", "-1e309", "1e-400", "9" * 400, "-1", "-0", "-0.0"),
    *("0x10", "1_000", "1,5", "\u0661\u0662", "\xbd", "2147483647", "2147483648", "9007199254740993", "9" * 20),
    *("3.0", "3.0000000001", "1e3", "+5", "5.", ".5", "1E+2", "1d", "--1", "1 2", "1e", "e1", "0" * 300 + "1"),
    *("1e-5000", "1e99999", "-1e-300", "0.1e-320", "1\xa0", "yes", "TRUE", "true ", "2", "1.0"),
)
DATES = (
    *("2025-02-30", "2025-13-01", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "-2025-10-10"),
    *("2025-04-05T00:00:00", "2025-4-5", "04/05/2025", "20250405", "2025-04-05 ", "2027-01-01", "1969-12-31"),
    *("2024-12-31", "2025\u201004\u201005"),
)
CODE = (
    *("=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "'; DROP TABLE SOURCE --", "x' OR '1'='1", ":start", ":uid", "%s"),
    *("?", "\\", "\\'", "/*", "--", "${jndi:ldap://x}", "{{7*7}}", "{before}", "$(id)", "`id`", "[/x]", "[bold red]x"),
    *("<script>alert(1)</script>", "../../x", "!!python/object/apply:os.system ['id']", "[1,2]", '{"a":1}', "[1"),
)
CHARACTERS = (
    *("", " ", "\t", "\r", "\n", "a\nb", "a\r\nb", "'", '"', '""', 'a"b', "\x00", "a\x00b", "\ufeff", "\u202e", "\xe9"),
    *("e\u0301", "\U0001f4a5", "\xa0", "\u3000", "\x1b[31m", "\x7f", "NULL", "None", "null", "\\N", "x" * 5_000),
)
IDENTIFIERS = (
    *("00000000-0000-0000-0000-000000000000", "{12345678-1234-4234-8234-123456789abc}", "v_260230_000000"),
    *("12345678123442348234123456789abc", "12345678-1234-4234-8234-123456789ABC", "v_999999_999999", "V_260126_002750"),
    *("g2345678-1234-4234-8234-123456789abc", "v_260126_002750; rm -rf x", "v_\u0662\u0666\u0661\u0661\u0662\u0666_0"),
)
#: Stands for the name of a version that the home has.
A_VERSION = "<version>"
NAMES = ("Jan", "nov", "NOV", "June", "Returning_visitor", "Other ", "champion", "previous", "PREVIOUS", "at_the_time")
TEXTS = (*NUMBERS, *DATES, *CODE, *CHARACTERS, *IDENTIFIERS, *NAMES)
#: A text that cannot be written as UTF-8.
LONE_SURROGATE = "\ud800"
LONG_TEXTS = ("9" * 100_000, "x" * 2_000_000)
