package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What was exported is imported elsewhere, as often as one likes, without a call
// of ACS.
func TestTransfer(t *testing.T) {
	t.Parallel()
	here := inhabited(t)
	there := here.elsewhere()
	here.cloud.ResetCalls()

	began := time.Now().Add(-time.Minute)
	exported := here.run("", "export")
	if exported.Status != exitOK || exported.Stderr != "3 mappings exported\n" {
		t.Errorf("%+v", exported)
	}
	lines := objects(t, exported.Stdout)
	for _, l := range lines {
		created, err := time.Parse(time.RFC3339, l["createdAt"].(string))
		if err != nil || created.Before(began) || created.Location() != time.UTC || len(l) != 4 {
			t.Errorf("%v: %v", l, err)
		}
	}
	if len(lines) != 3 {
		t.Errorf("%d lines", len(lines))
	}

	for _, step := range []struct {
		args []string
		want string
		held int
	}{
		{[]string{"import", "--dry-run"}, "3 imported, 0 present, 0 conflicts, 0 foreign, 0 malformed\n", 0},
		{[]string{"import", "--dry-run", "--json"}, `{"conflicts":0,"dryRun":true,"foreign":0,"imported":3,"malformed":0,"present":0}` + "\n", 0},
		{[]string{"import"}, "3 imported, 0 present, 0 conflicts, 0 foreign, 0 malformed\n", 3},
		{[]string{"import"}, "0 imported, 3 present, 0 conflicts, 0 foreign, 0 malformed\n", 3},
		{[]string{"import", "--json"}, `{"conflicts":0,"dryRun":false,"foreign":0,"imported":0,"malformed":0,"present":3}` + "\n", 3},
	} {
		if diff := cmp.Diff(result{Stdout: step.want}, there.run(exported.Stdout, step.args...)); diff != "" {
			t.Errorf("%q:\n%s", step.args, diff)
		}
		if held := len(there.mapped()); held != step.held {
			t.Errorf("%q: %d mappings; want %d", step.args, held, step.held)
		}
	}
	if diff := cmp.Diff(here.mapped(), there.mapped()); diff != "" {
		t.Error(diff)
	}
	if n := here.cloud.CallCount(); n != 0 {
		t.Errorf("ACS was called %d times", n)
	}
}

// Mappings of other ACS resources in the same store are none of its business. That
// there are none of its own is unlikely to be what somebody wants.
func TestExportOfOneResource(t *testing.T) {
	t.Parallel()
	w := inhabited(t)
	w.env["ACS_CONNECTION_STRING"] = resource
	want := result{Status: exitUsage, Stderr: "0 mappings exported\nacsauth: the store has no mappings of contoso.communication.azure.com: " +
		"is that the servers' ACS resource, by the same name? With --allow-empty there may be none\n"}
	if diff := cmp.Diff(want, w.run("", "export")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(result{Stderr: "0 mappings exported\n"}, w.run("", "export", "--allow-empty")); diff != "" {
		t.Error(diff)
	}
}

// An export that cannot be written fails, and does not claim that it succeeded.
func TestExportNowhere(t *testing.T) {
	t.Parallel()
	w := inhabited(t)
	var stderr strings.Builder
	full := &tool{environ: environOf(w.env), stdout: fullDisk{}, stderr: &stderr, httpClient: w.cloud.HTTPClient()}
	if status := full.run(t.Context(), []string{"acsauth", "export"}); status != exitFailure || stderr.String() != "acsauth: disk full\n" {
		t.Errorf("status %d: %s", status, &stderr)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }
