"""Reads a subunit stream, writes the table of what became of each test, and fails where a test fails that has passed before.

table.py <stream> <reasons> <passed> <table> <tempest version> <plugin version>

reasons: "regular expression | why" a line, for tests that fail or are skipped by decision; passed: the names of tests that passed once.
"""
import os
import re
import sys

import subunit
import testtools


class Outcomes(testtools.StreamResult):
    def __init__(self):
        super().__init__()
        self.seen = {}
        self.texts = {}

    def status(self, test_id=None, test_status=None, test_tags=None, runnable=True, file_name=None, file_bytes=None, **more):
        if test_id is None:
            return
        if file_name in ("traceback", "reason") and file_bytes:
            text = bytes(file_bytes).decode(errors="replace")
            if text not in self.texts.get(test_id, ""):  # workers write reasons twice
                self.texts[test_id] = self.texts.get(test_id, "") + text
        if test_status in ("success", "fail", "skip"):
            self.seen[test_id] = test_status


def read(path):
    result = Outcomes()
    with open(path, "rb") as stream:
        case = subunit.ByteStreamToStreamResult(stream, non_subunit_name="stdout")
        result.startTestRun()
        case.run(result)
        result.stopTestRun()
    return result


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [x.strip() for x in f if x.strip() and not x.startswith("#")]


def why(text, failed):
    """The last line of a traceback, or the whole of a reason, in one cell."""
    rows = [x.strip() for x in text.strip().splitlines() if x.strip()]
    if not rows:
        return ""
    pick = rows[-1] if not failed else next((x for x in rows if re.match(r"[\w.]*(Exception|Error|NotFound|Forbidden|Request|Conflict|Unauthorized)\b", x)), rows[-1])
    return pick.replace("|", "\\|")[:200]


def name(test):
    return re.sub(r"\[[^]]*\]", "", test)


def main():
    stream, reasons, passed, table, tempest, plugin = sys.argv[1:7]
    result = read(stream)
    decided = [(re.compile(x.split("|", 1)[0].strip()), x.split("|", 1)[1].strip()) for x in lines(reasons)]
    rows = {"success": [], "fail": [], "skip": [], "out": []}
    for test, status in result.seen.items():
        reason = next((w for pattern, w in decided if pattern.search(test)), None)
        if reason and status != "success":
            status = "out"
        rows[status].append((name(test), reason or why(result.texts.get(test, ""), status == "fail")))
    for group in rows.values():
        group.sort()
    with open(table, "w") as out:
        out.write("# Tempest\n\nDebian's tempest %s and keystone-tempest-plugin %s against a cloud of this build, in memory.\n"
                  "Written by `tests/compat/tempest/run`: `make test-compat`.\n\n" % (tempest, plugin))
        out.write("| passed | failed | skipped | left out by decision |\n|---|---|---|---|\n| %d | %d | %d | %d |\n" % tuple(len(rows[k]) for k in rows))
        for key, title in (("fail", "Failed"), ("skip", "Skipped"), ("out", "Left out by decision")):
            if rows[key]:
                out.write("\n## %s\n\n| test | why |\n|---|---|\n" % title)
                out.writelines("| %s | %s |\n" % row for row in rows[key])
        out.write("\n## Passed\n\n")
        out.writelines("- %s\n" % row[0] for row in rows["success"])
    print("%d passed, %d failed, %d skipped, %d left out by decision" % tuple(len(rows[k]) for k in rows))
    for row in rows["fail"]:
        print("FAIL %s: %s" % row)
    good = {row[0] for row in rows["success"]}
    lost = [x for x in lines(passed) if x not in good]
    for x in lost:
        print("this test has passed before: %s" % x)
    if not lost:
        with open(passed, "w") as out:
            out.write("# Tests that pass, and may not fail again. The run writes this file when it loses none.\n")
            out.writelines("%s\n" % x for x in sorted(good))
    sys.exit(bool(lost))


main()
