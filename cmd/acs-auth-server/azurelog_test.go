package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What Azure's SDK would print if it was asked to is not printed: people's ids are in
// the addresses of their mappings.
func TestAzureSDKIsSilent(t *testing.T) {
	t.Parallel()
	dev := startDev(t, nil)
	exports, _ := readGuide(t, dev.stdout)
	tables := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "s3cret", http.StatusForbidden) }))
	defer tables.Close()
	environ := []string{"LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "AZURE_SDK_GO_LOGGING=all"}
	for name, text := range exports {
		environ = append(environ, name+"="+text)
	}
	server := startProcess(t, append(environ, "MAPPING_STORE=tables:AccountName=a;AccountKey=a2V5;TableEndpoint="+tables.URL))
	server.stderr.line(t, `"msg":"the mapping store is not ready"`)
	call(t, "GET", server.url+"/api/user", bearer(exports["TOKEN"]))
	for line := range strings.Lines(server.stderr.String()) {
		if !strings.HasPrefix(line, "{") || strings.Contains(line, "s3cret") {
			t.Errorf("printed: %s", line)
		}
	}
}
