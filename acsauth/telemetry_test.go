package acsauth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// counts returns how often each metric was counted, by its attributes; of gauges
// the value.
func counts(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	add := func(name string, attrs attribute.Set, n int64) {
		key := name
		for _, kv := range attrs.ToSlice() {
			key += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.String())
		}
		found[key] = n
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, int64(p.Count))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			default:
				t.Fatalf("%s is of a kind that the test does not know", m.Name)
			}
		}
	}
	return found
}

// What a user's visit leaves in the metrics and in the traces.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder()
	telemetry := acsauth.TelemetryConfig{
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(reader)),
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
	}
	s := newSystem(t, withMemory, func(set *setup) { set.service.Telemetry, set.handler.Telemetry = telemetry, telemetry })
	s.want(404, "GET", "/api/token")
	s.want(201, "POST", "/api/user")
	s.want(201, "GET", "/api/token")
	s.want(201, "GET", "/api/token")
	s.Inject(cloud.Fault{Op: cloud.OpACSCreate, Status: 403})
	s.want(204, "DELETE", "/api/user")
	s.want(500, "POST", "/api/user")
	s.want(404, "GET", "/api/nothing")

	got := counts(t, reader)
	for key := range got {
		if strings.HasPrefix(key, "acsauth.cache.size") {
			delete(got, key) // its value is lru's affair
		}
	}
	want := map[string]int64{
		"acsauth.request.duration operation=issue_token outcome=identity_not_mapped":  1,
		"acsauth.request.duration operation=create_user outcome=ok":                   1,
		"acsauth.request.duration operation=issue_token outcome=ok":                   2,
		"acsauth.request.duration operation=delete_user outcome=ok":                   1,
		"acsauth.request.duration operation=create_user outcome=server_misconfigured": 1,
		"acsauth.request.duration operation=none outcome=not_found":                   1,
		"acsauth.store.duration operation=lookup outcome=identity_not_mapped":         3,
		"acsauth.store.duration operation=lookup outcome=ok":                          1,
		"acsauth.store.duration operation=create outcome=ok":                          1,
		"acsauth.store.duration operation=delete outcome=ok":                          1,
		"acsauth.identity.events event=identity_created":                              1,
		"acsauth.identity.events event=token_issued":                                  2,
		"acsauth.identity.events event=identity_deleted":                              1,
		"acsauth.cache.lookups cache=mapping hit=false":                               1,
		"acsauth.cache.lookups cache=mapping hit=true":                                2,
		"acsauth.cache.entries cache=mapping":                                         0,
		"acsauth.cache.entries cache=deleted":                                         1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	var names []string
	for _, span := range spans.Ended() {
		name := span.Name()
		if span.Status().Description != "" {
			name += " " + span.Status().Description
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		for _, attr := range span.Attributes() {
			if strings.Contains(attr.Value.String(), "8:acs:") {
				t.Errorf("the span %s names an identity", name)
			}
		}
	}
	slices.Sort(names)
	wantSpans := []string{
		"acsauth.request.create_user", "acsauth.request.create_user server_misconfigured", "acsauth.request.delete_user",
		"acsauth.request.issue_token", "acsauth.request.none", "acsauth.store.create", "acsauth.store.delete", "acsauth.store.lookup",
	}
	if diff := cmp.Diff(wantSpans, names); diff != "" {
		t.Error(diff)
	}

	// A service that has ended is not observed any more.
	if err := s.service.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, still := counts(t, reader)["acsauth.cache.entries cache=deleted"]; still {
		t.Error("the caches of a closed service are still observed")
	}
}
