package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A compass is a network in which everybody refuses. It knows who was asked.
type compass struct {
	mu    sync.Mutex
	hosts []string
}

func (c *compass) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.hosts, r.URL.Host) {
		c.hosts = append(c.hosts, r.URL.Host)
	}
	return &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader(`{"error":"invalid_client"}`)), Request: r}, nil
}

// The tool signs in where the server does, and nowhere else.
func TestSignInPlace(t *testing.T) {
	for name, value := range map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": alice, "AZURE_CLIENT_SECRET": "s3cret", "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"} {
		t.Setenv(name, value) // azidentity reads the environment of the process
	}
	for _, test := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"public", nil, "login.microsoftonline.com"},
		{"by name", map[string]string{"AZURE_CLOUD": "usgov", "ACS_ENTRA_SCOPE": "https://acs.us/.default"}, "login.microsoftonline.us"},
		{"by address", map[string]string{"AZURE_AUTHORITY_HOST": "https://login.contoso.example"}, "login.contoso.example"},
		{"as in C#", map[string]string{"AZURE_CLOUD": "china", "ACS_ENTRA_SCOPE": "https://acs.cn/.default", "AzureActiveDirectory__Instance": "https://login.contoso.example"}, "login.contoso.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := cloud.Start(cloud.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			w := &world{TB: t, cloud: c, env: map[string]string{"ACS_CONNECTION_STRING": "endpoint=https://fabrikam.communication.azure.com/;accesskey=a2V5"}}
			w = w.elsewhere()
			w.left(acsauth.EntryDelete, alice, "8:acs:"+tenant+"_1", longAgo)
			w.env["ACS_CONNECTION_STRING"], w.env["ACS_ENDPOINT"] = "", "https://fabrikam.communication.azure.com"
			for name, value := range test.env {
				w.env[name] = value
			}
			network := new(compass)
			var stdout, stderr bytes.Buffer
			tool := &tool{environ: environOf(w.env), stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, httpClient: &http.Client{Transport: network}}
			if status := tool.run(t.Context(), []string{"acsauth", "reconcile"}); status != exitFailure {
				t.Errorf("exit status %d: %s%s", status, &stdout, &stderr)
			}
			if diff := cmp.Diff([]string{test.want}, network.hosts); diff != "" {
				t.Errorf("%s\n%s%s", diff, &stdout, &stderr)
			}
		})
	}
}
