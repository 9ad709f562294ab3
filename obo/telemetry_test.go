package obo_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// One exchange, and one answer from memory.
func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	client := memoryClient(t, obo.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})
	for range 2 {
		mustToken(t, client, benchAssertion(0), "")
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				outcome, _ := p.Attributes.Value("outcome")
				got[m.Name+" "+outcome.String()] = int64(p.Count)
			}
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				hit, _ := p.Attributes.Value("hit")
				got[fmt.Sprint(m.Name, " ", hit.String())] = p.Value
			}
		case metricdata.Gauge[int64]:
			got[m.Name] = data.DataPoints[0].Value
		}
	}
	want := map[string]int64{
		"obo.exchange.duration ok": 1, "obo.cache.lookups false": 1, "obo.cache.lookups true": 1, "obo.cache.entries": 1, "obo.cache.size": 2512,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
