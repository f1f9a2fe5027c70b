"""The test server's own wire: logins, redirections, cancelling, faults. A raw client of a few lines looks at the bytes."""

import contextlib
import socket
import struct

import pytest
from tds_server import login as logins
from tds_server import tokens, wire
from tds_server.browser import Browser
from tds_server.faults import Fault
from tds_server.samples import SampleEngine
from tds_server.server import Server, Settings
from tds_server.types import SqlType

HEADERS = struct.pack("<IIHQI", 22, 18, 2, 0, 1)


class Client:
    """Sends messages and gives the answers' bytes."""

    def __init__(self, server):
        self.channel = wire.Channel(socket.create_connection((server.host, server.port), timeout=20))

    def ask(self, kind, body, status=0):
        self.send(kind, body, status)
        return self.channel.read().body

    def send(self, kind, body, status=0):
        self.channel._socket.sendall(struct.pack(">BBHHBB", kind, wire.END | status, len(body) + 8, 0, 1, 0) + body)

    def batch(self, sql, status=0):
        return self.ask(wire.BATCH, HEADERS + sql.encode("utf-16-le"), status)

    def read(self):
        return self.channel.read().body

    def login(self, user="sa", features=b"", is_odbc=True):
        self.ask(wire.PRELOGIN, logins.write_prelogin([(0, bytes(6)), (1, b"\x02"), (6, b"\x01")]))
        return self.ask(wire.LOGIN7, login7(user, features, is_odbc))

    def is_cut(self):
        with contextlib.suppress(wire.Closed):
            self.channel.read()
            return False
        return True


def login7(user="sa", features=b"", is_odbc=True):
    texts = [("host", 0), (user, 1), ("", 2), ("test", 3), ("localhost", 4), None, ("raw", 6), ("", 7), ("db1", 8)]
    body, head = b"", b""
    start = 94
    for text in texts:
        if text is None:  # the extension: where its place stands, and there a pointer to it
            head += struct.pack("<HH", start + len(body), 4 if features else 0)
            if features:
                pointer = len(body)
                body += bytes(4)
            continue
        head += struct.pack("<HH", start + len(body), len(text[0]))
        body += text[0].encode("utf-16-le")
    if features:
        body = body[:pointer] + struct.pack("<I", start + len(body)) + body[pointer + 4:] + features + b"\xff"
    fixed = struct.pack("<6I", start + len(body), logins.TDS_7_4, 4096, 0, 0, 0)
    fixed += bytes([0xE0, 3 if is_odbc else 1, 0, 0x10 if features else 0]) + bytes(8) + head + bytes(22)
    assert len(fixed) == start
    return fixed + body


def feature(number, data):
    return struct.pack("<BI", number, len(data)) + data


def u(text):
    return text.encode("utf-16-le")


@pytest.fixture
def server():
    with Server(SampleEngine(), Settings(encryption="none")) as running:
        yield running
        assert running.problems == []


@pytest.fixture
def client(server):
    logged_in = Client(server)
    assert b"\xad" in logged_in.login()
    return logged_in


def test_a_login_is_acknowledged_with_what_was_asked_for(server):
    answer = Client(server).login(features=feature(0x0A, b"\1") + feature(0x0D, b"\1") + feature(0x0E, b"\1") + feature(0x01, b""))
    assert answer.endswith(tokens.feature_ack([(0x0A, b"\1"), (0x0D, b"\1"), (0x0E, b"\1")]) + tokens.done())
    assert b"\xae" not in Client(server).login()[-20:]


def test_a_login_is_refused_by_number_and_state(server):
    server.faults.add(Fault("login_error", match="mallory", number=18456, state=8))
    answer = Client(server).login(user="mallory")
    assert answer.startswith(b"\xaa") and struct.unpack_from("<iB", answer, 3) == (18456, 8)
    assert b"\xad" in Client(server).login(user="sa")


def test_a_login_is_sent_on(server):
    server.faults.add(Fault("redirect", host="other.example", port=1433))
    answer = Client(server).login()
    assert answer.endswith(tokens.routing("other.example", 1433) + tokens.done())
    assert b"\xe3" in Client(server).login()


def test_an_access_token_in_the_login_reaches_the_engine(server):
    token = u("a.b.c")
    data = bytes([logins.SECURITY_TOKEN << 1 | 1]) + struct.pack("<I", len(token)) + token
    answer = Client(server).login(features=feature(0x02, data))
    assert answer.endswith(tokens.feature_ack([(0x02, b"")]) + tokens.done())
    assert server.seen[-1].hello.login.token == "a.b.c"


def test_a_client_that_has_no_token_yet_is_told_where_to_get_one(server):
    client = Client(server)
    asked = client.login(features=feature(0x02, bytes([logins.ADAL << 1 | 1, 3])))
    assert asked == tokens.fed_auth_info("https://login.example.com/common", "https://database.example.com/")
    token = u("x.y.z")
    answer = client.ask(wire.FED_AUTH_TOKEN, struct.pack("<II", len(token) + 4, len(token)) + token)
    assert b"\xad" in answer and server.seen[-1].hello.login.token == "x.y.z"


def test_a_cancelled_request_is_answered_by_two_messages(server, client):
    server.faults.add(Fault("stall", match="slowly"))
    client.send(wire.BATCH, HEADERS + u("SELECT slowly"))
    client.send(wire.ATTENTION, b"")
    assert client.read() == tokens.done(tokens.ERROR, 0xFD)
    assert client.read() == tokens.done(tokens.ATTENTION, 0xFD)
    assert client.batch("SELECT * FROM sample.bit").endswith(tokens.done(tokens.COUNT, 0xC1, 3))


def test_an_attention_that_comes_too_late_is_answered_by_one_message(client):
    client.batch("SELECT 1 WHERE 1 = 0")
    assert client.ask(wire.ATTENTION, b"") == tokens.done(tokens.ATTENTION, 0xFD)


def test_an_attention_can_stay_unanswered(server, client):
    server.faults.add(Fault("ignore_attention", match="sample.bit"))
    client.send(wire.BATCH, HEADERS + u("SELECT * FROM sample.bit"))
    client.send(wire.ATTENTION, b"")
    assert client.read().endswith(tokens.done(tokens.COUNT, 0xC1, 3))


def test_an_error_comes_in_the_midst_of_rows(server, client):
    server.faults.add(Fault("error", match="sample.bit", number=1205, rows=2))
    answer = client.batch("SELECT * FROM sample.bit")
    assert answer.count(b"\xd1") >= 2
    place = answer.index(b"\xaa")
    assert struct.unpack_from("<iBB", answer, place + 3) == (1205, 1, 13)
    assert answer.endswith(tokens.done(tokens.ERROR, 0xC1))


def test_a_fault_is_ordered_by_sql_and_used_up(server, client):
    client.batch("EXEC tidemark_test.fault @kind = N'error', @match = N'sample.bit', @number = 40501, @times = 1, @skip = 1")
    assert b"\xaa" not in client.batch("SELECT * FROM sample.bit")
    assert struct.pack("<i", 40501) in client.batch("SELECT * FROM sample.bit")
    assert client.is_cut()  # severity 20 ends the connection
    assert server.faults.carried_out == ["error"]


def test_a_wrong_order_is_refused(client):
    assert struct.pack("<i", 8145) in client.batch("EXEC tidemark_test.fault @colour = 1")


@pytest.mark.parametrize("fault, expected", [
    (Fault("garbage", data="ee" * 5), b"\xee" * 5),
    (Fault("truncate", bytes=3), b"\x81\x02\x00"),
])
def test_a_reply_is_broken_on_order(server, client, fault, expected):
    server.faults.add(fault)
    assert client.batch("SELECT * FROM sample.bit") == expected


def test_bytes_are_put_into_a_reply(server, client):
    server.faults.add(Fault("insert", bytes=1, data="ffff"))
    assert client.batch("SELECT * FROM sample.bit").startswith(b"\x81\xff\xff\x02\x00")


@pytest.mark.parametrize("fault", [Fault("disconnect"), Fault("disconnect", bytes=10), Fault("disconnect", rows=1)])
def test_a_connection_is_cut_on_order(server, client, fault):
    server.faults.add(fault)
    client.send(wire.BATCH, HEADERS + u("SELECT * FROM sample.bit"))
    assert client.is_cut()


def test_a_packet_lies_about_its_length(server, client):
    server.faults.add(Fault("packet_length", number=7))
    client.send(wire.BATCH, HEADERS + u("SELECT * FROM sample.bit"))
    with pytest.raises(wire.Closed, match="a packet of 7 bytes"):
        client.channel.read()


def test_a_transaction_is_said_by_its_descriptor(client):
    begun = client.ask(wire.TRANSACTION, HEADERS + struct.pack("<HBB", 5, 5, 0))
    assert begun == tokens.transaction_change(tokens.BEGIN, 0x1122) + tokens.done(0, 0xFD)
    ended = client.ask(wire.TRANSACTION, HEADERS + struct.pack("<HBB", 7, 0, 0))
    assert ended == tokens.transaction_change(tokens.COMMIT, 0x1122) + tokens.done(0, 0xFD)


def test_a_reset_is_acknowledged_before_the_reply(client):
    assert client.batch("SET NOCOUNT ON", wire.RESET) == tokens.env_change(tokens.RESET, b"\0") + tokens.done(0, 0xFD)


def call(number, *values):
    body = struct.pack("<HHH", 0xFFFF, number, 0)
    for name, status, type_, value in values:
        body += tokens.b_varchar(name) + bytes([status]) + type_.type_info() + type_.encode(value)
    return HEADERS + body


def test_a_prepared_statement_is_executed_by_its_handle(client):
    text, integer = SqlType("nvarchar", 4000), SqlType("int")
    prepared = client.ask(wire.RPC, call(13, ("", 1, integer, None), ("", 0, text, "@P1 int"), ("", 0, text, "SELECT @P1"),
                                         ("", 0, integer, 7)))
    assert tokens.return_value(0, "", integer, 1) in prepared
    assert b"\xd1" + integer.encode(7) in prepared
    again = client.ask(wire.RPC, call(12, ("", 0, integer, 1), ("", 0, integer, 8)))
    assert b"\xd1" + integer.encode(8) in again
    assert again.endswith(tokens.return_status(0) + tokens.done(0, 0xE0, token=tokens.DONE_PROC))
    gone = client.ask(wire.RPC, call(15, ("", 0, integer, 1)))
    assert gone == tokens.return_status(0) + tokens.done(0, 0xE0, token=tokens.DONE_PROC)
    assert struct.pack("<i", 8179) in client.ask(wire.RPC, call(12, ("", 0, integer, 1)))


@pytest.mark.parametrize("mode, asked, answered", [
    ("none", 1, 2), ("optional", 0, 0), ("optional", 1, 1), ("optional", 2, 2), ("optional", 3, 1),
    ("required", 0, 3), ("required", 1, 1), ("login_only", 1, 0)])
def test_encryption_is_agreed_on(mode, asked, answered):
    with Server(SampleEngine(), Settings(encryption=mode)) as running:
        answer = Client(running).ask(wire.PRELOGIN, logins.write_prelogin([(0, bytes(6)), (1, bytes([asked]))]))
    assert logins.read_prelogin(answer)[logins.ENCRYPTION] == bytes([answered])


def test_a_strict_server_talks_to_nobody_in_the_clear():
    with Server(SampleEngine(), Settings(encryption="strict")) as running:
        client = Client(running)
        client.send(wire.PRELOGIN, logins.write_prelogin([(0, bytes(6)), (1, b"\1")]))
        assert client.is_cut()


def test_the_browser_names_the_port_of_an_instance():
    with Browser({"SALES": 4711}) as browser, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(20)
        asking.sendto(b"\x04sales\0", ("127.0.0.1", browser.port))
        answer = asking.recv(1024)
        assert answer[0] == 5 and b"InstanceName;SALES;" in answer and b"tcp;4711;;" in answer
        assert browser.answer(b"\x04nothing\0") == b""


def test_a_value_out_of_its_type_is_refused():
    for declaration, value in (("decimal(5,2)", 1000), ("varchar(2)", "abc"), ("date", 3_652_059), ("vector(2)", (1.0,))):
        with pytest.raises((ValueError, ArithmeticError)):
            SqlType.parse(declaration).encode(value)
    with pytest.raises(ValueError):
        SqlType.parse("varchar(8001)")


def test_large_values_are_cut_for_those_who_did_not_ask_for_more(server):
    text = server.engine.samples["nvarchar_max"].values[-1]
    whole = len(text.encode("utf-16-le"))
    wary, careless = Client(server), Client(server)
    wary.login()
    careless.login(is_odbc=False)
    select = "SELECT * FROM sample.nvarchar_max"
    assert whole > 10_000
    assert text.encode("utf-16-le") in wary.batch(select)
    answer = careless.batch(select)
    assert text.encode("utf-16-le")[:4096] in answer and text.encode("utf-16-le")[:4098] not in answer
    careless.batch("SET TEXTSIZE 10")
    assert SqlType("ntext", 10).type_info() in careless.batch("SELECT * FROM sample.ntext")
    assert text.encode("utf-16-le")[:12] not in careless.batch(select)
    careless.batch("SET TEXTSIZE -1")
    assert text.encode("utf-16-le") in careless.batch(select)
    careless.batch("SELECT 1", wire.RESET)
    assert text.encode("utf-16-le") not in careless.batch(select)
