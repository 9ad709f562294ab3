package acsauth

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
)

// A report stands for an identity which may get lost: ACS cannot list identities,
// so one whose id nobody wrote down stays unknown for good. It is opened before the
// identity is created, or deleted, and closed when the operation has come to its
// end. One that was never closed tells what a failure, or the death of a process,
// has left. It is an entry in the store's journal or, for a store without one, in
// the log.
type report struct {
	service *Service
	logger  *slog.Logger
	entry   JournalEntry
}

// openReport opens a report. After an error the operation must not begin.
func (s *Service) openReport(ctx context.Context, u User, kind EntryKind, acsID string) (report, error) {
	r := report{service: s, entry: JournalEntry{
		ID: uuid.NewString(), Kind: kind, TenantID: u.TenantID, ObjectID: u.ObjectID, ACSID: acsID,
		RequestID: RequestID(ctx), Opened: s.cfg.Now(),
	}}
	r.logger = s.cfg.Logger.With("report", r.entry.ID, "kind", string(kind), "user", u.Pseudonym(), "request_id", r.entry.RequestID)
	if s.store.journal != nil {
		return r, s.store.openEntry(ctx, r.entry)
	}
	if kind == EntryDelete {
		// Nothing gets lost: until the end of the deletion there is the mapping.
		r.logger = slog.New(slog.DiscardHandler)
	}
	r.logger.InfoContext(ctx, "identity report opened")
	return r, nil
}

// identify writes down which identity was created. If that fails, so much the
// worse for whoever has to find it should this process die; the operation goes on.
func (r *report) identify(ctx context.Context, acsID string) {
	r.entry.ACSID = acsID
	if r.service.store.journal == nil {
		return
	}
	if err := r.service.store.identifyEntry(ctx, r.entry); err != nil {
		r.logger.WarnContext(ctx, "the identity could not be written to the journal", "error", err)
	}
}

// close closes the report, even if the time of the operation is up. If that fails,
// whoever repairs it finds that there is nothing left to do.
func (r *report) close(ctx context.Context, outcome string) {
	if r.service.store.journal == nil {
		r.logger.InfoContext(ctx, "identity report closed", "outcome", outcome)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := r.service.store.closeEntry(ctx, r.entry); err != nil {
		r.logger.WarnContext(ctx, "a journal entry could not be closed", "outcome", outcome, "error", err)
	}
}

// leave leaves the report open: there is, or may be, an identity that is not mapped,
// or else a mapping whose identity is gone, or may be.
func (r *report) leave(ctx context.Context, cause error) {
	r.service.metrics.event(ctx, string(r.entry.Kind)+"_unfinished")
	r.logger.ErrorContext(ctx, "identity report left open", "acs_id", r.entry.ACSID, "opened", r.entry.Opened, "cause", cause)
}
