"""Reads what tempest found, as a subunit stream, and judges it.

judge.py <stream> <page> <intro> <update: yes or no> <alone: yes if these are not all tests, so that nothing is compared>
"""
import os
import re
import sys

import subunit
import testtools

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import verdict  # noqa: E402


class Outcomes(testtools.StreamResult):
    def __init__(self):
        super().__init__()
        self.seen = {}
        self.texts = {}

    def status(self, test_id=None, test_status=None, file_name=None, file_bytes=None, **more):
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


def why(text, failed):
    """The line of a traceback that names the error, or the whole of a reason, in one line."""
    rows = [x.strip() for x in text.strip().splitlines() if x.strip()]
    if not rows:
        return ""
    if not failed:
        return rows[-1]
    error = re.compile(r"[\w.]*(Exception|Error|NotFound|Forbidden|Request|Conflict|Unauthorized)\b")
    return next((" ".join(rows[n:n + 2]) for n, x in enumerate(rows) if error.match(x)), rows[-1])


def area(test):
    parts = re.sub(r"^\w+ \(|\)$", "", test).split(".")
    return ".".join(parts[:3]) if parts[0] == "tempest" else ".".join(parts[:1] + parts[2:3])


def main():
    stream, page, intro, update, alone = sys.argv[1:6]
    found = read(stream)
    kinds = {"success": "pass", "fail": "fail", "skip": "skip"}
    results = {}
    for test, status in found.seen.items():
        results[re.sub(r"\[[^]]*\]", "", test)] = (kinds[status], why(found.texts.get(test, ""), status == "fail"))
    if alone == "yes":
        for test, (outcome, reason) in sorted(results.items()):
            print(outcome, test, reason)
        sys.exit(any(o == "fail" for o, _ in results.values()))
    intro += "\nWritten by `tests/compat/tempest/run --update`: `make test-compat UPDATE=1`."
    sys.exit(not verdict.settle("Tempest", results, area, page, intro, here, update == "yes"))


main()
