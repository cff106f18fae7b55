// Command hypernova is the whole cloud: every service, every tool, one static binary.
package main

import (
	"context"
	"os"
	"runtime"

	"hypernova/app/cli"
)

// version is set by the release build.
var version = "devel"

func main() {
	runtime.MemProfileRate = 0 // [DEFAULT] pprof_listen sets it
	os.Exit(cli.Main(context.Background(), cli.Env{Args: os.Args, Environ: os.Environ(), Out: os.Stdout, Err: os.Stderr,
		Version: version}))
}
