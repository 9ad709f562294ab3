package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/urfave/cli/v3"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // something could not be done, and can be tried again
	exitUsage   = 2 // trying again would not help
)

func main() {
	// AZURE_SDK_GO_LOGGING would have Azure's SDK print requests and answers to
	// standard error, people's ids in them.
	azlog.SetListener(nil)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t := &tool{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	status := t.run(ctx, os.Args)
	stop()
	os.Exit(status)
}

// A tool is the program with what surrounds it.
type tool struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	httpClient     *http.Client // nil: the default of each package
}

// run is the program: it does what args ask for, and returns the exit status.
func (t *tool) run(ctx context.Context, args []string) int {
	err := t.command().Run(ctx, args)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(t.stderr, "acsauth: %s\n", strings.TrimPrefix(err.Error(), "acsauth: ")) // the package's name, too
	var usage *usageError
	var unknownTopic cli.ExitCoder // what "help" answers, and nothing else of ours
	if errors.As(err, &usage) || errors.As(err, &unknownTopic) {
		return exitUsage
	}
	return exitFailure
}

func (t *tool) command() *cli.Command {
	root := &cli.Command{
		Name:    "acsauth",
		Usage:   "look after the mapping stores of acs-auth-server",
		Version: version(),
		Description: `The store is that of the server, named by the environment variable MAPPING_STORE:
sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or tables:CONNECTION_STRING.
ACS_CONNECTION_STRING, or ACS_ENDPOINT with Microsoft Entra authentication, names
the ACS resource, which is part of every key. MAPPING_STORE_FILE and
ACS_CONNECTION_STRING_FILE can name files to read the two secrets from instead.`,
		EnableShellCompletion: true,
		Reader:                t.stdin,
		Writer:                t.stdout,
		ErrWriter:             t.stderr,
		ExitErrHandler:        func(context.Context, *cli.Command, error) {}, // run does that
		Commands:              []*cli.Command{t.prepare(), t.reconcile(), t.export(), t.importing()},
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return &usageError{fmt.Errorf("there is no command %q; see acsauth --help", name)}
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
	// A command without this prints its help and the mistake, and run prints it again.
	for _, c := range append(root.Commands, root) {
		c.OnUsageError = func(_ context.Context, _ *cli.Command, err error, _ bool) error { return &usageError{err} }
	}
	return root
}

// A usageError is one that its user has to mend before trying again.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// noArguments refuses arguments, which all commands do without.
func noArguments(_ context.Context, c *cli.Command) (context.Context, error) {
	if c.Args().Present() {
		return nil, &usageError{fmt.Errorf("%s takes no arguments, but got %q", c.Name, c.Args().First())}
	}
	return nil, nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(unknown)"
}
