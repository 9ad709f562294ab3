package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
)

func main() {
	// AZURE_SDK_GO_LOGGING would have Azure's SDK print requests and answers to
	// standard error, people's ids in them, whatever LOG_LEVEL and LOG_FORMAT say.
	azlog.SetListener(nil)
	// Nobody who reads the log, or the audit events, ends the server by going away:
	// what cannot be written is an error like any other.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on their default effect is back, so that a second one
	// ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
