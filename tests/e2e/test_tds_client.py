"""Our client of SQL Server against a server that is not ours to trust: encryption, logins, redirections, tokens, faults."""

import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import urllib.parse

import pytest
from conftest import TIDEMARK
from tds_server.browser import Browser
from tds_server.faults import Fault
from tds_server.samples import SampleEngine
from tds_server.server import Server, Settings
from tds_server.wire import Certificate

QUERY = pathlib.Path(TIDEMARK).parent / "tests" / "tds_query"
WHOLE = "SELECT id, v FROM sample.int"


class Answer:
    """What tds_query printed: the server, the rows, and the error of the last statement that failed."""

    def __init__(self, process):
        self.code = process.returncode
        lines = [json.loads(line) for line in process.stdout.splitlines()]
        self.server = next((line for line in lines if isinstance(line, dict) and "program" in line), None)
        self.rows = [line for line in lines if isinstance(line, list)]
        self.errors = [line for line in lines if isinstance(line, dict) and "error" in line]
        self.text = process.stdout + process.stderr

    @property
    def error(self):
        assert self.errors, self.text
        return self.errors[-1]


def query(url, *statements, environment=None):
    variables = {name: value for name, value in os.environ.items() if not name.endswith("_PROXY")}
    variables |= {"TIDEMARK_PASSWORD": "s3cret-word"} | (environment or {})
    process = subprocess.run([QUERY, url, *statements], capture_output=True, text=True, env=variables, timeout=120)
    assert process.returncode in (0, 1), process
    assert "s3cret-word" not in process.stdout + process.stderr
    return Answer(process)


@contextlib.contextmanager
def serving(**settings):
    with Server(SampleEngine(), Settings(**settings)) as server:
        yield server
        assert server.problems == []


def url(server, host="localhost", user="sa@", **options):
    if server.settings.certificate is not None:
        options.setdefault("ca_file", server.certificate.authority)
    text = "&".join(f"{name}={urllib.parse.quote(str(value))}" for name, value in options.items() if value is not None)
    return f"sqlserver://{user}{host}:{server.port}/master?{text}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One for all servers that need no other."""
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


# Encryption: what we ask for, what the server is like, and what becomes of it. None: refused.
@pytest.mark.parametrize(("encrypt", "mode", "tls"), [
    ("strict", "optional", "TLSv1.3"), ("strict", "strict", "TLSv1.3"), ("strict", "none", None),
    ("true", "optional", "TLSv1.2"), ("true", "required", "TLSv1.2"), ("true", "login_only", None),
    ("true", "none", None), ("true", "strict", None),
    ("login", "optional", ""), ("login", "login_only", ""), ("login", "required", "TLSv1.2"), ("login", "none", None),
    ("false", "optional", ""), ("false", "none", ""), ("false", "required", "TLSv1.2"), ("false", "login_only", ""),
])
def test_encryption(encrypt, mode, tls, certificate):
    with serving(encryption=mode, certificate=None if mode == "none" else certificate) as server:
        answer = query(url(server, encrypt=encrypt), WHOLE)
        if tls is None:
            assert f"localhost:{server.port}" in answer.error["error"]
            assert answer.error["hint"]
            # Nobody who does not encrypt as agreed is told the password.
            assert all(seen.hello is None for seen in server.seen)
            return
        assert answer.code == 0, answer.text
        assert answer.server["tls"] == tls
        assert len(answer.rows) > 3
        seen = server.seen[-1]
        assert seen.hello.login.password == "s3cret-word"
        assert seen.is_strict == (encrypt == "strict")
        assert seen.alpn == ("tds/8.0" if encrypt == "strict" else None)
        if mode != "none":
            assert seen.tls_version == ("TLSv1.3" if encrypt == "strict" else "TLSv1.2")
            assert seen.server_name == "localhost"


def test_an_address_is_no_server_name(certificate):
    with serving(certificate=certificate) as server:
        answer = query(url(server, host="127.0.0.1", encrypt="strict"), WHOLE)
        assert answer.code == 0, answer.text
        assert server.seen[-1].server_name is None


@pytest.mark.parametrize("encrypt", ["true", "strict"])
class TestCertificates:
    def test_self_signed(self, encrypt, certificate):
        with serving(certificate=certificate) as server:
            error = query(url(server, encrypt=encrypt, ca_file=None), WHOLE).error
            assert error["kind"] == "denied"
            assert error["error"].endswith("the server's certificate is self-signed")
            assert "ca_file" in error["hint"]
            assert server.seen[-1].hello is None

    def test_wrong_name(self, encrypt, certificate, tmp_path):
        other = Certificate.make(tmp_path, ("db.example.com", "db2.example.com"))
        with serving(certificate=other) as server:
            error = query(url(server, encrypt=encrypt), WHOLE).error
            assert "is for db.example.com, db2.example.com, not for localhost" in error["error"]
            named = query(url(server, encrypt=encrypt, host_name_in_certificate="db2.example.com"), WHOLE)
            assert named.code == 0, named.text
            assert server.seen[-1].server_name == "localhost"

    def test_wrong_address(self, encrypt, tmp_path):
        with serving(certificate=Certificate.make(tmp_path, ("localhost",))) as server:
            error = query(url(server, host="127.0.0.1", encrypt=encrypt), WHOLE).error
            assert "is for localhost, not for 127.0.0.1" in error["error"]

    def test_expired(self, encrypt, tmp_path):
        with serving(certificate=expired(tmp_path)) as server:
            error = query(url(server, encrypt=encrypt), WHOLE).error
            assert error["kind"] == "denied"
            assert "the server's certificate expired on 2020-01-31" in error["error"]

    def test_of_an_authority_that_is_not_trusted(self, encrypt, certificate, tmp_path):
        with serving(certificate=Certificate.make(tmp_path)) as server:
            error = query(url(server, encrypt=encrypt, ca_file=certificate.authority), WHOLE).error
            assert error["kind"] == "denied"

    def test_a_ca_file_that_is_none(self, encrypt, certificate, tmp_path):
        (tmp_path / "empty.pem").write_text("")
        with serving(certificate=certificate) as server:
            error = query(url(server, encrypt=encrypt, ca_file=tmp_path / "empty.pem"), WHOLE).error
            assert error["kind"] == "invalid"
            assert "empty.pem" in error["error"]


def expired(folder):
    key, made = folder / "key.pem", folder / "expired.pem"
    subprocess.run(["faketime", "2020-01-01", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", made],
                   capture_output=True, check=True)
    return Certificate(made, key, made)


def test_any_certificate_when_told_so(tmp_path):
    with serving(certificate=expired(tmp_path)) as server:
        answer = query(url(server, ca_file=None, encrypt="true", trust_server_certificate="true"), WHOLE)
        assert answer.code == 0, answer.text
        strict = query(url(server, ca_file=None, encrypt="strict", trust_server_certificate="true"), WHOLE)
        assert strict.error["kind"] == "invalid"


@pytest.mark.parametrize("encrypt", ["true", "strict"])
def test_redirections_go_to_the_new_host_by_its_name(encrypt, certificate):
    with serving(certificate=certificate) as last, \
            serving(certificate=certificate, route=("localhost", last.port)) as middle, \
            serving(certificate=certificate, route=("127.0.0.1", middle.port)) as first:
        answer = query(url(first, encrypt=encrypt), WHOLE)
        assert answer.code == 0, answer.text
        assert answer.server["endpoint"] == f"localhost:{last.port}"
        assert [server.seen[-1].server_name for server in (first, middle, last)] == ["localhost", None, "localhost"]
        assert last.seen[-1].hello.login.server == "localhost"


def test_a_redirection_to_oneself_is_told(certificate):
    with serving(certificate=certificate) as server:
        server.settings.route = ("localhost", server.port)
        error = query(url(server), WHOLE).error
        place = f"localhost:{server.port}"
        assert error["error"] == f"the servers redirect in a circle: {place} -> {place}"


def test_a_redirection_to_a_host_that_its_certificate_does_not_name(certificate, tmp_path):
    other = Certificate.make(tmp_path, ("elsewhere.example.com",))
    both = tmp_path / "both.pem"
    both.write_text(certificate.authority.read_text() + other.authority.read_text())
    with serving(certificate=other) as last, \
            serving(certificate=certificate, route=("localhost", last.port)) as first:
        error = query(url(first, ca_file=both), WHOLE).error
        assert f"localhost:{first.port} -> localhost:{last.port}" in error["error"]
        assert "is for elsewhere.example.com, not for localhost" in error["error"]


def test_a_redirection_in_clear_text_is_not_followed_with_a_password(certificate):
    with serving(certificate=certificate) as last, \
            serving(certificate=certificate, route=("localhost", last.port)) as first:
        error = query(url(first, encrypt="login"), WHOLE).error
        assert error["kind"] == "denied"
        assert f"redirects in clear text to localhost:{last.port}" in error["error"]
        assert last.seen == []


def test_read_only_intent(certificate):
    with serving(certificate=certificate) as server:
        query(url(server, ApplicationIntent="ReadOnly"), WHOLE)
        query(url(server), WHOLE)
        assert [seen.hello.login.read_only_intent for seen in server.seen] == [True, False]


def test_what_a_login_says(certificate):
    with serving(certificate=certificate) as server:
        answer = query(url(server, application_name="nightly"), WHOLE)
        assert answer.server["features"] == {"json": True, "utf8": True, "vector": True}
        hello = server.seen[-1].hello
        assert (hello.login.user, hello.login.database) == ("sa", "master")
        assert hello.login.application == "nightly"
        assert hello.packet_bytes == 32767
        assert hello.tds_version == 0x74000004


def test_named_instances(certificate):
    with serving(certificate=certificate) as server, Browser({"SALES": server.port}) as browser:
        tail = f"/master?ca_file={server.certificate.authority}&browser_port={browser.port}"
        answer = query(f"sqlserver://sa@localhost%5Csales{tail}", WHOLE)
        assert answer.code == 0, answer.text
        assert answer.server["endpoint"] == f"localhost:{server.port}"
        error = query(f"sqlserver://sa@localhost%5Cnone{tail}&connect_timeout=500ms", WHOLE).error
        assert error["kind"] == "unavailable"
        assert 'the port of instance "none" is not known' in error["error"]


def test_nobody_answers_for_instances():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    error = query(f"sqlserver://sa@127.0.0.1%5Csales/master?browser_port={port}", WHOLE).error
    assert f"127.0.0.1:{port} (UDP) does not answer" in error["error"]
    assert "SQL Server Browser" in error["hint"]


@pytest.mark.parametrize("answer", [b"", b"\x05", b"\x05\xff\xff;;", b"nonsense", b"\x05\x04\x00a;b;",
                                    b"\x05\x1e\x00InstanceName;SALES;tcp;99999;;"])
def test_a_browser_service_that_lies(answer):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        port = service.getsockname()[1]

        def lie():
            with contextlib.suppress(OSError):
                for _ in range(3):
                    _, client = service.recvfrom(100)
                    service.sendto(answer, client)

        thread = threading.Thread(target=lie, daemon=True)
        thread.start()
        error = query(f"sqlserver://sa@127.0.0.1%5Csales/master?browser_port={port}", WHOLE).error
        assert error["kind"] in ("corrupt", "not_found")
        assert "browser service" in error["error"]


@pytest.mark.parametrize(("state", "words"), [(1, "its own error log"), (8, "the password is wrong"), (5, "no such user"),
                                              (58, "Windows logins only"), (7, "disabled")])
def test_refused_logins_are_explained(state, words, certificate):
    with serving(certificate=certificate) as server:
        server.faults.add(Fault("login_error", number=18456, state=state))
        error = query(url(server), WHOLE).error
        assert error["kind"] == "denied"
        assert f"server message 18456 (level 14, state {state}, line 1)" in error["error"]
        assert words in error["hint"]


def test_a_database_that_cannot_be_opened(certificate):
    with serving(certificate=certificate) as server:
        server.faults.add(Fault("login_error", number=4060))
        assert query(url(server), WHOLE).error["kind"] == "denied"


class Tokens(http.server.BaseHTTPRequestHandler):
    """Stands for Entra ID and for the identity service of a machine in Azure."""

    def answer(self, body=b""):
        self.server.asked.append((self.command, self.path, dict(self.headers), body.decode()))
        status, content = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def tokens(*answers):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as service:
        service.asked, service.answers = [], list(answers) or [(200, {"access_token": "t0ken", "expires_in": "3600"})]
        service.url = f"http://127.0.0.1:{service.server_port}"
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield service
        service.shutdown()
        thread.join()


class TestTokens:
    def test_given(self, certificate):
        with serving(certificate=certificate) as server:
            answer = query(url(server, user="", authentication="ActiveDirectoryAccessToken"), WHOLE,
                           environment={"TIDEMARK_ACCESS_TOKEN": "t0ken"})
            assert answer.code == 0, answer.text
            assert server.seen[-1].hello.login.token == "t0ken"
            assert server.seen[-1].hello.login.password == ""

    def test_from_a_command(self, certificate):
        with serving(certificate=certificate) as server:
            for command in ("echo t0ken", "printf '{\"accessToken\": \"t0ken\"}'"):
                answer = query(url(server, user="", token_command=command), WHOLE)
                assert answer.code == 0, answer.text
                assert server.seen[-1].hello.login.token == "t0ken"

    @pytest.mark.parametrize(("command", "words"), [("exit 3", "exit code 3"), ("true", "prints no token"),
                                                    ("echo please log in", "prints no token"), ("kill -9 $$", "signal 9"),
                                                    ("yes", "prints more than")])
    def test_a_command_that_fails(self, command, words, certificate):
        with serving(certificate=certificate) as server:
            error = query(url(server, user="", token_command=command), WHOLE).error
            assert words in error["error"]
            assert "please" not in error["error"]

    def test_managed_identity_of_a_container(self, certificate):
        with serving(certificate=certificate) as server, tokens() as service:
            answer = query(url(server, user="", authentication="ActiveDirectoryManagedIdentity", client_id="one"), WHOLE,
                           environment={"IDENTITY_ENDPOINT": service.url + "/msi/token", "IDENTITY_HEADER": "hush"})
            assert answer.code == 0, answer.text
            _, path, headers, _ = service.asked[0]
            assert path == ("/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fdatabase.windows.net%2F"
                            "&client_id=one")
            assert headers["X-IDENTITY-HEADER"] == "hush"
            assert server.seen[-1].hello.login.token == "t0ken"

    def test_managed_identity_of_a_machine(self, certificate):
        with serving(certificate=certificate) as server, tokens() as service:
            answer = query(url(server, user="", authentication="ActiveDirectoryMSI"), WHOLE,
                           environment={"AZURE_POD_IDENTITY_AUTHORITY_HOST": service.url})
            assert answer.code == 0, answer.text
            _, path, headers, _ = service.asked[0]
            assert path.startswith("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=")
            assert headers["Metadata"] == "true"

    def test_client_secret(self, certificate):
        with serving(certificate=certificate) as server, tokens() as service:
            answer = query(url(server, user="app%40tenant@", authentication="ActiveDirectoryServicePrincipal"), WHOLE,
                           environment={"AZURE_AUTHORITY_HOST": service.url})
            assert answer.code == 0, answer.text
            method, path, _, body = service.asked[0]
            assert (method, path) == ("POST", "/tenant/oauth2/v2.0/token")
            assert urllib.parse.parse_qs(body) == {
                "grant_type": ["client_credentials"], "client_id": ["app"], "client_secret": ["s3cret-word"],
                "scope": ["https://database.windows.net/.default"]}
            assert server.seen[-1].hello.fed_auth_library == 1

    def test_client_secret_where_the_server_says(self, certificate):
        with tokens() as service, serving(certificate=certificate, sts_url=service.url + "/its-tenant",
                                          resource="https://db.example/") as server:
            answer = query(url(server, user="app@", authentication="ActiveDirectoryServicePrincipal"), WHOLE)
            assert answer.code == 0, answer.text
            _, path, _, body = service.asked[0]
            assert path == "/its-tenant/oauth2/v2.0/token"
            assert urllib.parse.parse_qs(body)["scope"] == ["https://db.example/.default"]
            assert server.seen[-1].hello.fed_auth_library == 2
            assert server.seen[-1].hello.login.token == "t0ken"

    def test_a_secret_is_not_sent_in_clear_text(self, certificate):
        with serving(certificate=certificate, sts_url="http://evil.example/tenant") as server:
            error = query(url(server, user="app@", authentication="ActiveDirectoryServicePrincipal"), WHOLE).error
            assert "is no place to send a client secret to" in error["error"]

    def test_refused(self, certificate):
        refusal = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret.\r\nTrace: 1"}
        with serving(certificate=certificate) as server, tokens((401, refusal)) as service:
            error = query(url(server, user="app%40tenant@", authentication="ActiveDirectoryServicePrincipal"), WHOLE,
                          environment={"AZURE_AUTHORITY_HOST": service.url}).error
            assert error["kind"] == "denied"
            assert error["error"].endswith("answered 401: AADSTS7000215: Invalid client secret.")
            assert len(service.asked) == 1

    def test_busy_services_are_asked_again(self, certificate):
        good = (200, {"access_token": "t0ken", "expires_on": "9999999999"})
        with serving(certificate=certificate) as server, tokens((503, {}), (429, {}), good) as service:
            answer = query(url(server, user="", authentication="ActiveDirectoryMSI"), WHOLE,
                           environment={"AZURE_POD_IDENTITY_AUTHORITY_HOST": service.url})
            assert answer.code == 0, answer.text
            assert len(service.asked) == 3


@pytest.mark.parametrize("encrypt", ["true", "strict", "false"])
def test_a_cut_anywhere_in_handshake_and_login(encrypt, certificate):
    """Between us and the server something cuts after so many bytes: always one sentence, with host and port."""
    with serving(certificate=certificate) as server:
        relayed(server, encrypt, 1 << 30)
        sent = len(relayed.bytes)
        step = max(1, sent // 60)
        for limit in range(0, sent, step):
            answer = relayed(server, encrypt, limit)
            assert answer.error["kind"] == "unavailable", (limit, answer.text)
            assert f"localhost:{relayed.port}" in answer.error["error"]
            assert "\n" not in answer.error["error"]


def relayed(server, encrypt, limit):
    """A query over something that carries at most `limit` bytes from the server to us, and then cuts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relayed.port, relayed.bytes = listener.getsockname()[1], b""

        def carry():
            client, _ = listener.accept()
            with client, socket.create_connection(("127.0.0.1", server.port)) as upstream:
                def up():
                    with contextlib.suppress(OSError):
                        while part := client.recv(65536):
                            upstream.sendall(part)
                        upstream.shutdown(socket.SHUT_WR)

                thread = threading.Thread(target=up, daemon=True)
                thread.start()
                left = limit
                with contextlib.suppress(OSError):
                    while left and (part := upstream.recv(min(65536, left))):
                        relayed.bytes += part
                        left -= len(part)
                        client.sendall(part)
                    client.shutdown(socket.SHUT_RDWR)
                thread.join()

        thread = threading.Thread(target=carry)
        thread.start()
        answer = query(f"sqlserver://sa@localhost:{relayed.port}/master?encrypt={encrypt}"
                       f"&ca_file={server.certificate.authority}", WHOLE)
        thread.join()
        return answer


class TestFaults:
    def test_an_error_after_rows(self, certificate):
        with serving(certificate=certificate) as server:
            server.faults.add(Fault("error", match="sample.int", number=1205, rows=2))
            answer = query(url(server), WHOLE, WHOLE)
            assert answer.error["kind"] == "unavailable"
            assert "server message 1205 (level 13" in answer.error["error"]
            assert answer.error["usable"]

    def test_a_disconnect_after_bytes(self, certificate):
        with serving(certificate=certificate) as server:
            for place in (1, 20, 60):
                server.faults.add(Fault("disconnect", match="sample.int", bytes=place))
                answer = query(url(server), WHOLE)
                assert answer.error["kind"] == "unavailable"
                assert f"localhost:{server.port}" in answer.error["error"]
                assert not answer.error["usable"]

    def test_a_statement_that_takes_too_long_is_cancelled(self, certificate):
        with serving(certificate=certificate) as server:
            server.faults.add(Fault("stall", match="sample.int"))
            answer = query(url(server, query_timeout="200ms"), WHOLE, WHOLE)
            assert "no answer within 200 ms" in answer.errors[0]["error"]
            assert answer.errors[0]["usable"]
            assert len(answer.errors) == 1
            assert len(answer.rows) > 3
            assert server.seen[-1].attentions == 1

    def test_a_packet_length_that_lies(self, certificate):
        with serving(certificate=certificate) as server:
            for length in (0, 7, 9, 65535):
                server.faults.add(Fault("packet_length", match="sample.int", number=length))
                answer = query(url(server, query_timeout="300ms"), WHOLE)
                assert answer.code == 1, (length, answer.text)

    def test_throttled_at_the_login(self, certificate):
        with serving(certificate=certificate) as server:
            server.faults.add(Fault("login_error", number=40613))
            error = query(url(server), WHOLE).error
            assert error["kind"] == "unavailable"
            assert "wake up" in error["hint"]


@pytest.mark.parametrize(("address", "words"), [
    ("sqlserver://localhost/db", "no user is named"),
    ("sqlserver://sa@localhost/db?encrpyt=true", "no connection option"),
    ("sqlserver://sa@localhost/db?encrypt=perhaps", "not possible"),
    ("sqlserver://sa:s3cret-word/s3cret-word@localhost/db", "names no server"),
    ("sqlserver://sa:s3cret-word?s3cret-word@localhost/db", "names no server"),
    ("sqlserver://sa:1?s3cret-word@localhost/db", "is no option"),
    ("sqlserver://sa:s3cret-word%zz@localhost/db", "hexadecimal"),
    ("postgresql://sa@localhost/db", "sqlserver://"),
])
def test_addresses_that_are_none(address, words):
    error = query(address, WHOLE).error
    assert error["kind"] == "invalid"
    assert words in error["error"] + error["hint"]
