"""What became of the tests of an outside judge: the page that says it, and the ratchet.

A judge collects {test: (outcome, why)} with the outcomes pass, fail, skip, and calls settle. Two files lie beside each judge:
reasons.txt has "regular expression | why" a line (with a space on both sides of the bar), for tests that fail or are skipped by decision; passed.txt lists the tests that have
passed once, and may not fail again. With update the page and passed.txt are written; without, they must say what the run found.
"""
import os
import re
import sys

TITLES = (("fail", "Failed"), ("skip", "Skipped"), ("out", "Left out by decision"))


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [x.strip() for x in f if x.strip() and not x.startswith("#")]


def read_page(path):
    """The counts of a page, by area, and its tests that did not pass, each with its outcome."""
    counts, tests, part = {}, {}, None
    keys = {title: key for key, title in TITLES}
    for x in lines_raw(path):
        if x.startswith("## "):
            part = keys.get(x[3:])
        elif x.startswith("| ") and not x.startswith(("| area", "| test")):
            cells = [c.strip() for c in re.split(r"(?<!\\)\|", x)[1:-1]]
            if part:
                tests[cells[0]] = part
            else:
                counts[cells[0]] = cells[1:]
    return counts, tests


def lines_raw(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return f.read().splitlines()


def settle(judge, results, area, page, intro, folder, update):
    """Writes or compares the page and passed.txt, prints a summary, and answers whether all is as it should be.

    judge names it in what is printed; area tells the area of a test; intro is the text above the table.
    """
    decided = [tuple(p.strip() for p in x.rsplit(" | ", 1)) for x in lines(os.path.join(folder, "reasons.txt"))]
    rows = {"pass": [], "fail": [], "skip": [], "out": []}
    used = set()
    for test, (outcome, why) in sorted(results.items()):
        reason = next(((p, w) for p, w in decided if re.search(p, test)), None)
        if reason and outcome != "pass":
            used.add(reason[0])
            outcome, why = "out", reason[1]
        rows[outcome].append((test, why.replace("|", "\\|")[:240]))
    order = sorted({area(t) for t in results})
    counts = {a: [str(sum(area(t) == a for t, _ in rows[k])) for k in rows] for a in order}
    text = "# %s\n\n%s\n\n| area | passed | failed | skipped | left out by decision |\n|---|---|---|---|---|\n" % (judge, intro.strip())
    text += "".join("| %s | %s |\n" % (a, " | ".join(c)) for a, c in counts.items())
    for key, title in TITLES:
        if rows[key]:
            text += "\n## %s\n\n| test | why |\n|---|---|\n" % title + "".join("| %s | %s |\n" % r for r in rows[key])
    passed = os.path.join(folder, "passed.txt")
    good = {t for t, _ in rows["pass"]}
    wrong = ["%s has passed before: %s %s" % (t, *next(((k, w) for k in ("fail", "skip", "out") for n, w in rows[k] if n == t), ("did not run", "")))
             for t in lines(passed) if t not in good]
    if update and not wrong:
        with open(page, "w") as out:
            out.write(text)
        with open(passed, "w") as out:
            out.write("# Tests that pass, and may not fail again. The run with --update writes this file, if it loses none.\n")
            out.writelines("%s\n" % x for x in sorted(good))
    elif not update:
        old_counts, old_tests = read_page(page)
        here = {t: k for k, _ in TITLES for t, _ in rows[k]}
        if old_counts != counts or old_tests != here:
            wrong.append("%s is not what this run found; it wants to be written anew, with --update" % os.path.basename(page))
            for t in sorted(set(old_tests) ^ set(here) | {t for t in here if old_tests.get(t, here[t]) != here[t]}):
                wrong.append("  %s: the page has %s, the run %s" % (t, old_tests.get(t, "passed"), here.get(t, "passed")))
    for t, why in rows["fail"]:
        print("FAIL %s: %s" % (t, why))
    for x in wrong:
        print(x)
    for p, _ in decided:
        if p not in used:
            print("reasons.txt: nothing is left out for %r" % p)
    print("%s: %d passed, %d failed, %d skipped, %d left out by decision" % (judge, *(len(rows[k]) for k in ("pass", "fail", "skip", "out"))))
    totals = os.environ.get("VERDICTS")
    if totals:
        with open(totals, "a") as out:
            out.write("%d %d %d\n" % (len(rows["pass"]), len(rows["fail"]), len(rows["skip"]) + len(rows["out"])))
    sys.stdout.flush()
    return not wrong
