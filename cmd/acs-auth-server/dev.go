package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// runDev runs the server against an embedded cloud. Nothing else in the server
// knows of it: it is where the settings point to.
func runDev(ctx context.Context, c command, env source.Layer, stdout, stderr io.Writer, p *problems) int {
	layers, ignored := sources(c, env, p)
	embedded, err := cloud.Start(cloud.Config{})
	if err != nil {
		fmt.Fprintf(stderr, "acs-auth-server: starting the embedded cloud: %v\n", err)
		return exitFailure
	}
	defer func() { _ = embedded.Close() }()
	caFile, err := writeTemp("acs-auth-server-dev-*.pem", embedded.CAPEM())
	if err != nil {
		fmt.Fprintf(stderr, "acs-auth-server: writing the embedded cloud's certificate: %v\n", err)
		return exitFailure
	}
	defer func() { _ = os.Remove(caFile) }()

	azure := devSettings(embedded)
	layers = append(layers, azure)
	s := load(layers, true, p)
	certFile := s.tlsCertFile // which the other terminal may have to look for from elsewhere
	if path, err := filepath.Abs(certFile); certFile != "" && err == nil {
		certFile = path
	}
	s.stdout = stdout
	return serve(ctx, s, embedded.HTTPClient(), stderr, p, func(addr net.Addr) error {
		alice := embedded.Entra.AddUser(cloud.User{Name: "Alice"})
		life := cloud.TokenOptions{Lifetime: guideTokenLife}
		return guide{
			url:        s.scheme() + "://" + addr.String(),
			certFile:   certFile,
			token:      embedded.Entra.UserToken(alice, life),
			teamsToken: embedded.Entra.TeamsToken(alice, life),
			azure:      azure,
			caFile:     caFile,
			ignored:    ignored,
		}.write(stdout)
	})
}

// devName is that of the layer below, and where its values come from.
const devName = "-dev"

// devSettings returns the settings that point to the embedded cloud, and what is
// different by default.
func devSettings(c *cloud.Cloud) source.Layer {
	return devLayer(c.TenantID, c.ClientID, c.ClientSecret, c.Entra.URL, c.Graph.URL, c.ACS.ConnectionString())
}

// devOutline is devSettings for a cloud that has not been started: it stands for
// any.
func devOutline() source.Layer {
	const nowhere = "https://127.0.0.1"
	return devLayer(cloud.DefaultTenantID, cloud.DefaultClientID, "secret", nowhere, nowhere, "endpoint="+nowhere+"/;accesskey=AAAA")
}

func devLayer(tenantID, clientID, clientSecret, authorityHost, graphBaseURL, connectionString string) source.Layer {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	l := source.Layer{Name: devName, Values: make(map[string]source.Value)}
	for name, text := range map[string]string{
		"AZURE_TENANT_ID":       tenantID,
		"AZURE_CLIENT_ID":       clientID,
		"AZURE_CLIENT_SECRET":   clientSecret,
		"AZURE_AUTHORITY_HOST":  authorityHost,
		"ACS_CONNECTION_STRING": connectionString,
		"GRAPH_BASE_URL":        graphBaseURL,
		"GRAPH_MAPPING_KEYS":    base64.StdEncoding.EncodeToString(key),
		"DEBUG_ERRORS":          "true",
		"SHUTDOWN_DELAY":        "0s",
	} {
		l.Values[name] = source.Value{Text: text, Where: devName}
	}
	return l
}

// dropAzure removes the settings that say where in Azure the server belongs from
// the environment, where they often are for other programs, and returns their names.
func dropAzure(env *source.Layer) (names []string) {
	isAzure := azureNames()
	for _, name := range slices.Sorted(maps.Keys(env.Values)) {
		if isAzure(name) {
			if env.Values[name].IsSet() {
				names = append(names, name)
			}
			delete(env.Values, name)
		}
	}
	return names
}

// refuseAzure reports such settings where somebody must have meant them.
func refuseAzure(l source.Layer, p *problems) {
	isAzure := azureNames()
	for _, name := range slices.Sorted(maps.Keys(l.Values)) {
		if isAzure(name) && l.Values[name].IsSet() {
			p.addOther("%s (%s) cannot be used with -dev, which has a cloud of its own", name, l.Values[name].Where)
			delete(l.Values, name)
		}
	}
}

// azureNames returns a function that tells whether a name is of an Azure setting.
func azureNames() func(string) bool {
	names := make(map[string]bool)
	for _, st := range allSettings() {
		if st.azure {
			for _, name := range st.key().AllNames() {
				names[name] = true
			}
		}
	}
	return func(name string) bool { return names[name] }
}

func writeTemp(pattern string, content []byte) (path string, err error) {
	file, err := os.CreateTemp("", pattern)
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return file.Name(), err
}
