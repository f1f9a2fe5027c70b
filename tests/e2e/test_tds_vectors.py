"""What the test server encodes is, byte for byte, what real servers sent.

The bytes stand beside the repository: TIDEMARK_TDS_VECTORS names their folder, ../shared/tds-vectors by default.
"""

import json
import os
import pathlib
import struct
import sys
import uuid
from decimal import Decimal

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "support" / "tds_clients"))
from compare import stored_text  # noqa: E402
from tds_server import tokens  # noqa: E402
from tds_server.collation import from_bytes  # noqa: E402
from tds_server.login import read_login7, read_prelogin, write_prelogin  # noqa: E402
from tds_server.parameters import PROCEDURES, Reader, read_calls, read_value  # noqa: E402
from tds_server.samples import all_samples  # noqa: E402
from tds_server.seam import Column, SqlError, SqlMessage  # noqa: E402
from tds_server.text_values import parse  # noqa: E402
from tds_server.types import MAX, Abilities, SqlType, Variant  # noqa: E402

FOLDER = pathlib.Path(os.environ.get("TIDEMARK_TDS_VECTORS", ROOT.parent / "shared" / "tds-vectors"))
if not FOLDER.is_dir():
    pytest.skip(f"no bytes of real servers: there is no {FOLDER}", allow_module_level=True)

NAMES = {(0x26, 1): "tinyint", (0x26, 2): "smallint", (0x26, 4): "int", (0x26, 8): "bigint", (0x68, 1): "bit",
         (0x6D, 4): "real", (0x6D, 8): "float", (0x6E, 4): "smallmoney", (0x6E, 8): "money", (0x6F, 8): "datetime"}
FIXED = {0x30: "tinyint", 0x32: "bit", 0x34: "smallint", 0x38: "int", 0x3D: "datetime"}
PLAIN = {0x24: "uniqueidentifier", 0x28: "date"}
CHARACTERS = {0xA7: ("varchar", 1), 0xAF: ("char", 1), 0xE7: ("nvarchar", 2), 0xEF: ("nchar", 2)}
# Left out: of a version that this server does not speak; and two that no server sent (the routing one lacks the two
# zero bytes of the old value, the other is of a type that does not exist).
FOREIGN = {"DONE of TDS 7.1 (4-byte count)", "ENVCHANGE routing", "ENVCHANGE of unknown type 0x63"}


def entries():
    for path in sorted(FOLDER.glob("*.json")):
        found = json.loads(path.read_text())
        for entry in found if isinstance(found, list) else found["entries"]:
            yield path.name, entry


def named(found):
    return [pytest.param(entry, id=f"{file}-{entry['name']}".replace(" ", "_")[:90]) for file, entry in found]


def sql_type(column):
    """The type that a decoded column has, and whether it is in its nullable form."""
    code = int(column["type"], 16)
    collation = from_bytes(bytes.fromhex(column["collation"])) if "collation" in column else None
    length = column.get("len", 0)
    if code in FIXED:
        return SqlType(FIXED[code]), False
    if code in PLAIN:
        return SqlType(PLAIN[code]), True
    if code in CHARACTERS:
        name, width = CHARACTERS[code]
        return SqlType(name, MAX if length == 0xFFFF else length // width, collation=collation), True
    if code in (0xA5, 0xAD):
        return SqlType("varbinary" if code == 0xA5 else "binary", MAX if length == 0xFFFF else length), True
    if code in (0x6A, 0x6C):
        name = "decimal" if code == 0x6A else "numeric"
        return SqlType(name, precision=column["precision"], scale=column["scale"]), True
    if code in (0x23, 0x63):
        return SqlType("text" if code == 0x23 else "ntext", length, collation=collation), True
    if code == 0xF1:
        return SqlType("xml", plp_total_known=False), True
    if code in (0x29, 0x2A, 0x2B):
        return SqlType({0x29: "time", 0x2A: "datetime2", 0x2B: "datetimeoffset"}[code], scale=column["scale"]), True
    return SqlType(NAMES[code, length]), True


def value_of(type_, shown):
    if shown is None or isinstance(shown, (bool, int, float)):
        return int(shown) if isinstance(shown, bool) else shown
    if isinstance(shown, dict):
        return bytes.fromhex(shown["bytes"])
    if type_.name in ("decimal", "numeric", "money", "smallmoney"):
        return Decimal(shown)
    if type_.name == "uniqueidentifier":
        return uuid.UUID(shown)
    return shown if type_.is_text else parse(type_, shown.replace("T", " "))


class Encoding:
    """Tokens as our server writes them, from what the vectors say they decode to."""

    def __init__(self, is_encryption_acknowledged):
        self.is_encryption_acknowledged = is_encryption_acknowledged
        self.types = []

    def of(self, token, is_in_rpc):
        encode = getattr(self, token["token"].lower(), None)
        if encode is not None:
            return encode(token)
        assert token["token"] in ("DONE", "DONEPROC", "DONEINPROC"), token
        kind = {"DONE": tokens.DONE, "DONEPROC": tokens.DONE_PROC, "DONEINPROC": tokens.DONE_IN_PROC}[token["token"]]
        return tokens.done(token["status"], token["curcmd"], token["rowcount"], kind)

    def colmetadata(self, token):
        self.types = [(*sql_type(column), column) for column in token["columns"]]
        head = struct.pack("<BH", 0x81, token["count"]) + (b"\0\0" if self.is_encryption_acknowledged else b"")
        return head + b"".join(
            tokens.column_description(column["column"], type_.type_info(nullable, tuple(column.get("table", ()))),
                                      column["user_type"], column["flags"])
            for type_, nullable, column in self.types)

    def _pieces(self, framing):
        """The types with the pieces in which this row's large values came."""
        cut = {frame["column"]: frame["chunks"] for frame in framing or () if "chunks" in frame}
        for type_, nullable, column in self.types:
            pieces = cut.get(column["column"], ())
            known = type_.name != "xml"
            yield Column(column["column"], SqlType(
                type_.name, type_.length, type_.precision, type_.scale, type_.collation,
                pieces[0] if len(pieces) > 1 else 0, known), nullable)

    def row(self, token):
        # Which form a real server takes is its own affair; here the forms themselves are compared.
        return self._encoded(token, False)

    def nbcrow(self, token):
        return self._encoded(token, True)

    def _encoded(self, token, null_bitmap):
        values = tuple(value_of(type_, shown) for (type_, _, _), shown in zip(self.types, token["values"], strict=True))
        return tokens.RowEncoder(list(self._pieces(token.get("framing"))), Abilities(), null_bitmap).row(values)

    def envchange(self, token):
        kind = token["type"]
        if kind == tokens.ROUTING:
            return tokens.routing(token["server"], token["port"])
        old, new = (token.get(which, "") for which in ("old", "new"))
        if kind in (tokens.DATABASE, tokens.LANGUAGE, tokens.PACKET_SIZE):
            return tokens.env_change(kind, tokens.b_varchar(new), tokens.b_varchar(old))
        if kind in (tokens.BEGIN, tokens.COMMIT, tokens.ROLLBACK):
            return tokens.transaction_change(kind, int.from_bytes(bytes.fromhex(new or old), "little"))
        return tokens.env_change(kind, tokens.b_varbyte(bytes.fromhex(new)), tokens.b_varbyte(bytes.fromhex(old)))

    def info(self, token):
        said = SqlMessage(token["number"], token["message"], token["state"], token["class"], token["line"], token["proc"])
        return tokens.info(said, token["server"])

    def error(self, token):
        said = SqlError(token["number"], token["message"], state=token["state"], severity=token["class"],
                        line=token["line"], procedure=token["proc"])
        return tokens.error(said, token["server"])

    def loginack(self, token):
        major, minor, build = map(int, token["version"].split("."))
        return tokens.login_ack(int(token["tds_version"], 16), (major, minor, build))

    def featureextack(self, token):
        return tokens.feature_ack([(each["feature"], bytes.fromhex(each["data"])) for each in token["features"]])

    def returnstatus(self, token):
        return tokens.return_status(token["value"])

    def returnvalue(self, token):
        type_, _ = sql_type(token["type_info"])
        return tokens.return_value(token["ordinal"], token["name"], type_, value_of(type_, token["value"]))

    def order(self, token):
        return tokens.order(token["columns"])

    def tabname(self, token):
        return tokens.table_name(*map(tuple, token["tables"]))

    def colinfo(self, token):
        return tokens.column_info((each["column"], each["table"], each["status"]) for each in token["columns"])

    def sessionstate(self, token):
        return tokens.session_state(token["seq"], ((each["id"], bytes.fromhex(each["data"])) for each in token["states"]))


def payload(entry):
    """The message without its packet headers."""
    raw = bytes.fromhex(entry["hex"])
    if entry["form"] != "packets":
        return raw
    out, place = b"", 0
    while place < len(raw):
        length = int.from_bytes(raw[place + 2:place + 4], "big")
        out += raw[place + 8:place + length]
        place += length
    return out


def is_reply(entry):
    return entry["direction"] == "server" and "tokens" in entry["decodes_to"] and entry["name"] not in FOREIGN \
        and entry["form"] in ("packets", "tokens")


@pytest.mark.parametrize("entry", named((f, e) for f, e in entries() if is_reply(e)))
def test_the_same_reply_has_the_same_bytes(entry):
    encoding = Encoding(entry.get("column_encryption_acked", False))
    ours = b"".join(encoding.of(token, False) for token in entry["decodes_to"]["tokens"])
    assert ours.hex() == payload(entry).hex()


@pytest.mark.parametrize("entry", named((f, e) for f, e in entries() if "value" in e["decodes_to"] and e["form"] == "variant"))
def test_a_variant_has_the_same_bytes(entry):
    shown = entry["decodes_to"]["value"]
    if shown is None:
        assert SqlType("sql_variant").encode(None).hex() == entry["hex"]
        return
    properties = bytes.fromhex(shown["props"])
    type_ = SqlType({"decimaln": "decimal", "numericn": "numeric"}.get(shown["base"], shown["base"]))
    if type_.name in ("decimal", "numeric"):
        type_ = SqlType(type_.name, precision=properties[0], scale=properties[1])
    elif type_.name in ("time", "datetime2", "datetimeoffset"):
        type_ = SqlType(type_.name, scale=properties[0])
    elif type_.name in ("char", "varchar", "nchar", "nvarchar"):
        width = 2 if type_.name[0] == "n" else 1
        type_ = SqlType(type_.name, int.from_bytes(properties[5:], "little") // width, collation=from_bytes(properties[:5]))
    elif type_.name in ("binary", "varbinary"):
        type_ = SqlType(type_.name, int.from_bytes(properties, "little"))
    value = value_of(type_, shown["value"])
    assert SqlType("sql_variant").encode(Variant(type_, value)).hex() == entry["hex"]


def test_a_vector_has_the_same_payload():
    entry = next(entry for _, entry in entries() if "vector" in entry["decodes_to"])
    values = tuple(entry["decodes_to"]["vector"]["values"])
    assert SqlType("vector", len(values)).encode(values)[2:].hex() == entry["hex"]


def is_preludes(entry):
    return entry["direction"] == "server" and "prelogin" in entry["name"] and "trailing" not in entry["name"] \
        and "without terminator" not in entry["name"]


@pytest.mark.parametrize("entry", named((f, e) for f, e in entries() if is_preludes(e)))
def test_the_answer_to_a_prelogin_has_the_same_bytes(entry):
    body = payload(entry)
    assert write_prelogin(list(read_prelogin(body).items())).hex() == body.hex()


@pytest.mark.parametrize("entry", named((f, e) for f, e in entries() if "LOGIN7" in e["name"] and e["direction"] == "client"))
def test_a_login_is_read(entry):
    body, said = payload(entry), entry["decodes_to"]
    hello = read_login7(body)
    shown = said["login7"]
    read = {"hostname": hello.login.host, "username": hello.login.user, "appname": hello.login.application,
            "servername": hello.login.server, "database": hello.login.database, "library": hello.library,
            "language": hello.language}
    for name, ours in read.items():
        # Long texts, and those that were made anonymous, are told by their length.
        assert shown[name] in (ours, f"({len(ours)} characters)"), name
    assert len(hello.login.password) == shown["password_chars"]
    assert f"{hello.tds_version:08x}" == shown["tds_version"]
    assert hello.packet_bytes == shown["packet_size"]


def calls_of(entry):
    return [call for call in entry["decodes_to"].get("calls", ())]


@pytest.mark.parametrize("entry", named((f, e) for f, e in entries() if calls_of(e) and "TVP" not in e["name"]))
def test_a_call_is_read(entry):
    ours = read_calls(payload(entry))
    theirs = calls_of(entry)
    assert [call.options for call in ours] == [call["options"] for call in theirs]
    assert [len(call.parameters) for call in ours] == [len(call["params"]) for call in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.procedure == other.get("proc", PROCEDURES.get(other.get("proc_id")))
        read = [(parameter.name, None if parameter.value is None else str(parameter.value), parameter.by_reference)
                for parameter in mine.parameters]
        assert read == [(each["name"], None if each["value"] is None else str(each["value"]), bool(each["status"] & 1))
                        for each in other["params"]]


@pytest.mark.parametrize("sample", [pytest.param(s, id=s.name) for s in all_samples() if s.type.name not in (
    "text", "ntext", "image", "hierarchyid", "geometry", "geography")])
def test_what_the_server_encodes_it_reads_as_a_parameter(sample):
    # The types left out have another form in requests than in results.
    for type_, value in sample.cells():
        read_type, read = read_value(Reader(type_.type_info() + type_.encode(value)))
        wanted = None if value is None else value if not type_.is_text else stored_text(type_, value)
        assert read == wanted or isinstance(value, Variant), (type_, value)
        assert read_type.declaration == type_.declaration.replace("rowversion", "binary(8)")
        if isinstance(value, Variant):
            assert (read.type.declaration, read.value) == (value.type.declaration, stored_text(value.type, value.value)
                                                           if value.type.is_text else value.value)
