"""Champion/challenger batch scoring of online shopping sessions, orchestrated by Dagster."""

__version__ = "0.1.0"
