package acsauth

import (
	"context"
	"log/slog"
	"time"
)

// maxAuditAttrs is more than any event has, so that none takes memory from the heap.
const maxAuditAttrs = 10

// audit records one event, with what is known. Audit events and orphan reports are
// the only log lines that name ACS identities.
func (s *Service) audit(ctx context.Context, event string, u User, acsID string, more ...slog.Attr) {
	s.metrics.event(ctx, event)
	attrs := make([]slog.Attr, 0, maxAuditAttrs)
	for _, known := range [...]struct{ key, value string }{
		{"event", event},
		{"request_id", RequestID(ctx)},
		{"tenant_id", u.TenantID},
		{"object_id", u.ObjectID},
		{"client_id", u.ClientID},
		{"token_id", u.TokenID},
		{"acs_id", acsID},
	} {
		if known.value != "" {
			attrs = append(attrs, slog.String(known.key, known.value))
		}
	}
	if !s.cfg.Audit.Enabled(ctx, slog.LevelInfo) {
		return
	}
	// Without the place in this package, which tells nobody anything and takes time.
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	line.AddAttrs(append(attrs, more...)...)
	_ = s.cfg.Audit.Handler().Handle(ctx, line)
}
