package acsauth

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
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
	s.cfg.Audit.LogAttrs(ctx, slog.LevelInfo, "audit", attrs...)
}

// A report is the entry in the log that stands for an identity which may get lost:
// ACS cannot list identities, so one whose id nobody wrote down stays unknown for
// good. It is opened before the identity is created and closed when the identity
// is mapped or deleted. One that was never closed is the report of an orphan.
type report struct {
	logger *slog.Logger
	opened time.Time
}

func (s *Service) openReport(ctx context.Context, u User) report {
	r := report{
		logger: s.cfg.Logger.With("report", uuid.NewString(), "user", u.Pseudonym(), "request_id", RequestID(ctx)),
		opened: s.cfg.Now(),
	}
	r.logger.InfoContext(ctx, "identity report opened: an identity is about to be created")
	return r
}

func (r report) close(ctx context.Context, outcome string) {
	r.logger.InfoContext(ctx, "identity report closed", "outcome", outcome)
}

// orphan leaves the report open: the identity exists, or may, and is not mapped.
func (r report) orphan(ctx context.Context, acsID string, cause error) {
	r.logger.ErrorContext(ctx, "identity report left open: an identity may be orphaned", "acs_id", acsID, "opened", r.opened, "cause", cause)
}
