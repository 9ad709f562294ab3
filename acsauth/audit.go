package acsauth

import (
	"context"
	"log/slog"
)

// audit records one event. Audit events and orphan reports are the only log lines
// that name ACS identities.
func (s *Service) audit(ctx context.Context, event string, u User, acsID string, attrs ...slog.Attr) {
	attrs = append([]slog.Attr{
		slog.String("event", event),
		slog.String("tenant_id", u.TenantID),
		slog.String("object_id", u.ObjectID),
		slog.String("client_id", u.ClientID),
		slog.String("token_id", u.TokenID),
		slog.String("acs_id", acsID),
		slog.String("request_id", RequestID(ctx)),
	}, attrs...)
	s.metrics.event(ctx, event)
	s.cfg.Audit.LogAttrs(ctx, slog.LevelInfo, "audit", attrs...)
}
