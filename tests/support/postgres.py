"""A PostgreSQL of Debian's, on a free port of this machine alone, for as long as a test needs it."""

import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile


def programs():
    """The folder of the newest PostgreSQL's programs; None: it is not installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class Server:
    def __init__(self, bin_folder, port, folder, user):
        self.bin, self.port, self.folder, self.user = bin_folder, port, folder, user

    def run(self, program, *words, **options):
        """As the server's own user: it refuses to be started by root."""
        done = subprocess.run([str(self.bin / program), *map(str, words)], user=self.user, cwd=self.folder,
                              capture_output=True, timeout=120, **options)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def psql(self, *words, **options):
        return self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port, "-U", "test",
                        "-d", "postgres", *words, **options)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged_user():
    """Whom to become; None: this process is nobody special already."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    return 65534


@contextlib.contextmanager
def server():
    user = unprivileged_user()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-postgres-"))
    try:
        folder.chmod(0o700)
        if user is not None:
            os.chown(folder, user, -1)
        it = Server(programs(), free_port(), folder, user)
        it.run("initdb", "-D", folder / "data", "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        it.run("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o",
               f"-p {it.port} -h 127.0.0.1 -k {folder} -c fsync=off", "start", )
        try:
            yield it
        finally:
            it.run("pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
