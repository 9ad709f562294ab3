package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// prepareTimeout bounds one attempt at creating the tables, which may have to wait
// for those of other servers.
const prepareTimeout = time.Minute

// A database is the mapping store, if it is one: its tables are created when the
// server starts, which is not ready before.
type database struct {
	*stores.Store
	logger   *slog.Logger
	prepared atomic.Bool
}

// openDatabase opens the store that s names. It does no I/O.
func openDatabase(s *settings, resource string, around surroundings, p *problems) *database {
	options := stores.Options{
		Resource: resource, HTTPClient: around.limited(s.maxPerUpstream), Timeout: s.upstreamTimeout, MeterProvider: around.meters, TracerProvider: around.tracers,
	}
	followStorePassword(s, &options, around)
	store, err := stores.Open(s.storeAddress.Reveal(), options)
	if err != nil {
		p.addFirst("MAPPING_STORE", "%v", err)
		return nil
	}
	return &database{Store: store, logger: around.logger}
}

// run creates the tables, again and again until that succeeds or ctx ends.
func (d *database) run(ctx context.Context) {
	retry := httpx.Retry{Max: math.MaxInt, Base: time.Second, MaxDelay: 30 * time.Second}
	for attempt := 0; ; attempt++ {
		err := d.prepare(ctx)
		if err == nil {
			d.prepared.Store(true)
			return
		}
		pause, _ := retry.Delay(min(attempt, 10), nil, time.Now())
		d.logger.ErrorContext(ctx, "the mapping store is not ready", "error", err, "retry_in", pause.Round(time.Millisecond).String())
		if httpx.Sleep(ctx, pause) != nil {
			return
		}
	}
}

func (d *database) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	return d.Prepare(ctx)
}

// ready reports whether the tables are there, without asking anybody.
func (d *database) ready() error {
	if d != nil && !d.prepared.Load() {
		return errors.New("the tables of the mapping store have not been created yet")
	}
	return nil
}
