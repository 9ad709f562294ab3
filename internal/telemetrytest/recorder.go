// Package telemetrytest records what is told to OpenTelemetry, for tests.
package telemetrytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// A Recorder is an OpenTelemetry SDK that keeps everything.
type Recorder struct {
	Meters  *metric.MeterProvider
	Tracers *sdktrace.TracerProvider
	reader  *metric.ManualReader
	spans   *tracetest.SpanRecorder
}

// New returns a recorder of nothing yet.
func New() *Recorder {
	r := &Recorder{reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	r.Meters = metric.NewMeterProvider(metric.WithReader(r.reader))
	r.Tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	return r
}

// Counts returns how often each metric was counted, by its name and attributes, such
// as "acsauth.cache.lookups cache=mapping hit=true"; of what may rise and fall it
// returns the value. Counters that are still at zero are left out.
func (r *Recorder) Counts(t testing.TB) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	for _, scope := range r.collect(t).ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] += int64(p.Count)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if p.Value != 0 || !data.IsMonotonic {
						found[key(m.Name, p.Attributes)] += p.Value
					}
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = int64(p.Value)
				}
			default:
				t.Fatalf("%s is of a kind that this package does not know", m.Name)
			}
		}
	}
	return found
}

// Durations returns how long what was timed took together, by metric and attributes as
// in Counts.
func (r *Recorder) Durations(t testing.TB) map[string]time.Duration {
	t.Helper()
	found := map[string]time.Duration{}
	for _, scope := range r.collect(t).ScopeMetrics {
		for _, m := range scope.Metrics {
			if data, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Unit == "s" {
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] += time.Duration(p.Sum * float64(time.Second))
				}
			}
		}
	}
	return found
}

func (r *Recorder) collect(t testing.TB) (all metricdata.ResourceMetrics) {
	t.Helper()
	if err := r.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func key(name string, attrs attribute.Set) string {
	for _, attr := range attrs.ToSlice() { // sorted
		name += fmt.Sprintf(" %s=%s", attr.Key, attr.Value.String())
	}
	return name
}

// Spans returns the spans that have ended, sorted: each by its name after those of the
// spans that it is within, such as "request > lookup", and with its error in brackets
// if it has one.
func (r *Recorder) Spans() []string {
	ended := r.spans.Ended()
	byID := map[trace.SpanID]sdktrace.ReadOnlySpan{}
	for _, span := range ended {
		byID[span.SpanContext().SpanID()] = span
	}
	var paths []string
	for _, span := range ended {
		path := span.Name()
		for parent := byID[span.Parent().SpanID()]; parent != nil; parent = byID[parent.Parent().SpanID()] {
			path = parent.Name() + " > " + path
		}
		if problem := span.Status().Description; problem != "" {
			path += " (" + problem + ")"
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// Traces returns how many traces the spans that have ended belong to.
func (r *Recorder) Traces() int {
	ids := map[trace.TraceID]bool{}
	for _, span := range r.spans.Ended() {
		ids[span.SpanContext().TraceID()] = true
	}
	return len(ids)
}

// Text returns all that was told with metrics and spans, to look for what should not
// be there.
func (r *Recorder) Text(t testing.TB) string {
	t.Helper()
	text := strings.Join(slices.Sorted(maps.Keys(r.Counts(t))), "\n")
	for _, span := range tracetest.SpanStubsFromReadOnlySpans(r.spans.Ended()) {
		text += fmt.Sprintf("\n%s %v %+v %+v %+v", span.Name, span.Attributes, span.Status, span.Events, span.Links)
	}
	return text
}
