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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on their default effect is back, so that a second one
	// ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
