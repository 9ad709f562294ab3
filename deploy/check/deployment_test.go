//go:build linux

package check_test

import (
	"encoding/base64"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Values for what the examples leave open.
const (
	tenantID         = "11111111-1111-4111-8111-111111111111"
	apiClientID      = "22222222-2222-4222-8222-222222222222"
	clientID         = "33333333-3333-4333-8333-333333333333"
	identityClientID = "44444444-4444-4444-8444-444444444444"
	connectionString = "endpoint=https://contoso.europe.communication.azure.com/;accesskey=a2V5"
	postgresAddress  = "postgres://acsauth:secret@postgres:5432/acsauth?sslmode=disable"
)

// mappingKeys is what "openssl rand -base64 32" could print.
var mappingKeys = base64.StdEncoding.EncodeToString([]byte("thirty-two bytes, not very random")[:32])

// filled replaces placeholders in the value of a setting.
func filled(t *testing.T, name, value string) string {
	t.Helper()
	if !strings.HasPrefix(value, "<") {
		return value
	}
	sample, ok := map[string]string{
		"AZURE_TENANT_ID":    tenantID,
		"AZURE_CLIENT_ID":    apiClientID,
		"ALLOWED_CLIENT_IDS": clientID,
		"TEAMS_CLIENT_IDS":   clientID,
		"ACS_ENDPOINT":       "https://contoso.europe.communication.azure.com",
	}[name]
	if !ok {
		t.Fatalf("%s=%s: no value is known for this placeholder", name, value)
	}
	return sample
}

// starts checks that the image becomes healthy with an environment and files, and
// that everything it has to say about its settings is that it listens. It returns the
// log.
func starts(t *testing.T, env, files map[string]string) (log string) {
	t.Helper()
	c := newContainer(t)
	c.give(t, env, files)
	got, log := c.run(t)
	if !got.Healthy {
		t.Errorf("the server does not become healthy:\n%s", log)
	}
	for line := range strings.Lines(log) {
		// What needs a network fails, and that is all that may.
		quiet := !strings.HasPrefix(line, "{") || strings.Contains(line, `"level":"INFO"`) // the first is the health check
		if !quiet && !strings.Contains(line, "signing keys") && !strings.Contains(line, "the mapping store is not ready") {
			t.Errorf("the server complains: %s", line)
		}
	}
	return log
}

// give gives a container its environment and its volumes.
func (c *container) give(t *testing.T, env, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, name+"="+env[name])
	}
	for path, content := range files {
		c.put(t, path, content)
	}
}

// serverPort returns the port of the API. It is the image's wherever it is deployed.
func serverPort(t *testing.T, env map[string]string) int32 {
	t.Helper()
	port := portOf(t, env["LISTEN_ADDR"])
	if exposed := readImage(t).port; port != exposed {
		t.Errorf("the server listens on port %d, the image exposes %d", port, exposed)
	}
	return port
}

func portOf(t *testing.T, address string) int32 {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(port)
}

// endsInTime checks that a platform does not kill a server that is about to end.
func endsInTime(t *testing.T, env map[string]string, grace time.Duration) {
	t.Helper()
	timeout, err := time.ParseDuration(env["SHUTDOWN_TIMEOUT"])
	if err != nil {
		t.Errorf("SHUTDOWN_TIMEOUT: %v", err)
	}
	if grace <= timeout {
		t.Errorf("the server is killed after %s, before its SHUTDOWN_TIMEOUT of %s", grace, timeout)
	}
}

// hasNoSecrets checks that secrets come in files, where nobody sees them who lists
// processes or reads descriptions of containers.
func hasNoSecrets(t *testing.T, env map[string]string) {
	t.Helper()
	for name, value := range env {
		secret := slices.ContainsFunc([]string{"SECRET", "PASSWORD", "CONNECTION_STRING", "KEY", "MAPPING_STORE"},
			func(part string) bool { return strings.Contains(name, part) })
		if secret && !strings.HasSuffix(name, "_FILE") && value != "" {
			t.Errorf("%s is in the environment, instead of a file", name)
		}
	}
}
