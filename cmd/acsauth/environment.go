package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// settingsHelp is what the help of every command says of settings.
const settingsHelp = `

The settings are those of the server, by the same names, in the environment or in the
file of --config:

  MAPPING_STORE            the store: sqlite:FILE, tables:CONNECTION_STRING or
                           postgres://USER:PASSWORD@HOST/DATABASE
  ACS_CONNECTION_STRING    the ACS resource, with an access key; or
  ACS_ENDPOINT             its address: then acsauth signs in to Microsoft Entra ID, as az,
                           as a managed identity or with the AZURE_* variables
  AZURE_CLOUD              with ACS_ENDPOINT: public (the default), usgov or china
  AZURE_AUTHORITY_HOST     with ACS_ENDPOINT: address of Microsoft Entra ID, if it is not
                           that of AZURE_CLOUD
  ACS_ENTRA_SCOPE          with ACS_ENDPOINT: scope to sign in for; required outside the
                           public cloud
  ACS_RESOURCE_ID          immutable id of the ACS resource, which its identities begin
                           with: import leaves out those of other resources

A store keeps the host of the ACS resource with each mapping, so it must be the servers'
resource, by the same name. MAPPING_STORE_FILE and ACS_CONNECTION_STRING_FILE can name
files to read these two from.`

// A finding is where the settings are looked for, and what is wrong with them.
type finding struct {
	layers   []source.Layer
	mistakes []source.Mistake
}

// find begins with what keeps settings from being found.
func (t *tool) find(config string) *finding {
	f := &finding{layers: []source.Layer{source.Environment(t.environ)}}
	if config != "" {
		file, mistakes := source.File(config, func(string) bool { return true }) // most are the server's alone
		f.layers, f.mistakes = append(f.layers, file), mistakes
	}
	return f
}

// value returns the value of a setting, "" if it has none. A placeholder is none, or a
// mistake where the server takes it for one.
func (f *finding) value(k source.Key) string {
	v, placeholder, mistakes := source.Lookup(f.layers, k)
	f.mistakes = append(f.mistakes, mistakes...)
	if placeholder != "" && k.Name == source.MappingStore.Name {
		f.wrong(k, "is still a placeholder: fill it in or remove it (%s)", placeholder)
	}
	return v.Text
}

// wrong reports a mistake, unless there is one about the setting already.
func (f *finding) wrong(k source.Key, format string, args ...any) {
	if !f.has(k) {
		f.mistakes = append(f.mistakes, source.Mistake{Name: k.Name, Text: k.Name + " " + fmt.Sprintf(format, args...)})
	}
}

func (f *finding) has(k source.Key) bool {
	return slices.ContainsFunc(f.mistakes, func(m source.Mistake) bool { return m.Name == k.Name })
}

// A place is what the settings name: where a command works.
type place struct {
	*stores.Store
	identities *acsidentity.Client
	resourceID string // of the ACS resource; "": nobody has said
}

// open opens what the settings name, or reports all that is wrong with them. Unless
// it is to be made, the store must be there and have its tables.
func (t *tool) open(ctx context.Context, config string, toMake bool) (*place, error) {
	f := t.find(config)
	p := &place{identities: t.identities(f), resourceID: f.value(source.ACSResourceID)}
	if p.resourceID != "" && !syntax.IsGUID(p.resourceID) {
		f.wrong(source.ACSResourceID, "must be the immutable id of the ACS resource, a GUID")
	}
	host := "unknown" // then nobody works on the store, but its address is looked at
	if p.identities != nil {
		host = p.identities.Host()
	}
	p.Store = t.store(f, stores.Options{Resource: host, HTTPClient: t.httpClient, Existing: !toMake})
	if len(f.mistakes) > 0 {
		if p.Store != nil {
			_ = p.Close()
		}
		var texts []string
		for _, m := range f.mistakes {
			texts = append(texts, m.Text)
		}
		return nil, &usageError{errors.New(strings.Join(texts, "\n"))}
	}
	if toMake {
		return p, nil
	}
	if err := p.Check(ctx); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// store opens the store, without asking it for anything.
func (t *tool) store(f *finding, o stores.Options) *stores.Store {
	k := source.MappingStore
	address := f.value(k)
	switch {
	case f.has(k):
		return nil
	case address == "":
		f.wrong(k, "is not set: it %v", stores.ErrUnknown)
		return nil
	case stores.Kind(address) == "":
		f.wrong(k, "%v; the stores graph and memory have nothing to look after", stores.ErrUnknown)
		return nil
	}
	store, err := stores.Open(address, o)
	if err != nil {
		f.wrong(k, "%v", err)
	}
	return store
}

// identities returns the client of the ACS resource.
func (t *tool) identities(f *finding) *acsidentity.Client {
	cfg := acsidentity.Config{
		ConnectionString: f.value(source.ACSConnectionString), Endpoint: f.value(source.ACSEndpoint),
		HTTPClient: t.httpClient, Logger: slog.New(slog.DiscardHandler),
	}
	switch {
	case f.has(source.ACSConnectionString) || f.has(source.ACSEndpoint):
		return nil
	case cfg.ConnectionString == "" && cfg.Endpoint == "":
		f.wrong(source.ACSConnectionString, "is not set, nor is ACS_ENDPOINT: one of them must name the ACS resource")
		return nil
	case cfg.ConnectionString != "" && cfg.Endpoint != "":
		f.wrong(source.ACSEndpoint, "is set, and so is ACS_CONNECTION_STRING: remove one of them")
		return nil
	case cfg.Endpoint != "":
		entra := f.entra()
		if entra == nil {
			return nil
		}
		credential, err := entra.credential(t.httpClient)
		if err != nil {
			f.wrong(source.ACSEndpoint, "needs a way to sign in to Microsoft Entra ID: %v", err)
			return nil
		}
		cfg.Credential = acsidentity.BearerToken(signIn(credential, entra.scope))
	}
	client, err := acsidentity.New(cfg)
	if err != nil {
		f.mistakes = append(f.mistakes, source.Blame(err, map[string]string{
			"ConnectionString": source.ACSConnectionString.Name, "Endpoint": source.ACSEndpoint.Name,
		})...)
		return nil
	}
	return client
}

// service returns the service that works on the store as a server does.
func (t *tool) service(p *place, quiet bool) (*acsauth.Service, error) {
	logger := slog.New(slog.DiscardHandler)
	if !quiet {
		logger = slog.New(slog.NewJSONHandler(t.stderr, nil)).With("log", "audit") // as the server marks them
	}
	return acsauth.NewService(acsauth.ServiceConfig{Identities: p.identities, Mapper: p.Store, Logger: slog.New(slog.DiscardHandler), Audit: logger})
}
