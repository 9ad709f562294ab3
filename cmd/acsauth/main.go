package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/urfave/cli/v3"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
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
	t := &tool{environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	status := t.run(ctx, os.Args)
	stop()
	os.Exit(status)
}

// A tool is the program with what surrounds it.
type tool struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	httpClient     *http.Client // nil: the default of each package
}

// run is the program: it does what args ask for, and returns the exit status.
func (t *tool) run(ctx context.Context, args []string) int {
	out := &checkedWriter{Writer: t.stdout}
	t.stdout = out
	err := t.command().Run(ctx, args)
	if err == nil && out.err != nil {
		err = fmt.Errorf("standard output cannot be written: %w", out.err)
	}
	if err == nil {
		return exitOK
	}
	var unknownTopic cli.ExitCoder // what "help" answers, and nothing else of ours
	if errors.As(err, &unknownTopic) {
		err = &usageError{errors.New("there is no help on that; see acsauth --help")}
	}
	fmt.Fprintf(t.stderr, "acsauth: %s\n", strings.TrimPrefix(err.Error(), "acsauth: ")) // the package's name, too
	var usage *usageError
	var failed acsauth.Failure
	if errors.As(err, &usage) || errors.Is(err, stores.ErrNotPrepared) || errors.As(err, &failed) && failed.FailureKind() == "misconfigured" {
		return exitUsage
	}
	return exitFailure
}

func (t *tool) command() *cli.Command {
	root := &cli.Command{
		Name:                  "acsauth",
		Usage:                 "look after the mapping stores of acs-auth-server",
		Version:               httpx.Version(),
		Description:           "It works on the store of a server, and on the mappings of one ACS resource in it." + settingsHelp,
		Flags:                 []cli.Flag{&cli.StringFlag{Name: "config", OnlyOnce: true, Validator: needsPath, Usage: "find settings in this `FILE` too, as the server does; the environment beats it"}},
		EnableShellCompletion: true,
		Reader:                t.stdin,
		Writer:                t.stdout,
		ErrWriter:             t.stderr,
		ExitErrHandler:        func(context.Context, *cli.Command, error) {}, // run does that
		Commands:              []*cli.Command{t.prepare(), t.reconcile(), t.export(), t.importing()},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() { // which may be anything, a secret too
				return &usageError{errors.New("there is no such command; see acsauth --help")}
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
	// A command without this prints its help and the mistake, and run prints it again.
	for _, c := range append(root.Commands, root) {
		c.OnUsageError = func(_ context.Context, _ *cli.Command, err error, _ bool) error {
			return &usageError{withoutValue(err)}
		}
	}
	return root
}

// wrongValue is what package cli says of the value of a flag.
var wrongValue = regexp.MustCompile(`^invalid value "(?:[^"\\]|\\.)*" for flag -([A-Za-z0-9-]+): `)

// withoutValue returns what is wrong with a flag, without its value.
func withoutValue(err error) error {
	if match := wrongValue.FindStringSubmatch(err.Error()); match != nil {
		return fmt.Errorf("--%s cannot have the value that it has; see --help", match[1])
	}
	return err
}

// A usageError is one that its user has to mend before trying again.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// noArguments refuses arguments, which all commands do without.
func noArguments(_ context.Context, c *cli.Command) (context.Context, error) {
	if c.Args().Present() {
		return nil, &usageError{fmt.Errorf("%s takes no arguments, besides flags", c.Name)}
	}
	return nil, nil
}

// A checkedWriter remembers the first failure, so that not everybody who writes has to
// look.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// needsPath refuses what a variable leaves that is not set: nobody meant no file.
func needsPath(path string) error {
	if path == "" {
		return errors.New("it needs the path of a file")
	}
	return nil
}
