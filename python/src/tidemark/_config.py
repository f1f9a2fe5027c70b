"""Configurations as dictionaries: read, made from azsql_ct's arguments, and handed to the program."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._error import TidemarkError

Tables = Mapping[str, Mapping[str, Any]]
"""``{database: {schema: tables}}``: "*", a list of names, or a map of names with a mode or settings each."""

_SECRETS = {"password", "access_key", "secret_key", "session_token", "key", "sas", "connection_string", "hash_key",
            "secret", "tokens", "function_keys"}
# Keys of a database that are not the name of a schema.
_OF_DATABASE = {"path", "uc_catalog", "schemas"}


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A configuration file as it stands, nothing expanded."""
    file = pathlib.Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TidemarkError("not_found", f"{file}: no such file", "name an existing configuration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TidemarkError("invalid", f"{file}: {error}") from error
    try:
        if file.suffix == ".json":
            loaded = json.loads(text)
        else:
            import yaml

            loaded = yaml.safe_load(text)
    except Exception as error:  # of two parsers, which share no class
        raise TidemarkError("invalid", f"{file}: {error}") from error
    if not isinstance(loaded, dict):
        raise TidemarkError("invalid", f"{file}: this is not a configuration",
                            "it begins with connection: and databases:")
    return loaded


_DOT_ENV_LINE = re.compile(r"""^\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^'\n]*)'|"([^"\n]*)"|([^\s#]*))""", re.MULTILINE)


def variables_beside(path: str | os.PathLike[str] | None) -> dict[str, str]:
    """Those of the .env file that the program takes for a configuration in `path`, and none that is set already."""
    for folder in (pathlib.Path(), *([pathlib.Path(path).parent] if path is not None else [])):
        if (folder / ".env").is_file():
            text = (folder / ".env").read_text(encoding="utf-8", errors="replace")
            found = {name: a or b or c for name, a, b, c in _DOT_ENV_LINE.findall(text)}
            return {name: value for name, value in found.items() if name not in os.environ}
    return {}


def destination_of(config: Mapping[str, Any], path: str | os.PathLike[str] | None = None) -> str:
    """Where the program lands this configuration, which stands in `path` if it is a file."""
    variables = {**variables_beside(path), **os.environ}
    written = (config.get("storage") or {}).get("ingest_pipeline")
    written = written or variables.get("TIDEMARK_INGEST_PIPELINE") or variables.get("AZSQL_INGEST_PIPELINE") or "."
    return re.sub(r"\$\{(\w+)\}", lambda match: variables.get(match[1], match[0]), str(written))


def tables_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables in the one shape that :data:`Tables` has, whichever of the three shapes the file has."""
    tables: dict[str, dict[str, Any]] = {}
    for name, database in (config.get("databases") or {}).items():
        schemas = database.get("schemas")
        if schemas is not None:
            tables[name] = {schema: entry["tables"] for schema, entry in schemas.items()}
        else:
            tables[name] = {schema: entry for schema, entry in database.items() if schema not in _OF_DATABASE}
    for entry in config.get("tables") or ():
        schema, _, table = entry["table"].rpartition(".")
        settings = {key: value for key, value in entry.items() if key not in ("database", "table")}
        tables.setdefault(entry["database"], {}).setdefault(schema or "dbo", {})[table] = settings
    return tables


def with_tables(config: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    """The configuration with these tables in place of its own. What it says beside them stays."""
    known = config.get("databases") or {}
    databases: dict[str, Any] = {}
    for name, schemas in tables.items():
        beside = {key: value for key, value in known.get(name, {}).items() if key in ("path", "uc_catalog")}
        old = known.get(name, {}).get("schemas") or {}
        databases[name] = {**beside, "schemas": {
            schema: {**old.get(schema, {}), "tables": entry if isinstance(entry, str) else _plain(entry)}
            for schema, entry in schemas.items()}}
    return {**{key: value for key, value in config.items() if key != "tables"}, "databases": databases}


def _plain(tables: Any) -> Any:
    return dict(tables) if isinstance(tables, Mapping) else list(tables)


def check_tables(tables: Any) -> None:
    """Its shape alone; the program checks the rest and names what is wrong. Raises ValueError."""
    if not isinstance(tables, Mapping):
        raise ValueError(f"tables: a map of databases is wanted, not {type(tables).__name__}")
    for database, schemas in tables.items():
        if not isinstance(schemas, Mapping) or not schemas:
            raise ValueError(f"tables.{database}: a map of schemas is wanted")
        for schema, entry in schemas.items():
            is_list = isinstance(entry, Sequence) and not isinstance(entry, str)
            if not (entry == "*" or is_list or isinstance(entry, Mapping)) or not entry:
                raise ValueError(f'tables.{database}.{schema}: "*", a list of tables or a map of tables is wanted')


def settings_of(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """``database.schema.table`` -> what the configuration says of the table itself."""
    settings: dict[str, Mapping[str, Any]] = {}
    for database, schemas in tables_of(config).items():
        for schema, entry in schemas.items():
            if isinstance(entry, Mapping):
                for table, said in entry.items():
                    if isinstance(said, Mapping):
                        settings[f"{database}.{schema}.{table}"] = said
    return settings


@contextlib.contextmanager
def handed_over(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The configuration as a file for as long as this lasts, and the variables that hold what is secret in it."""
    environment: dict[str, str] = {}
    without = _without_secrets(config, environment)
    with tempfile.TemporaryDirectory(prefix="tidemark-") as folder:
        path = os.path.join(folder, "config.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(without, file)
        yield path, environment


def _without_secrets(value: Any, environment: dict[str, str], is_secret: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_secrets(entry, environment, key in _SECRETS) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_secrets(entry, environment, is_secret) for entry in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not (is_secret and isinstance(value, str)) or "${" in value:
        return value
    name = f"TIDEMARK_SECRET_{len(environment) + 1}"
    environment[name] = value
    return "${" + name + "}"
