package acsauth

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// serviceMetrics count what a [Service] does.
type serviceMetrics struct {
	events       metric.Int64Counter
	lookups      metric.Int64Counter
	registration metric.Registration // of what is observed
}

// events are the events that are counted: those of the audit log, and what is left
// unfinished.
var events = [...]string{
	"identity_created", "identity_discarded", "identity_deleted", "identity_repaired",
	"token_issued", "teams_token_exchanged", "tokens_revoked",
	"mapping_removed_gone", "mapping_removed_foreign", "mapping_removed_invalid",
	"create_unfinished", "delete_unfinished", "request_refused",
}

func newServiceMetrics(s *Service, t TelemetryConfig) *serviceMetrics {
	// An instrument that is returned with an error does nothing, and neither does
	// a registration of it.
	meter := t.meter()
	m := new(serviceMetrics)
	m.events, _ = meter.Int64Counter("acsauth.identity.events",
		metric.WithDescription("What happened to ACS identities and their tokens, by event."))
	for _, event := range events {
		// From the beginning: of a series that begins with 1, Prometheus sees no increase.
		m.events.Add(context.Background(), 0, metric.WithAttributes(attribute.String("event", event)))
	}
	m.lookups, _ = meter.Int64Counter("acsauth.cache.lookups",
		metric.WithDescription("Look-ups of remembered mappings, by whether there was one."))
	// Not gauges: of several services in one program the sum is told.
	entries, _ := meter.Int64ObservableUpDownCounter("acsauth.cache.entries", metric.WithDescription("Entries in the caches."))
	bytes, _ := meter.Int64ObservableUpDownCounter("acsauth.cache.size", metric.WithUnit("By"), metric.WithDescription("Memory that the entries take."))
	m.registration, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for name, size := range map[string]func() (int, int64){"mapping": s.remembered.Size, "deleted": s.deleted.Size} {
			n, b := size()
			attrs := metric.WithAttributes(attribute.String("cache", name))
			o.ObserveInt64(entries, int64(n), attrs)
			o.ObserveInt64(bytes, b, attrs)
		}
		return nil
	}, entries, bytes)
	return m
}

// observeKeys tells of signing keys for as long as the meter provider lives. The
// client tells several authenticators in one program apart: the age of one's keys must
// not hide that another's cannot be fetched.
func observeKeys(k *keyring, clientID string, t TelemetryConfig) {
	meter := t.meter()
	attrs := metric.WithAttributes(attribute.String("client", clientID))
	age, _ := meter.Float64ObservableGauge("acsauth.keys.age", metric.WithUnit("s"), metric.WithDescription("Time since signing keys were last fetched with success."))
	count, _ := meter.Int64ObservableGauge("acsauth.keys.usable", metric.WithDescription("Signing keys that may be used."))
	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		usable, fetched := k.state()
		o.ObserveInt64(count, int64(usable), attrs)
		if !fetched.IsZero() { // or else there is no age
			o.ObserveFloat64(age, k.now().Sub(fetched).Seconds(), attrs)
		}
		return nil
	}, age, count)
}

func (m *serviceMetrics) event(ctx context.Context, name string) {
	if m.events.Enabled(ctx) {
		m.events.Add(ctx, 1, metric.WithAttributes(attribute.String("event", name)))
	}
}

func (m *serviceMetrics) lookup(ctx context.Context, hit bool) {
	if m.lookups.Enabled(ctx) {
		m.lookups.Add(ctx, 1, metric.WithAttributes(attribute.String("cache", "mapping"), attribute.Bool("hit", hit)))
	}
}

// end stops observing the service.
func (m *serviceMetrics) end() {
	if m.registration != nil {
		_ = m.registration.Unregister()
	}
}
