package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// maxLine bounds a line of what is imported.
const maxLine = 64 << 10

// A mappingLine is a mapping in the exchange format: a JSON object a line.
type mappingLine struct {
	TenantID  string     `json:"tenantId"`
	ObjectID  string     `json:"objectId"`
	ACSID     string     `json:"acsUserIdentity"`
	CreatedAt *time.Time `json:"createdAt,omitempty"` // for people; importing stores the time of the import
}

func (t *tool) export() *cli.Command {
	return &cli.Command{
		Name:   "export",
		Usage:  "write all mappings of the ACS resource to standard output, as JSON lines",
		Before: noArguments,
		Action: func(ctx context.Context, _ *cli.Command) error {
			store, _, err := t.open()
			if err != nil {
				return err
			}
			defer func() { _ = store.Close() }()
			out := bufio.NewWriter(t.stdout)
			encoder, n := json.NewEncoder(out), 0
			for m, err := range store.Mappings(ctx) {
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
			return nil
		},
	}
}

func (t *tool) importing() *cli.Command {
	return &cli.Command{
		Name:  "import",
		Usage: "read mappings from standard input, as export writes them, into the store",
		Description: `A mapping that is there already is left alone, so that an import can be repeated. A user
who is mapped to another identity, and a line that is no mapping, are reported with
their line and left out; the exit status is 1 then.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "input", Usage: "read this `FILE` instead of standard input"},
			&cli.BoolFlag{Name: "dry-run", Usage: "look, and write nothing"},
			&cli.BoolFlag{Name: "json", Usage: "print the counts as JSON"},
		},
		Before: noArguments,
		Action: t.runImport,
	}
}

func (t *tool) runImport(ctx context.Context, c *cli.Command) error {
	input := t.stdin
	if name := c.String("input"); name != "" {
		file, err := os.Open(name)
		if err != nil {
			return &usageError{fmt.Errorf("--input: %w", err)}
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	store, _, err := t.open()
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	i := importer{tool: t, store: store, dryRun: c.Bool("dry-run")}
	err = i.read(ctx, input)
	if c.Bool("json") {
		t.writeJSON(map[string]any{"imported": i.imported, "present": i.present, "conflicts": i.conflicts, "malformed": i.malformed, "dryRun": i.dryRun})
	} else {
		fmt.Fprintf(t.stdout, "%d imported, %d present, %d conflicts, %d malformed\n", i.imported, i.present, i.conflicts, i.malformed)
	}
	if left := i.conflicts + i.malformed; err == nil && left > 0 {
		err = fmt.Errorf("%d lines were left out", left)
	}
	return err
}

// An importer brings mappings into a store.
type importer struct {
	*tool
	store  acsauth.IdentityMapper
	dryRun bool

	imported, present, conflicts, malformed int
}

// read imports line by line. It ends with the first failure of the store, after
// which the import can be repeated from the beginning.
func (i *importer) read(ctx context.Context, input io.Reader) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		u, acsID, err := parseLine(text)
		if err != nil {
			i.malformed++
			fmt.Fprintf(i.stderr, "line %d: %v\n", n, err)
			continue
		}
		if err := i.add(ctx, u, acsID); err != nil {
			if !errors.Is(err, acsauth.ErrAlreadyMapped) {
				return fmt.Errorf("line %d: %w", n, err)
			}
			i.conflicts++
			fmt.Fprintf(i.stderr, "line %d: the user %s/%s is mapped to another identity\n", n, u.TenantID, u.ObjectID)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d is longer than %d bytes: these are no mappings", n+1, maxLine)
	case err != nil:
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

func (i *importer) add(ctx context.Context, u acsauth.User, acsID string) error {
	switch held, err := i.store.Lookup(ctx, u); {
	case err == nil && held == acsID:
		i.present++
		return nil
	case err == nil:
		return acsauth.ErrAlreadyMapped
	case !errors.Is(err, acsauth.ErrNotMapped):
		return err
	}
	if !i.dryRun {
		if err := i.store.Create(ctx, u, acsID); err != nil {
			return err
		}
	}
	i.imported++
	return nil
}

// acsIDForm has no room for what a store could refuse, which would end the import.
var acsIDForm = regexp.MustCompile(`^[A-Za-z0-9:_.-]{1,255}$`)

// parseLine reads one mapping, strictly: what is not understood may matter.
func parseLine(text []byte) (u acsauth.User, acsID string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var line mappingLine
	err = decoder.Decode(&line)
	if _, end := decoder.Token(); err != nil || !errors.Is(end, io.EOF) {
		return u, "", errors.New(`not a JSON object such as {"tenantId":"…","objectId":"…","acsUserIdentity":"8:acs:…"}`)
	}
	id := acsidentity.ParseRawID(line.ACSID)
	switch {
	case !syntax.IsGUID(line.TenantID):
		return u, "", errors.New("tenantId is no GUID")
	case !syntax.IsGUID(line.ObjectID):
		return u, "", errors.New("objectId is no GUID")
	case id.Kind != acsidentity.KindCommunicationUser || id.ResourceID == "" || !acsIDForm.MatchString(line.ACSID):
		return u, "", errors.New("acsUserIdentity is not the raw id of an ACS identity, such as 8:acs:…")
	}
	return acsauth.User{TenantID: strings.ToLower(line.TenantID), ObjectID: strings.ToLower(line.ObjectID)}, line.ACSID, nil
}
