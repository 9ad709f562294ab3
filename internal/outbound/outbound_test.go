package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// An sdk is OpenTelemetry's, for one test.
type sdk struct {
	*outbound.Observer
	metrics *metric.ManualReader
	spans   *tracetest.SpanRecorder
	tracers *sdktrace.TracerProvider
}

func newSDK(upstream string) sdk {
	s := sdk{metrics: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	s.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s.spans))
	s.Observer = outbound.New(upstream, metric.NewMeterProvider(metric.WithReader(s.metrics)), s.tracers)
	return s
}

// counted returns how many calls were timed, by upstream and outcome.
func (s sdk) counted(t *testing.T) map[string]int {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			durations, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Name != "outbound.call.duration" || m.Unit != "s" {
				t.Errorf("the metric %s (%s) is a %T", m.Name, m.Unit, m.Data)
			}
			for _, point := range durations.DataPoints {
				var of []string
				for _, attr := range point.Attributes.ToSlice() { // sorted by their keys
					of = append(of, attr.Value.String())
				}
				found[strings.Join(of, " ")] = int(point.Count)
			}
		}
	}
	return found
}

// everything returns all that was told, as text.
func (s sdk) everything(t *testing.T) string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", all)
	for _, span := range tracetest.SpanStubsFromReadOnlySpans(s.spans.Ended()) {
		text += fmt.Sprintf("\n%s %v %+v %+v %+v", span.Name, span.Attributes, span.Status, span.Events, span.Links)
	}
	return text
}

// overloaded is what a limit of our own refuses a call with.
type overloaded struct{}

func (overloaded) Error() string       { return "tops3cret" }
func (overloaded) FailureKind() string { return "overloaded" }

// another is a failure that is no refusal of our own.
type another struct{ overloaded }

func (another) FailureKind() string { return "throttled" }

// A roundTripper stands for one that a program puts below.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// secret is what every request names: in its path, query, header, and in what
// goes wrong.
const secret = "tops3cret"

// What a call comes to, in the metric, in its span and on the request's account.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	status := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/"+secret)
			http.Error(w, secret, status)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	fail := func(err error) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	canceled := func(t *testing.T) context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}
	late := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		below   http.RoundTripper // in place of a server
		ctx     func(*testing.T) context.Context
		outcome string
		calls   int
	}{
		{name: "200", handler: status(200), outcome: "ok", calls: 1},
		{name: "204", handler: status(204), outcome: "ok", calls: 1},
		{name: "redirect", handler: status(302), outcome: "ok", calls: 1},
		{name: "400", handler: status(400), outcome: "client_error", calls: 1},
		{name: "404", handler: status(404), outcome: "client_error", calls: 1},
		{name: "429", handler: status(429), outcome: "throttled", calls: 1},
		{name: "500", handler: status(500), outcome: "server_error", calls: 1},
		{name: "503", handler: status(503), outcome: "server_error", calls: 1},
		{name: "time is up", handler: hang, ctx: late, outcome: "timeout", calls: 1},
		{name: "time is up for a reason", handler: hang, ctx: func(t *testing.T) context.Context {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New(secret))
			t.Cleanup(cancel)
			return ctx
		}, outcome: "timeout", calls: 1},
		{name: "the network's own time is up", below: fail(&net.OpError{Op: "dial", Err: timeout{}}), outcome: "timeout", calls: 1},
		{name: "canceled", handler: hang, ctx: canceled, outcome: "canceled", calls: 1},
		{name: "canceled for a reason", handler: hang, ctx: func(t *testing.T) context.Context {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New(secret))
			return ctx
		}, outcome: "canceled", calls: 1},
		{name: "hangs up", handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, outcome: "unreachable", calls: 1},
		{name: "unreachable", below: fail(&net.OpError{Op: "dial", Err: errors.New(secret)}), outcome: "unreachable", calls: 1},
		{name: "another failure", below: fail(another{}), outcome: "unreachable", calls: 1},
		{name: "refused", below: fail(fmt.Errorf("wrapped: %w", overloaded{})), outcome: "refused", calls: 0},
		{name: "refused when time was up", below: fail(overloaded{}), ctx: canceled, outcome: "refused", calls: 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSDK("acs")
			address, transport := "http://127.0.0.1", test.below
			if test.handler != nil {
				server := httptest.NewServer(test.handler)
				t.Cleanup(server.Close)
				address, transport = server.URL, server.Client().Transport
			}
			client := s.Client(&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(t)
			}
			ctx, tally := outbound.WithTally(ctx)
			r, err := http.NewRequestWithContext(ctx, "POST", address+"/identities/8:acs:"+secret+"?key="+secret, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+secret)
			answer, err := client.Do(r)
			if err == nil {
				_ = answer.Body.Close()
			}

			if diff := cmp.Diff(map[string]int{test.outcome + " acs": 1}, s.counted(t)); diff != "" {
				t.Error(diff)
			}
			ended := s.spans.Ended()
			if len(ended) != 1 {
				t.Fatalf("%d spans, want 1", len(ended))
			}
			span := ended[0]
			wantCode := codes.Error
			if test.outcome == "ok" {
				wantCode = codes.Unset
			}
			if span.Name() != "acs POST" || span.SpanKind().String() != "client" || span.Status().Code != wantCode {
				t.Errorf("the span is %q, %v, %v", span.Name(), span.SpanKind(), span.Status())
			}
			attrs := map[string]string{}
			for _, attr := range span.Attributes() {
				attrs[string(attr.Key)] = attr.Value.String()
			}
			want := map[string]string{"upstream": "acs", "outcome": test.outcome}
			if answer != nil {
				want["http.response.status_code"] = fmt.Sprint(answer.StatusCode)
			}
			if diff := cmp.Diff(want, attrs); diff != "" {
				t.Error(diff)
			}
			calls, took := tally.Calls()
			if calls != test.calls || (took > 0) != (calls > 0) {
				t.Errorf("%d calls that took %v, want %d", calls, took, test.calls)
			}
			for _, hidden := range []string{secret, "8:acs:", address, strings.TrimPrefix(address, "http://")} {
				if text := s.everything(t); strings.Contains(text, hidden) {
					t.Errorf("%s is told:\n%s", hidden, text)
				}
			}
		})
	}
}

type timeout struct{}

func (timeout) Error() string { return secret }
func (timeout) Timeout() bool { return true }

// What goes wrong reaches the caller as it is, and whatever is below works within
// the span.
func TestBelow(t *testing.T) {
	t.Parallel()
	s := newSDK("acs")
	var within trace.Span
	client := s.Client(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		within = trace.SpanFromContext(r.Context())
		return nil, overloaded{}
	})})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(r)
	var named *url.Error
	if !errors.As(err, &named) || !errors.Is(named.Err, overloaded{}) {
		t.Errorf("the error is %v", err)
	}
	if got, want := within.SpanContext(), s.spans.Ended()[0].SpanContext(); !got.Equal(want) {
		t.Errorf("it was sent within the span %v, want %v", got, want)
	}
}

// Whatever is no HTTP request is observed by its caller's reading of the outcome.
func TestObserve(t *testing.T) {
	t.Parallel()
	s := newSDK("postgres")
	failure := errors.New(secret)
	ctx, parent := s.tracers.Tracer("test").Start(t.Context(), "parent")
	ctx, tally := outbound.WithTally(ctx)
	for _, want := range []error{nil, failure} {
		err := s.Observe(ctx, "Lookup", func(ctx context.Context) error {
			// Work that is detached goes on the same account, in the same trace.
			return s.Observe(context.WithoutCancel(ctx), "Within", func(context.Context) error { return want }, func(error) string { return outbound.OK })
		}, func(err error) string {
			if err != nil {
				return outbound.ServerError
			}
			return outbound.OK
		})
		if !errors.Is(err, want) {
			t.Errorf("Observe: %v, want %v", err, want)
		}
	}
	parent.End()
	if diff := cmp.Diff(map[string]int{"ok postgres": 3, "server_error postgres": 1}, s.counted(t)); diff != "" {
		t.Error(diff)
	}
	if calls, _ := tally.Calls(); calls != 4 {
		t.Errorf("%d calls, want 4", calls)
	}
	within, lookup := s.spans.Ended()[0], s.spans.Ended()[1]
	if within.Name() != "postgres Within" || within.Parent().SpanID() != lookup.SpanContext().SpanID() ||
		lookup.Name() != "postgres Lookup" || lookup.Parent().SpanID() != parent.SpanContext().SpanID() {
		t.Errorf("%q is not within %q within its parent", within.Name(), lookup.Name())
	}
	if text := s.everything(t); strings.Contains(text, secret) {
		t.Errorf("the error is told:\n%s", text)
	}
}

// A call that panics ends its span, which does not tell what the panic was about.
func TestObservePanic(t *testing.T) {
	t.Parallel()
	s := newSDK("sqlite")
	panics := roundTripper(func(*http.Request) (*http.Response, error) { panic(secret) })
	for _, call := range []func(){
		func() {
			_ = s.Observe(t.Context(), "Lookup", func(context.Context) error { panic(secret) }, func(error) string { return outbound.OK })
		},
		func() {
			_, _ = s.Transport(panics).RoundTrip(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic has been swallowed")
				}
			}()
			call()
		}()
	}
	if n := len(s.spans.Ended()); n != 2 {
		t.Errorf("%d spans have ended, want 2", n)
	}
	if text := s.everything(t); strings.Contains(text, secret) {
		t.Errorf("the panic is told:\n%s", text)
	}
}
