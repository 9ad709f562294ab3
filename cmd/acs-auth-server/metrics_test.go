package main

import (
	"bufio"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// scrape asks for metrics as a person would.
func scrape(t *testing.T, url string) string {
	t.Helper()
	got := call(t, "GET", url+"/metrics")
	if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("status %d, %s: %s", got.status, got.header.Get("Content-Type"), got.body)
	}
	return got.body
}

// families returns the metrics in an answer: name to type and names of labels.
func families(t *testing.T, exposition string) map[string]string {
	t.Helper()
	found := map[string]string{}
	series := regexp.MustCompile(`^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`([a-z_]+)="`)
	scanner := bufio.NewScanner(strings.NewReader(exposition))
	for scanner.Scan() {
		line := scanner.Text()
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(name, " ")
			found[name] = kind
			continue
		}
		match := series.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		for _, name := range label.FindAllStringSubmatch(match[2], -1) {
			name[1] = " " + name[1]
			if !slices.Contains(strings.Fields(found[match[1]]), name[1][1:]) && name[1] != " le" {
				found[match[1]] += name[1]
			}
		}
	}
	return found
}

// use makes requests of every kind, some of which fail.
func use(t *testing.T, url, token string) {
	t.Helper()
	for _, r := range []struct {
		method, path string
		status       int
		token        string
	}{
		{"GET", "/api/token", 404, token},
		{"POST", "/api/user", 201, token},
		{"GET", "/api/user", 200, token},
		{"GET", "/api/token", 201, token},
		{"POST", "/api/token/revoke", 204, token},
		{"GET", "/api/token", 401, "not.a.token"},
		{"GET", "/api/nothing", 404, token},
		{"DELETE", "/api/user", 204, token},
	} {
		if got := call(t, r.method, url+r.path, bearer(r.token)); got.status != r.status {
			t.Errorf("%s %s: status %d: %s", r.method, r.path, got.status, got.body)
		}
	}
}

// The names of metrics and their labels are what dashboards and alerts are made of.
// That there are no others than docs/operations.md lists is tested in deploy/check.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	r := startAgainst(t, c, nil, "METRICS=true")
	r.stderr.line(t, "signing keys loaded")
	use(t, r.url, token)
	exposition := scrape(t, r.url)
	problems, err := promlint.New(strings.NewReader(exposition)).Lint()
	if len(problems) > 0 || err != nil {
		t.Errorf("Prometheus would rather have it otherwise: %v %v", problems, err)
	}
	got := families(t, exposition)
	want := map[string]string{
		"acsauth_audit_lost_total":         "counter",
		"acsauth_cache_entries":            "gauge cache",
		"acsauth_cache_lookups_total":      "counter cache hit",
		"acsauth_cache_size_bytes":         "gauge cache",
		"acsauth_identity_events_total":    "counter event",
		"acsauth_keys_age_seconds":         "gauge client",
		"acsauth_keys_usable":              "gauge client",
		"acsauth_request_duration_seconds": "histogram operation outcome",
		"acsauth_store_duration_seconds":   "histogram operation outcome",
		"acsauth_verify_duration_seconds":  "histogram outcome",
		"obo_cache_entries":                "gauge",
		"obo_cache_lookups_total":          "counter hit",
		"obo_cache_size_bytes":             "gauge",
		"obo_exchange_duration_seconds":    "histogram outcome",
		"outbound_call_duration_seconds":   "histogram outcome upstream",
	}
	maps.DeleteFunc(got, func(name, _ string) bool { return want[name] == "" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, want := range []string{
		`acsauth_request_duration_seconds_bucket{operation="issue_token",outcome="ok",le="+Inf"} 1` + "\n",
		`acsauth_request_duration_seconds_count{operation="none",outcome="not_found"} 1` + "\n",
		`acsauth_request_duration_seconds_count{operation="issue_token",outcome="invalid_token"} 1` + "\n",
		`acsauth_identity_events_total{event="identity_created"} 1` + "\n",
		"\ngo_goroutines ", "\nprocess_cpu_seconds_total ", "\ngo_build_info{",
	} {
		if !strings.Contains(exposition, want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, unwanted := range []string{token, "8:acs:", c.TenantID, "api/", "otel_scope", "target_info"} {
		if strings.Contains(exposition, unwanted) {
			t.Errorf("the metrics tell %s", unwanted)
		}
	}
}

// Metrics are where they are asked for, for whoever asks, and each server has its own.
func TestMetricsEndpoint(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	public := startAgainst(t, c, nil, "METRICS=true")
	idle := startAgainst(t, c, nil, "METRICS=true")
	without := startAgainst(t, c, nil)
	if got := call(t, "POST", public.url+"/api/user", bearer(token)); got.status != 201 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	for _, test := range []struct {
		server *running
		method string
		status int
		allow  string
	}{
		{public, "GET", 200, ""},
		{public, "HEAD", 200, ""},
		{public, "POST", 405, "GET, HEAD"},
		{public, "OPTIONS", 405, "GET, HEAD"},
		{without, "GET", 404, ""},
	} {
		got := call(t, test.method, test.server.url+"/metrics")
		if got.status != test.status || got.header.Get("Allow") != test.allow {
			t.Errorf("%s: status %d, Allow %q; want %d, %q", test.method, got.status, got.header.Get("Allow"), test.status, test.allow)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", test.method, got.header)
		}
	}
	const counted = "acsauth_request_duration_seconds_count{"
	if !strings.Contains(scrape(t, public.url), counted) || strings.Contains(scrape(t, idle.url), counted) {
		t.Error("a server tells of what another does")
	}
	for _, line := range logLines(t, public.stderr.String(), "request") {
		if want := map[any]string{"/metrics": "DEBUG", "/api/user": "INFO"}[line["route"]]; line["level"] != want {
			t.Errorf("%v, want level %s", line, want)
		}
	}
	for _, line := range logLines(t, without.stderr.String(), "request") {
		if line["route"] != "" {
			t.Errorf("a route that there is not: %v", line)
		}
	}
}

// What fails upstream can be told from what fails here.
func TestMetricsOfFailures(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Status: 401, Times: 1})
	r := startAgainst(t, c, nil, "METRICS=true")
	if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 500 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	want := `acsauth_request_duration_seconds_count{operation="create_user",outcome="server_misconfigured"} 1`
	if got := scrape(t, r.url); !strings.Contains(got, want) {
		t.Errorf("there is no %s in:\n%s", want, got)
	}
}
