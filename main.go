// Command hypernova is the whole cloud: every service, every tool, one static binary.
package main

import (
	"context"
	"os"

	"hypernova/app/cli"
)

// version is set by the release build.
var version = "devel"

func main() {
	os.Exit(cli.Main(context.Background(), cli.Env{Args: os.Args, Environ: os.Environ(), Out: os.Stdout, Err: os.Stderr,
		Version: version}))
}
