"""The test server from a shell: python -m tds_server [--encryption required] [--port 0] [--certificate FILE]

Prints one line of JSON when it listens, then serves until its standard input ends.
"""

from __future__ import annotations

import argparse
import json
import sys

from .browser import Browser
from .samples import SampleEngine
from .server import ENCRYPTION, Engine, Server, Settings


def _engine(name: str) -> Engine:
    if name == "samples":
        return SampleEngine()
    from .engine import Engine as TableEngine  # type: ignore[import-not-found, unused-ignore]
    engine: Engine = TableEngine()
    return engine


def main() -> int:
    parser = argparse.ArgumentParser(prog="tds_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--encryption", choices=ENCRYPTION, default="optional")
    parser.add_argument("--engine", choices=("tables", "samples"), default="tables")
    parser.add_argument("--route", metavar="HOST:PORT", help="send every login on to there")
    parser.add_argument("--browser", type=int, metavar="PORT", help="answer for this server's instance by UDP")
    parser.add_argument("--instance", default="TIDEMARK")
    arguments = parser.parse_args()
    settings = Settings(encryption=arguments.encryption)
    if arguments.route:
        host, _, port = arguments.route.rpartition(":")
        settings.route = (host, int(port))
    with Server(_engine(arguments.engine), settings, arguments.port) as server:
        line = {"listening on": f"{server.host}:{server.port}"}
        if settings.certificate is not None:
            line["certificate"] = str(settings.certificate.authority)
        browser = None
        if arguments.browser is not None:
            browser = Browser({arguments.instance: server.port}, arguments.browser).start()
            line["browser"] = str(browser.port)
        print(json.dumps(line), flush=True)
        sys.stdin.read()
        if browser is not None:
            browser.close()
        for problem in server.problems:
            print(problem, file=sys.stderr)
    return 1 if server.problems else 0


if __name__ == "__main__":
    sys.exit(main())
