package sqlmap_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

func telling(recorder *telemetrytest.Recorder) func(*sqlmap.Config) {
	return func(cfg *sqlmap.Config) {
		cfg.MeterProvider, cfg.TracerProvider = recorder.Meters, recorder.Tracers
	}
}

// What is asked of a database is timed and traced, and nothing tells whom it was for.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			recorder := telemetrytest.New()
			m := d.migrated(t).mapper(t, d.open(t), telling(recorder))
			u, id := newUser(), newID()
			ctx, request := recorder.Tracers.Tracer("test").Start(t.Context(), "request")
			if err := m.Create(ctx, u, id); err != nil {
				t.Error(err)
			}
			if _, err := m.Lookup(ctx, u); err != nil {
				t.Error(err)
			}
			if _, err := m.Lookup(ctx, newUser()); err == nil { // which is an answer like any other
				t.Error("there is a mapping")
			}
			if err := m.Delete(ctx, u, id); err != nil {
				t.Error(err)
			}
			request.End()

			upstream := map[sqlmap.Dialect]string{sqlmap.Postgres: "postgres", sqlmap.SQLite: "sqlite"}[d.dialect]
			if diff := cmp.Diff(map[string]int64{"outbound.call.duration outcome=ok upstream=" + upstream: 4}, recorder.Counts(t)); diff != "" {
				t.Error(diff)
			}
			within := "request > " + upstream + " "
			if diff := cmp.Diff([]string{"request", within + "Create", within + "Delete", within + "Lookup", within + "Lookup"}, recorder.Spans()); diff != "" {
				t.Error(diff)
			}
			for _, hidden := range []string{u.TenantID, u.ObjectID, id, host, "mappings.db"} {
				if text := recorder.Text(t); strings.Contains(text, hidden) {
					t.Errorf("%s is told:\n%s", hidden, text)
				}
			}
		})
	}
}

// Each attempt counts for itself, as what it came to.
func TestTelemetryOfFailures(t *testing.T) {
	t.Parallel()
	deadline := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Millisecond)
	}
	for _, test := range []struct {
		name    string
		below   *failing
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		dialect sqlmap.Dialect
		want    map[string]int64
	}{
		{"conflicts", &failing{statement: times(2, sqlState("40001"))}, nil, sqlmap.Postgres, map[string]int64{"server_error": 2, "ok": 1}},
		{"locks of others", &failing{statement: times(1, resultCode(5))}, nil, sqlmap.SQLite, map[string]int64{"server_error": 1, "ok": 1}},
		{"no connection", &failing{connection: always(errors.New(secret))}, nil, sqlmap.Postgres, map[string]int64{"unreachable": 1}},
		{"a broken connection", &failing{statement: times(1, driver.ErrBadConn)}, nil, sqlmap.Postgres, map[string]int64{"unreachable": 1, "ok": 1}},
		{"no tables", &failing{statement: always(sqlState("42P01"))}, nil, sqlmap.Postgres, map[string]int64{"client_error": 1}},
		{"statement_timeout", &failing{statement: always(sqlState("57014"))}, nil, sqlmap.Postgres, map[string]int64{"timeout": 1}},
		{"time is up", &failing{hangs: true}, deadline, sqlmap.Postgres, map[string]int64{"timeout": 1}},
		{"interrupted as time is up", &failing{hangs: true, statement: always(resultCode(9))}, deadline, sqlmap.SQLite, map[string]int64{"timeout": 1}},
		{"canceled", &failing{hangs: true}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Millisecond, func() { cancel(errors.New(secret)) })
			return ctx, func() { cancel(nil) }
		}, sqlmap.Postgres, map[string]int64{"canceled": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			recorder := telemetrytest.New()
			m := database{dialect: test.dialect}.mapper(t, sql.OpenDB(test.below), telling(recorder))
			ctx := t.Context()
			if test.ctx != nil {
				var cancel context.CancelFunc
				ctx, cancel = test.ctx(ctx)
				defer cancel()
			}
			_ = m.Create(ctx, newUser(), newID())
			want := map[string]int64{}
			for outcome, n := range test.want {
				want["outbound.call.duration outcome="+outcome+" upstream="+map[sqlmap.Dialect]string{sqlmap.Postgres: "postgres", sqlmap.SQLite: "sqlite"}[test.dialect]] = n
			}
			if diff := cmp.Diff(want, recorder.Counts(t)); diff != "" {
				t.Error(diff)
			}
			if text := recorder.Text(t); strings.Contains(text, secret) {
				t.Errorf("an error is told:\n%s", text)
			}
		})
	}
}
