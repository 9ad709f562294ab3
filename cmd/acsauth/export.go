package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"
)

// A mappingLine is a mapping in the exchange format: a JSON object a line.
type mappingLine struct {
	TenantID  string     `json:"tenantId"`
	ObjectID  string     `json:"objectId"`
	ACSID     string     `json:"acsUserIdentity"`
	CreatedAt *time.Time `json:"createdAt,omitempty"` // for people; importing stores the time of the import
}

func (t *tool) export() *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: "write all mappings of the ACS resource to standard output, as JSON lines",
		Description: `If there are none, the exit status is 2: most likely the settings name another ACS
resource than the servers' do.` + settingsHelp,
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "allow-empty", Usage: "there may be no mappings"}},
		Before: noArguments,
		Action: t.runExport,
	}
}

func (t *tool) runExport(ctx context.Context, c *cli.Command) error {
	p, err := t.open(ctx, c.String("config"), false)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	out := bufio.NewWriter(t.stdout)
	encoder, n := json.NewEncoder(out), 0
	for m, err := range p.Mappings(ctx) {
		if err != nil {
			return errors.Join(fmt.Errorf("the export ended after %d mappings: %w", n, err), out.Flush())
		}
		line := mappingLine{TenantID: m.TenantID, ObjectID: m.ObjectID, ACSID: m.ACSID}
		if !m.Created.IsZero() {
			created := m.Created.UTC()
			line.CreatedAt = &created
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
		n++
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t.stderr, "%d mappings exported\n", n)
	if n == 0 && !c.Bool("allow-empty") {
		return &usageError{fmt.Errorf("the store has no mappings of %s: is that the servers' ACS resource, by the same name? "+
			"With --allow-empty there may be none", p.identities.Host())}
	}
	return nil
}
