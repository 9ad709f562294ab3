package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// mistakes are what is wrong with the environment. None of them repeats a value.
type mistakes []error

func (m *mistakes) add(name, format string, args ...any) {
	*m = append(*m, fmt.Errorf(name+" "+format, args...))
}

// open opens the store and the client of the ACS resource that the environment
// names, or reports all that is wrong with it.
func (t *tool) open() (*stores.Store, *acsidentity.Client, error) {
	var wrong mistakes
	address := t.address(&wrong)
	identities := t.identities(&wrong)
	if len(wrong) > 0 {
		return nil, nil, &usageError{errors.Join(wrong...)}
	}
	store, err := stores.Open(address, stores.Options{Resource: identities.Host(), HTTPClient: t.httpClient})
	if err != nil {
		return nil, nil, &usageError{fmt.Errorf("MAPPING_STORE %w", err)}
	}
	return store, identities, nil
}

// address returns that of the store.
func (t *tool) address(wrong *mistakes) string {
	address, ok := t.secret("MAPPING_STORE", wrong)
	switch {
	case !ok:
	case address == "":
		wrong.add("MAPPING_STORE", "is not set: it %w", stores.ErrUnknown)
	case stores.Kind(address) == "":
		wrong.add("MAPPING_STORE", "%w; the stores graph and memory have nothing to look after", stores.ErrUnknown)
	}
	return address
}

// secret returns the value of a variable, or of the file that NAME_FILE names. It
// is not ok if a mistake has been found.
func (t *tool) secret(name string, wrong *mistakes) (value string, ok bool) {
	value, file := t.getenv(name), t.getenv(name+"_FILE")
	switch {
	case file == "":
		return value, true
	case value != "":
		wrong.add(name, "is set, and so is %s_FILE: remove one of them", name)
		return "", false
	}
	content, err := os.ReadFile(file)
	value = strings.TrimSpace(string(content))
	switch {
	case err != nil:
		wrong.add(name+"_FILE", "names a file that cannot be read: %w", err)
	case value == "":
		wrong.add(name+"_FILE", "names an empty file")
	}
	return value, value != ""
}

// identities returns the client of the ACS resource.
func (t *tool) identities(wrong *mistakes) *acsidentity.Client {
	connectionString, ok := t.secret("ACS_CONNECTION_STRING", wrong)
	cfg := acsidentity.Config{
		ConnectionString: connectionString, Endpoint: t.getenv("ACS_ENDPOINT"),
		HTTPClient: t.httpClient, Logger: slog.New(slog.DiscardHandler),
	}
	switch {
	case !ok:
		return nil
	case connectionString == "" && cfg.Endpoint == "":
		wrong.add("ACS_CONNECTION_STRING", "is not set, nor is ACS_ENDPOINT: one of them must name the ACS resource")
		return nil
	case connectionString != "" && cfg.Endpoint != "":
		wrong.add("ACS_ENDPOINT", "is set, and so is ACS_CONNECTION_STRING: remove one of them")
		return nil
	case cfg.Endpoint != "":
		credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: newTransport(t.httpClient)}})
		if err != nil {
			wrong.add("ACS_ENDPOINT", "needs a way to sign in to Microsoft Entra ID: %w", err)
			return nil
		}
		cfg.Credential = acsidentity.BearerToken(t.signIn(credential))
	}
	client, err := acsidentity.New(cfg)
	if err != nil {
		wrong.add("ACS_CONNECTION_STRING or ACS_ENDPOINT:", "%w", err)
	}
	return client
}

// signIn gets tokens for ACS the way az, a managed identity or the environment can.
func (t *tool) signIn(credential azcore.TokenCredential) func(context.Context) (string, error) {
	scope := cmp.Or(t.getenv("ACS_ENTRA_SCOPE"), acsidentity.EntraScope)
	return func(ctx context.Context) (string, error) {
		token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		return token.Token, err
	}
}

// service returns the service that works on the store as a server does.
func (t *tool) service(store *stores.Store, identities *acsidentity.Client, quiet bool) (*acsauth.Service, error) {
	logger := slog.New(slog.DiscardHandler)
	if !quiet {
		logger = slog.New(slog.NewJSONHandler(t.stderr, nil))
	}
	return acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: store, Logger: slog.New(slog.DiscardHandler), Audit: logger})
}
