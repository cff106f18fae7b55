// Command testsum prints the output of "go test -json" as go test does, with a line now and then about running tests,
// and counts the tests of several runs.
//
//	go test -json ./... | testsum -keep FILE     as go test prints it; the counts are added to FILE
//	testsum -table FILE                          the slowest packages of all runs, and the sum
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// tellEvery is the time without output after which a line names the running tests.
const tellEvery = 30 * time.Second

func main() {
	keep := flag.String("keep", "", "file to which what the tests on standard input did is added")
	table := flag.String("table", "", "file of which the table is to be printed")
	flag.Parse()
	err := func() error {
		if *table != "" {
			f, err := os.Open(*table)
			if err != nil {
				return err
			}
			defer f.Close()
			return printTable(os.Stdout, f)
		}
		f, err := os.OpenFile(*keep, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		err = follow(os.Stdin, os.Stdout, f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

// follow reads events from in until it ends, prints them to out and writes the counts to kept.
func follow(in io.Reader, out, kept io.Writer) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(lines)
		r := bufio.NewReader(in)
		for {
			line, err := r.ReadBytes('\n')
			if len(line) > 0 {
				lines <- line
			}
			if err != nil {
				if err == io.EOF {
					err = nil
				}
				ended <- err
				return
			}
		}
	}()
	p := newPrinter(out, kept)
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return <-ended
			}
			printed, err := p.line(line)
			if err != nil {
				return err
			}
			if printed {
				tell.Reset(tellEvery)
			}
		case now := <-tell.C:
			if err := p.tell(now); err != nil {
				return err
			}
		}
	}
}
