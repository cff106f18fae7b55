package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const events = `{"ImportPath":"m/broken","Action":"build-output","Output":"broken.go:1: no\n"}
{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestOne"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"=== RUN   TestOne\n"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"a log line\n"}
{"Action":"pass","Package":"m/a","Test":"TestOne","Elapsed":0.5}
{"Action":"run","Package":"m/a","Test":"TestTwo"}
{"Action":"output","Package":"m/a","Test":"TestTwo","Output":"--- SKIP: TestTwo\n"}
{"Action":"skip","Package":"m/a","Test":"TestTwo"}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.500s\n"}
{"Action":"pass","Package":"m/a","Elapsed":0.5}
{"Action":"start","Package":"m/b"}
{"Action":"run","Package":"m/b","Test":"TestThree"}
{"Action":"run","Package":"m/b","Test":"TestFour"}
{"Action":"output","Package":"m/b","Test":"TestFour","Output":"    b_test.go:7: wrong\n"}
{"Action":"output","Package":"m/b","Test":"TestFour","Output":"--- FAIL: TestFour (2.00s)\n"}
{"Action":"fail","Package":"m/b","Test":"TestFour","Elapsed":2}
{"Action":"output","Package":"m/b","Test":"TestThree","Output":"quiet\n"}
{"Action":"pass","Package":"m/b","Test":"TestThree","Elapsed":2}
{"Action":"output","Package":"m/b","Output":"FAIL\n"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t2.500s\n"}
{"Action":"fail","Package":"m/b","Elapsed":2.5}
{"Action":"start","Package":"m/broken"}
{"Action":"output","Package":"m/broken","Output":"FAIL\tm/broken [build failed]\n"}
{"Action":"fail","Package":"m/broken","Elapsed":0,"FailedBuild":"m/broken"}
{"Action":"output","Package":"m/none","Output":"?   \tm/none\t[no test files]\n"}
{"Action":"skip","Package":"m/none","Elapsed":0}
go: a word of its own
`

func TestOutputIsThatOfGoTest(t *testing.T) {
	t.Parallel()
	var out, kept bytes.Buffer
	if err := follow(strings.NewReader(events), &out, &kept); err != nil {
		t.Fatal(err)
	}
	want := "broken.go:1: no\nok  \tm/a\t0.500s\n    b_test.go:7: wrong\n--- FAIL: TestFour (2.00s)\nFAIL\nFAIL\tm/b\t2.500s\nFAIL\tm/broken [build failed]\ngo: a word of its own\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &out, want)
	}
	again := `{"Package":"m/a","Seconds":3.25,"Passed":4}` + "\n" // another run
	var table bytes.Buffer
	if err := printTable(&table, strings.NewReader(kept.String()+again)); err != nil {
		t.Fatal(err)
	}
	want = "the slowest of 3 packages:\n     3.8 s     6 tests  m/a\n     2.5 s     2 tests  m/b\n     0.0 s     1 tests  m/broken\n6 passed, 2 failed, 1 skipped\n"
	if table.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &table, want)
	}
}

func TestRunningTestsAreNamed(t *testing.T) {
	t.Parallel()
	var out, kept bytes.Buffer
	p := newPrinter(&out, &kept)
	for _, line := range strings.SplitAfter(events, "\n")[1:7] {
		if _, err := p.line([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.tell(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if want := "03:04:05  m/a is at TestTwo, 1 done\n"; out.String() != want || kept.Len() != 0 {
		t.Errorf("got %q and %q, want %q", &out, &kept, want)
	}
}
