"""Foreign clients read every sample from the test server, over each transport they have: matrix.py [--write] [CLIENT…]

Prints a table, client by type by transport; --write puts it into docs/sqlserver-clients.md. What a client needs is installed
below build/ when it is missing, from the registries that pip, npm, go and mvn are configured for.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(HERE)]

from compare import EXACT, REFUSED, WRONG, grade, worst  # noqa: E402
from tds_server.random_tables import Table  # noqa: E402
from tds_server.samples import Sample, SampleEngine, all_samples  # noqa: E402
from tds_server.server import Server, Settings  # noqa: E402

BUILD = ROOT / "build" / "tds-clients"
VENV = ROOT / "build" / "venv-clients"
PINS = ROOT / "deps" / "clients.txt"
PAGE = ROOT / "docs" / "sqlserver-clients.md"
TRANSPORTS = ("plain", "tls", "strict")
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


class Missing(Exception):
    """What a client needs is not on this machine."""


def run(*command: object, cwd: pathlib.Path | None = None) -> None:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"{command[0]} {command[1]}: {(done.stderr or done.stdout).strip()[-300:]}")


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Missing(f"there is no {program}")
    return found


def pin(name: str) -> str:
    """The version of a client that is no Python package, as deps/clients.txt has it."""
    matched = re.search(rf"^# pin: {re.escape(name)} (\S+)$", PINS.read_text(), re.MULTILINE)
    assert matched, f"{name} is not in {PINS}"
    return matched[1]


def python_environment() -> pathlib.Path:
    """An environment of their own for the Python drivers, made anew when deps/clients.txt has changed."""
    wanted, stamp = PINS.read_text(), VENV / ".installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        if not (VENV / "bin" / "python").exists():
            run(sys.executable, "-m", "venv", VENV)
        run(VENV / "bin" / "python", "-m", "pip", "install", "-q", "--no-input", "-r", PINS)
        stamp.write_text(wanted)
    return VENV / "bin" / "python"


def python_client(driver: str) -> Callable[[], list[str]]:
    return lambda: [str(python_environment()), str(HERE / "python_clients.py"), driver]


def dblib() -> list[str]:
    program, source = BUILD / "dblib_reader", HERE / "dblib_reader.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        run(need("cc"), "-Wall", "-O1", "-o", program, source, "-lsybdb")
    return [str(program)]


def tedious() -> list[str]:
    node, folder = need("node"), BUILD / "tedious"
    wanted, stamp = (HERE / "tedious" / "package.json").read_text(), folder / ".installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "tedious" / "package.json", folder)
        run(need("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
        stamp.write_text(wanted)
    shutil.copy(HERE / "tedious" / "sample_reader.js", folder)
    return [node, str(folder / "sample_reader.js")]


def go_mssqldb() -> list[str]:
    program = BUILD / "go_mssqldb"
    newest = max(path.stat().st_mtime for path in (HERE / "go_mssqldb").iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        run(need("go"), "build", "-o", program, ".", cwd=HERE / "go_mssqldb")
    return [str(program)]


def mssql_jdbc() -> list[str]:
    java, folder, version = need("java"), BUILD / "mssql_jdbc", pin("mssql-jdbc")
    jar, source = folder / f"mssql-jdbc-{version}.jar", HERE / "mssql_jdbc" / "SampleReader.java"
    if not jar.exists():
        folder.mkdir(parents=True, exist_ok=True)
        run(need("mvn"), "-q", "-B", "dependency:copy", f"-Dartifact=com.microsoft.sqlserver:mssql-jdbc:{version}",
            f"-DoutputDirectory={folder}", cwd=folder)
    compiled = folder / "SampleReader.class"
    if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
        run(need("javac"), "-cp", jar, "-d", folder, source)
    return [java, "-XX:TieredStopAtLevel=1", "-cp", f"{jar}:{folder}", "SampleReader"]


def ours(mode: str) -> Callable[[], list[str]]:
    """Our own client, which the build makes."""
    def prepare() -> list[str]:
        program = ROOT / "build" / "release" / "tests" / "tds_dump"
        if "TIDEMARK_BIN" in os.environ:
            program = pathlib.Path(os.environ["TIDEMARK_BIN"]).parent / "tests" / "tds_dump"
        if not program.exists():
            raise Missing(f"there is no {program}")
        return [str(program), mode]
    return prepare


def our_address(server: Server, transport: str) -> str:
    encryption = {"plain": "encrypt=false", "tls": "encrypt=true", "strict": "encrypt=strict"}[transport]
    trust = "" if transport == "plain" else f"&ca_file={server.certificate.authority}&hostNameInCertificate=localhost"
    return f"sqlserver://sa:secret@{server.host}:{server.port}/db1?{encryption}{trust}"


def trust_store(certificate: pathlib.Path, folder: pathlib.Path) -> str:
    store = folder / "trust.p12"
    run(need("keytool"), "-importcert", "-noprompt", "-alias", "server", "-file", certificate, "-keystore", store,
        "-storepass", "secret")
    return str(store)


def freetds_section(port: int, certificate: pathlib.Path, folder: pathlib.Path, transport: str) -> str:
    encryption = "off" if transport == "plain" else f"require\n  ca file = {certificate}\n  check certificate hostname = no"
    (folder / "freetds.conf").write_text(
        f"[global]\n  tds version = 7.4\n  text size = 2147483647\n[samples]\n  host = 127.0.0.1\n  port = {port}\n"
        f"  client charset = UTF-8\n  encryption = {encryption}\n")
    return "samples"


@dataclass
class Client:
    name: str
    prepare: Callable[[], list[str]]
    transports: tuple[str, ...]
    needs_toolchain: bool = False  # beyond Debian packages, PyPI and npm
    left_out: dict[str, str] = field(default_factory=dict)  # transport or sample: why

    def command(self, server: Server, transport: str, folder: pathlib.Path) -> list[str]:
        certificate = server.certificate.authority
        start = self.prepare()
        if self.name.startswith("tidemark"):
            return [start[0], our_address(server, transport), start[1]]
        if self.name == "FreeTDS db-lib":
            return [*start, freetds_section(server.port, certificate, folder, transport)]
        trusted = trust_store(certificate, folder) if self.name == "mssql-jdbc" and transport != "plain" else str(certificate)
        return [*start, server.host, str(server.port), transport, trusted]


COLUMNS = Client("tidemark", ours("columns"), TRANSPORTS)
ROWS = Client("tidemark, small results", ours("rows"), TRANSPORTS)
CLIENTS = [
    COLUMNS,
    ROWS,
    Client("ODBC 18 (mssql-python)", python_client("mssql_python"), TRANSPORTS),
    Client("FreeTDS db-lib", dblib, ("plain", "tls")),
    Client("pymssql", python_client("pymssql"), ("plain", "tls")),
    Client("pytds", python_client("pytds"), ("plain", "tls")),
    Client("tedious", tedious, TRANSPORTS),
    Client("go-mssqldb", go_mssqldb, TRANSPORTS, needs_toolchain=True),
    Client("mssql-jdbc", mssql_jdbc, TRANSPORTS, needs_toolchain=True),
]


@dataclass(frozen=True)
class Known:
    """A disagreement that is the client's own, settled by what `reason` cites."""

    number: int
    client: str
    sample: str
    reason: str


KNOWN = [
    Known(1, "FreeTDS db-lib|pymssql", "nvarchar_max_odd_pieces",
          "FreeTDS ends the connection when the first piece of a (max) value holds no whole character (`tds_convert_stream` "
          "in its `src/tds/stream.c` gives up on EINVAL). [MS-TDS] 2.2.5.2.3 lets a piece end anywhere."),
    Known(2, "ODBC 18.*", "ntext|nvarchar_max.*|varchar_max_utf8",
          "mssql-python takes a U+FEFF at the beginning of a long text for a byte order mark and drops it. The other clients "
          "show it, and so does this one in nvarchar(n)."),
    Known(3, "tedious", "varchar_.*UTF8|varchar_max_utf8",
          "tedious decodes UTF-8 by iconv-lite, which drops a leading U+FEFF as a byte order mark."),
    Known(4, "tedious", "variant_varchar",
          "tedious reads the length of a sql_variant's text before its collation. Real servers send the collation first: "
          "`values.json` of the vectors, and [MS-TDS] 2.2.5.5.4."),
]


@dataclass
class Outcome:
    """What one client made of one sample over one transport."""

    grade: str
    detail: str = ""
    note: int = 0  # of KNOWN


def read_all(client: Client, server: Server, samples: Sequence[Sample | Table], transport: str) -> dict[str, Outcome]:
    """Runs one client over all samples. Missing when it cannot run here."""
    with tempfile.TemporaryDirectory(prefix="tds-client-") as place:
        folder = pathlib.Path(place)
        environment = {**os.environ, "FREETDSCONF": str(folder / "freetds.conf")}
        done = subprocess.run(client.command(server, transport, folder), input="".join(f"{s.name}\n" for s in samples),
                              capture_output=True, text=True, encoding="utf-8", timeout=300, env=environment)
    said = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        said[answer["sample"]] = answer
    outcomes = {}
    for sample in samples:
        if sample.name not in said:
            outcomes[sample.name] = Outcome(WRONG, f"no answer; exit {done.returncode}: {done.stderr.strip()[-300:]}")
        else:
            outcomes[sample.name] = forgiven(client.name, sample.name, judge(sample, said[sample.name]))
    return outcomes


def forgiven(client: str, sample: str, outcome: Outcome) -> Outcome:
    """The same outcome, or the client's own fault where that is known: what else it read is exact then."""
    if outcome.grade in (WRONG, REFUSED):
        for known in KNOWN:
            if re.fullmatch(known.client, client) and re.fullmatch(known.sample, sample):
                return Outcome(EXACT, outcome.detail, known.number)
    return outcome


def judge(sample: Sample | Table, answer: dict[str, object]) -> Outcome:
    if "error" in answer:
        return Outcome(REFUSED, str(answer["error"]))
    values, expected = answer.get("values", []), sample.cells()
    assert isinstance(values, list)
    if len(values) != len(expected):
        return Outcome(WRONG, f"{len(values)} rows, not {len(expected)}")
    grades = [grade(type_, value, shown) for (type_, value), shown in zip(expected, values, strict=True)]
    lowest = worst(grades)
    place = grades.index(lowest) if grades else 0
    if lowest == EXACT:
        return Outcome(EXACT)
    type_, value = expected[place]
    return Outcome(lowest, f"{type_.declaration} {value!r:.120} was shown as {values[place]!r:.120}")


def family(sample: Sample) -> str:
    if sample.name.startswith("variant_"):
        return "sql_variant"
    if sample.type.is_max:
        return f"{sample.type.name}(max)"
    return sample.type.name


def table(results: dict[tuple[str, str], dict[str, Outcome]], samples: list[Sample]) -> str:
    """Rows are types, columns are clients; a cell says what all transports of that client agree on."""
    names = list(dict.fromkeys(name for name, _ in results))
    lines = ["| type | values | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for kind in dict.fromkeys(map(family, samples)):
        members = [sample for sample in samples if family(sample) == kind]
        cells = []
        for name in names:
            by_transport = {
                transport: worst([outcomes[sample.name].grade for sample in members])
                for (client, transport), outcomes in results.items() if client == name}
            grades = set(by_transport.values())
            cell = grades.pop() if len(grades) == 1 else ", ".join(f"{t}: {g}" for t, g in by_transport.items())
            notes = {outcomes[sample.name].note for (client, _), outcomes in results.items() if client == name
                     for sample in members} - {0}
            cells.append(cell + "".join(f" [{note}]" for note in sorted(notes)))
        lines.append(f"| {kind} | {sum(len(sample.rows) for sample in members)} | " + " | ".join(cells) + " |")
    transports = [", ".join(t for client, t in results if client == name) for name in names]
    lines.insert(2, "| *read over* | | " + " | ".join(transports) + " |")
    used = {outcome.note for outcomes in results.values() for outcome in outcomes.values()}
    return "\n".join([*lines, "", *(f"[{known.number}] {known.reason}\n" for known in KNOWN if known.number in used)]).rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("clients", nargs="*")
    arguments = parser.parse_args()
    engine, samples = SampleEngine(), all_samples()
    results: dict[tuple[str, str], dict[str, Outcome]] = {}
    for client in CLIENTS:
        if arguments.clients and client.name not in arguments.clients:
            continue
        for transport in client.transports:
            with Server(engine, Settings()) as server:
                try:
                    results[client.name, transport] = read_all(client, server, samples, transport)
                except Missing as missing:
                    print(f"{client.name} was left out: {missing}", file=sys.stderr)
                    break
                for problem in server.problems:
                    print(problem, file=sys.stderr)
            for name, outcome in results[client.name, transport].items():
                if outcome.grade in (REFUSED, WRONG):
                    print(f"{client.name} {transport} {name}: {outcome.grade}: {outcome.detail}", file=sys.stderr)
    made = table(results, samples)
    print(made)
    if arguments.write:
        page = PAGE.read_text()
        PAGE.write_text(page[:page.index(BEGIN) + len(BEGIN)] + "\n" + made + "\n" + page[page.index(END):])
    return 0


if __name__ == "__main__":
    sys.exit(main())
