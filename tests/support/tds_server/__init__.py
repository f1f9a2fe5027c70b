"""A SQL Server for tests: its wire and its change tracking, in Python."""
