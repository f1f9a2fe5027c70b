"""Adds up the test reports of one folder, shows what failed, and ends with `N passed, N failed`.

A program's log without its report is a program that died: counted as one failure.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LOG_LINES_SHOWN = 40


def outcome(case):
    """passed, failed or skipped; None for a test that the filter left out."""
    if case.get("status") == "notrun":
        return None
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("result") == "skipped":
        return "skipped"
    return "passed"


def text_of(case):
    parts = []
    for node in [*case.findall("failure"), *case.findall("error")]:
        parts.append((node.text or node.get("message") or "").strip())
    return "\n".join(parts)


def reason_of(case):
    skipped = case.find("skipped")
    return skipped.get("message", "") if skipped is not None else ""


def main(folder):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for log in sorted(folder.glob("*.log")):
        report = log.with_suffix(".xml")
        try:
            cases = list(ElementTree.parse(report).getroot().iter("testcase"))
        except (OSError, ElementTree.ParseError):
            counts["failed"] += 1
            tail = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            print(f"\nFAILED {log.stem}: it did not come to its end\n" + "\n".join(tail))
            continue
        for case in cases:
            result = outcome(case)
            if result is None:
                continue
            counts[result] += 1
            name = f"{case.get('classname')}.{case.get('name')}"
            if result == "failed":
                print(f"\nFAILED {log.stem}: {name}\n{text_of(case)}")
            elif result == "skipped":
                print(f"skipped {log.stem}: {name}: {reason_of(case)}")
    ran = counts["passed"] + counts["failed"]
    if ran == 0:
        print("no test has run")
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    return 1 if counts["failed"] or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
