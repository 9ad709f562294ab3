package acsauth_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// A server that runs for long loads the signing keys before a request needs them, and
// ends without leaving an identity half-made.
func Example_server() {
	identities, err := acsidentity.New(acsidentity.Config{ConnectionString: os.Getenv("ACS_CONNECTION_STRING")})
	if err != nil {
		log.Fatal(err)
	}
	service, err := acsauth.NewService(acsauth.ServiceConfig{
		Identities: identities,
		Mapper:     new(acsauth.MemoryMapper), // for trials: see the packages of stores
	})
	if err != nil {
		log.Fatal(err)
	}
	authenticator, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID: os.Getenv("AZURE_TENANT_ID"),
		ClientID: os.Getenv("AZURE_CLIENT_ID"),
	})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := acsauth.NewHandler(acsauth.HandlerConfig{Authenticator: authenticator, Service: service})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { _ = authenticator.Run(ctx) }() // it ends when ctx does, and only then
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
			stop()
		}
	}()
	<-ctx.Done()

	// Requests first, then operations whose callers have gone away: those can take 23
	// seconds with the Service's default Timeout.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := errors.Join(server.Shutdown(ctx), service.Close(ctx)); err != nil {
		log.Print(err)
	}
}
