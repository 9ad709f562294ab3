package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

func (t *tool) prepare() *cli.Command {
	return &cli.Command{
		Name:        "prepare",
		Usage:       "create the store's tables, or bring them up to date",
		Description: "It can be repeated. A file for SQLite is created too; the other commands do not." + settingsHelp,
		Before:      noArguments,
		Action: func(ctx context.Context, c *cli.Command) error {
			p, err := t.open(ctx, c.String("config"), true)
			if err != nil {
				return err
			}
			defer func() { _ = p.Close() }()
			return p.Prepare(ctx)
		},
	}
}

func (t *tool) reconcile() *cli.Command {
	return &cli.Command{
		Name:  "reconcile",
		Usage: "repair what operations left that never came to their end",
		Description: `Deletes identities that were created and never mapped, and finishes deletions. It can
be repeated, and run on several machines at once and beside running servers. Entries
of identities that nobody knows are counted and kept.

The exit status is 1 if something could not be repaired; then run it again.` + settingsHelp,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object a line: one for each entry, and the counts at the end"},
			&cli.DurationFlag{Name: "min-age", DefaultText: "53s", Usage: "spare younger entries, whose operations may be under way; set less only while no server is running"},
			&cli.BoolFlag{Name: "drop-unknown", Usage: "close entries whose identity nobody knows"},
		},
		Before: noArguments,
		Action: t.runReconcile,
	}
}

func (t *tool) runReconcile(ctx context.Context, c *cli.Command) error {
	if c.IsSet("min-age") && c.Duration("min-age") <= 0 {
		return &usageError{fmt.Errorf("--min-age must be positive, such as 1m")}
	}
	p, err := t.open(ctx, c.String("config"), false)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	service, err := t.service(p, c.Bool("dry-run"))
	if err != nil {
		return err
	}
	show := t.showEntry
	if c.Bool("json") {
		show = t.writeEntry
	}
	outcomes, err := service.Reconcile(ctx, acsauth.ReconcileOptions{
		MinAge: c.Duration("min-age"), DryRun: c.Bool("dry-run"), DropUnknown: c.Bool("drop-unknown"), Progress: show,
	})
	if c.Bool("json") {
		t.writeJSON(map[string]any{"outcomes": outcomes, "dryRun": c.Bool("dry-run")})
	} else {
		fmt.Fprintf(t.stdout, "%d mapped, %d deleted, %d unknown, %d failed\n", outcomes[acsauth.OutcomeMapped],
			outcomes[acsauth.OutcomeDeleted], outcomes[acsauth.OutcomeUnknown], outcomes[acsauth.OutcomeFailed])
	}
	return err
}

// showEntry prints an entry for a person.
func (t *tool) showEntry(e acsauth.JournalEntry, outcome acsauth.Outcome, err error) {
	fmt.Fprintf(t.stdout, "%s  %-6s  %s/%s  %s", e.Opened.UTC().Format(time.RFC3339), e.Kind, e.TenantID, e.ObjectID, outcome)
	if e.ACSID != "" {
		fmt.Fprintf(t.stdout, "  %s", e.ACSID)
	}
	if err != nil {
		fmt.Fprintf(t.stdout, "  %v", err)
	}
	fmt.Fprintln(t.stdout)
}

// writeEntry prints an entry for a program.
func (t *tool) writeEntry(e acsauth.JournalEntry, outcome acsauth.Outcome, err error) {
	line := struct {
		ID        string    `json:"id"`
		Kind      string    `json:"kind"`
		TenantID  string    `json:"tenantId"`
		ObjectID  string    `json:"objectId"`
		ACSID     string    `json:"acsUserIdentity,omitempty"`
		RequestID string    `json:"requestId,omitempty"`
		Opened    time.Time `json:"opened"`
		Outcome   string    `json:"outcome"`
		Error     string    `json:"error,omitempty"`
	}{e.ID, string(e.Kind), e.TenantID, e.ObjectID, e.ACSID, e.RequestID, e.Opened.UTC(), string(outcome), ""}
	if err != nil {
		line.Error = err.Error()
	}
	t.writeJSON(line)
}

func (t *tool) writeJSON(v any) { _ = json.NewEncoder(t.stdout).Encode(v) }
