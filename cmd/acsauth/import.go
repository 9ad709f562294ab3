package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// maxLine bounds a line of what is imported.
const maxLine = 64 << 10

func (t *tool) importing() *cli.Command {
	return &cli.Command{
		Name:  "import",
		Usage: "read mappings from standard input, as export writes them, into the store",
		Description: `A mapping that is there already is left alone, so that an import can be repeated. These
lines are reported and left out, and the exit status is 1 then:

  conflicts    the user is mapped to another identity, or the identity to another user
  foreign      the identity is of another ACS resource: than ACS_RESOURCE_ID says or,
               without it, than a mapping in the store or the first line
  malformed    the line is no mapping` + settingsHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "input", Usage: "read this `FILE` instead of standard input"},
			&cli.BoolFlag{Name: "dry-run", Usage: "look, and write nothing"},
			&cli.BoolFlag{Name: "json", Usage: "print the counts as JSON"},
			&cli.BoolFlag{Name: "allow-foreign", Usage: "import identities of other ACS resources too, which the server refuses to use"},
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
			var failed *fs.PathError
			if errors.As(err, &failed) {
				err = failed.Err
			}
			return &usageError{fmt.Errorf("the file of --input cannot be read: %w", err)}
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	p, err := t.open(ctx, c.String("config"), false)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	i := importer{tool: t, store: p.Store, dryRun: c.Bool("dry-run"), allowForeign: c.Bool("allow-foreign"), resourceID: p.resourceID}
	if err := i.look(ctx); err != nil {
		return err
	}
	err = i.read(ctx, input)
	if c.Bool("json") {
		t.writeJSON(map[string]any{"imported": i.imported, "present": i.present, "conflicts": i.conflicts, "foreign": i.foreign,
			"malformed": i.malformed, "dryRun": i.dryRun})
	} else {
		fmt.Fprintf(t.stdout, "%d imported, %d present, %d conflicts, %d foreign, %d malformed\n", i.imported, i.present, i.conflicts, i.foreign, i.malformed)
	}
	if left := i.conflicts + i.foreign + i.malformed; err == nil && left > 0 {
		err = fmt.Errorf("%d lines were left out", left)
	}
	return err
}

// An importer brings mappings into a store.
type importer struct {
	*tool
	store                stores.Mapper
	dryRun, allowForeign bool

	resourceID string           // whose identities they are; "": nobody has said yet
	owners     map[string]owner // of the identities that are mapped

	imported, present, conflicts, foreign, malformed int
}

// An owner is the user whom an identity is mapped to.
type owner struct{ tenantID, objectID string }

// look finds out whose the identities are that are mapped already. A store cannot be
// asked for that, but lists its mappings.
func (i *importer) look(ctx context.Context) error {
	i.owners = make(map[string]owner)
	for m, err := range i.store.Mappings(ctx) {
		if err != nil {
			return err
		}
		i.owners[m.ACSID] = owner{m.TenantID, m.ObjectID}
		i.resourceID = cmp.Or(i.resourceID, acsidentity.ParseRawID(m.ACSID).ResourceID)
	}
	return nil
}

// read imports line by line. It ends with the first failure of the store, after
// which the import can be repeated from the beginning.
func (i *importer) read(ctx context.Context, input io.Reader) error {
	lines := bufio.NewReaderSize(input, maxLine)
	for n := 1; ; n++ {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			i.malformed++
			fmt.Fprintf(i.stderr, "line %d: longer than %d bytes\n", n, maxLine)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			text = nil
		}
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: %w", n, err)
		}
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors put it there
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		said, err := i.take(ctx, text)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if said != "" {
			fmt.Fprintf(i.stderr, "line %d: %s\n", n, said)
		}
	}
}

// take imports one line, or says why it is left out.
func (i *importer) take(ctx context.Context, text []byte) (leftOut string, err error) {
	u, acsID, err := parseLine(text)
	if err != nil {
		i.malformed++
		return err.Error(), nil
	}
	resourceID := acsidentity.ParseRawID(acsID).ResourceID
	i.resourceID = cmp.Or(i.resourceID, resourceID)
	if !i.allowForeign && !strings.EqualFold(resourceID, i.resourceID) {
		i.foreign++
		return fmt.Sprintf("the identity is of the ACS resource %s, and not of %s", resourceID, i.resourceID), nil
	}
	held, err := i.store.Lookup(ctx, u)
	switch {
	case err == nil && held == acsID:
		i.present++
		return "", nil
	case err == nil:
		return i.conflict("the user %s/%s is mapped to another identity", u.TenantID, u.ObjectID), nil
	case !errors.Is(err, acsauth.ErrNotMapped):
		return "", err
	}
	who := owner{u.TenantID, u.ObjectID}
	if other, mapped := i.owners[acsID]; mapped && other != who {
		return i.conflict("the identity is mapped to another user, %s/%s", other.tenantID, other.objectID), nil
	}
	if !i.dryRun {
		err := i.store.Create(ctx, u, acsID)
		switch {
		case errors.Is(err, acsauth.ErrAlreadyMapped): // since a moment ago
			return i.conflict("the user %s/%s is mapped to another identity", u.TenantID, u.ObjectID), nil
		case err != nil:
			return "", err
		}
	}
	i.owners[acsID] = who
	i.imported++
	return "", nil
}

func (i *importer) conflict(format string, args ...any) string {
	i.conflicts++
	return fmt.Sprintf(format, args...)
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
