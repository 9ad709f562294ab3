package tracing_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/tracing"
)

// child is the variable that marks the process in which the global provider may be
// replaced, which cannot be undone.
const child = "TRACING_TEST_CHILD"

// Without an SDK a tracer does nothing, and costs nothing. One that is installed
// later gets the spans from then on.
func TestGlobalProvider(t *testing.T) {
	if os.Getenv(child) == "" {
		t.Parallel()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestGlobalProvider$")
		cmd.Env = append(os.Environ(), child+"=1")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	tracer := tracing.New("test", nil)
	start := func() {
		ctx, span := tracer.Start(t.Context(), "idle")
		span.End()
		if ctx != t.Context() || trace.SpanFromContext(ctx).SpanContext().IsValid() {
			t.Error("the context is another one")
		}
	}
	start()
	if tracer.Enabled() {
		t.Error("enabled without an SDK")
	}
	if n := testing.AllocsPerRun(100, start); n > 0 {
		t.Errorf("%v allocations for a span without an SDK", n)
	}

	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	for _, tracer := range []*tracing.Tracer{tracer, tracing.New("test", nil)} {
		ctx, parent := tracer.Start(t.Context(), "parent")
		_, child := tracer.Start(ctx, "child")
		child.End()
		parent.End()
		if !tracer.Enabled() {
			t.Error("not enabled with an SDK")
		}
	}
	var names []string
	for _, span := range spans.Ended() {
		names = append(names, span.Name())
	}
	if diff := cmp.Diff([]string{"child", "parent", "child", "parent"}, names); diff != "" {
		t.Error(diff)
	}
}

// A provider of one's own traces from the start, whatever the global one does; the
// span of somebody else in the context is its parent, and is left alone.
func TestOwnProvider(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	tracer := tracing.New("test", sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	ctx, parent := tracer.Start(t.Context(), "parent", trace.WithSpanKind(trace.SpanKindServer))

	idle := tracing.New("test", nil)
	for range 2 { // the second time it knows that it is idle
		within, span := idle.Start(ctx, "nothing")
		span.End()
		if trace.SpanFromContext(within) != parent {
			t.Error("the span in the context is another one")
		}
	}
	_, child := tracer.Start(ctx, "child")
	child.End()
	if n := len(spans.Ended()); n != 1 {
		t.Errorf("%d spans have ended, want the child alone", n)
	}
	parent.End()

	// Also if it is not sampled.
	unsampled := tracing.New("test", sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())))
	ctx, span := unsampled.Start(t.Context(), "unsampled")
	if !trace.SpanFromContext(ctx).SpanContext().IsValid() || span.IsRecording() || !unsampled.Enabled() {
		t.Error("a span that is not sampled has no id, or disables the tracer")
	}
}
