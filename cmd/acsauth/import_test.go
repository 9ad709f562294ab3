package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// line returns a mapping in the exchange format.
func line(objectID, acsID string) string {
	return fmt.Sprintf(`{"tenantId":%q,"objectId":%q,"acsUserIdentity":%q}`, tenant, objectID, acsID) + "\n"
}

// inhabited returns a world with three mappings.
func inhabited(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for _, objectID := range []string{alice, bob, carol} {
		w.mapTo(acsauth.User{TenantID: tenant, ObjectID: objectID}, w.cloud.ACS.AddIdentity())
	}
	return w
}

// Users who are mapped to another identity keep theirs, and lines that are no
// mappings are left out. Both are told with their line; the others are imported.
func TestImportLeavesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, other, another := w.cloud.ACS.AddIdentity(), w.cloud.ACS.AddIdentity(), w.cloud.ACS.AddIdentity()
	w.mapTo(acsauth.User{TenantID: tenant, ObjectID: alice}, held)
	input := line(alice, other) + // 1
		"\n  \t\r\n" + // 2 and 3
		line(bob, other) + // 4
		"garbage\n" + // 5
		"  " + strings.TrimSpace(line(alice, held)) + "\r\n" + // 6
		strings.TrimSpace(line(carol, another)) // 7, without an end
	wantErr := "line 1: the user " + tenant + "/" + alice + " is mapped to another identity\n" +
		`line 5: not a JSON object such as {"tenantId":"…","objectId":"…","acsUserIdentity":"8:acs:…"}` + "\n" +
		"acsauth: 2 lines were left out\n"
	file := filepath.Join(t.TempDir(), "mappings.jsonl")
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"import", "--dry-run", "--input", file}, "2 imported, 1 present, 1 conflicts, 0 foreign, 1 malformed\n"},
		{input, []string{"import", "--dry-run"}, "2 imported, 1 present, 1 conflicts, 0 foreign, 1 malformed\n"},
		{line(dave, another), []string{"import", "--input", file}, "2 imported, 1 present, 1 conflicts, 0 foreign, 1 malformed\n"},
		{input, []string{"import"}, "0 imported, 3 present, 1 conflicts, 0 foreign, 1 malformed\n"},
		{input, []string{"import", "--json"}, `{"conflicts":1,"dryRun":false,"foreign":0,"imported":0,"malformed":1,"present":3}` + "\n"},
	} {
		want := result{Status: exitFailure, Stdout: step.want, Stderr: wantErr}
		if diff := cmp.Diff(want, w.run(step.stdin, step.args...)); diff != "" {
			t.Errorf("%q:\n%s", step.args, diff)
		}
	}
	want := map[acsauth.Mapping]string{
		{TenantID: tenant, ObjectID: alice}: held,
		{TenantID: tenant, ObjectID: bob}:   other,
		{TenantID: tenant, ObjectID: carol}: another,
	}
	if diff := cmp.Diff(want, w.mapped()); diff != "" {
		t.Error(diff)
	}
}

const goodID = "8:acs:99999999-1111-4222-8333-444444444444_0000000e-1234-5678-9abc-def012345678"

// The lines that are no mappings, and what is said about them.
var malformed = map[string]string{
	`null`:                  "tenantId is no GUID",
	`{}`:                    "tenantId is no GUID",
	`[]`:                    "not a JSON object",
	`"x"`:                   "not a JSON object",
	`{"tenantId":1}`:        "not a JSON object",
	line(alice, goodID)[1:]: "not a JSON object",
	strings.TrimSpace(line(alice, goodID)) + "}":                              "not a JSON object",
	strings.TrimSpace(line(alice, goodID)) + "]":                              "not a JSON object",
	strings.TrimSpace(line(alice, goodID)) + line(bob, goodID):                "not a JSON object",
	strings.Replace(line(alice, goodID), "{", `{"displayName":"A",`, 1):       "not a JSON object",
	strings.Replace(line(alice, goodID), "{", `{"createdAt":"yesterday",`, 1): "not a JSON object",
	strings.Replace(line(alice, goodID), tenant, "contoso.com", 1):            "tenantId is no GUID",
	strings.Replace(line(alice, goodID), tenant, "{"+tenant+"}", 1):           "tenantId is no GUID",
	line("alice@contoso.com", goodID):                                         "objectId is no GUID",
	line("urn:uuid:"+alice, goodID):                                           "objectId is no GUID",
	line(strings.ReplaceAll(alice, "-", ""), goodID):                          "objectId is no GUID",
	line(alice, ""):                                "acsUserIdentity is not the raw id",
	line(alice, "8:orgid:"+bob):                    "acsUserIdentity is not the raw id",
	line(alice, "8:acs:alice"):                     "acsUserIdentity is not the raw id",
	line(alice, "+14255550123"):                    "acsUserIdentity is not the raw id",
	line(alice, goodID+" "):                        "acsUserIdentity is not the raw id",
	line(alice, goodID+strings.Repeat("0", 1<<10)): "acsUserIdentity is not the raw id",
	`{"tenantId":"` + tenant + `","objectId":"` + alice + `","acsUserIdentity":"` + goodID + `\u0000"}`: "acsUserIdentity is not the raw id",
}

func TestMalformedLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, want := range malformed {
		r := w.run("\n"+text, "import")
		if r.Status != exitFailure || r.Stdout != "0 imported, 0 present, 0 conflicts, 0 foreign, 1 malformed\n" ||
			!strings.HasPrefix(r.Stderr, "line 2: "+want) || !strings.HasSuffix(r.Stderr, "\nacsauth: 1 lines were left out\n") {
			t.Errorf("%s:\n%+v; want %s", text, r, want)
		}
	}
	if held := w.mapped(); len(held) != 0 {
		t.Error(held)
	}
}

// One identity is one user's: in the store, and in what is imported.
func TestImportOfOneIdentityForTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, other := w.cloud.ACS.AddIdentity(), w.cloud.ACS.AddIdentity()
	w.mapTo(acsauth.User{TenantID: tenant, ObjectID: alice}, held)
	input := line(bob, held) + line(carol, other) + line(dave, other)
	another := func(n int, owner string) string {
		return fmt.Sprintf("line %d: the identity is mapped to another user, %s/%s\n", n, tenant, owner)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"import", "--dry-run"}, "1 imported, 0 present, 2 conflicts, 0 foreign, 0 malformed\n"},
		{[]string{"import"}, "1 imported, 0 present, 2 conflicts, 0 foreign, 0 malformed\n"},
		{[]string{"import", "--allow-foreign"}, "0 imported, 1 present, 2 conflicts, 0 foreign, 0 malformed\n"},
	} {
		want := result{Status: exitFailure, Stdout: test.want, Stderr: another(1, alice) + another(3, carol) + "acsauth: 2 lines were left out\n"}
		if diff := cmp.Diff(want, w.run(input, test.args...)); diff != "" {
			t.Errorf("%q:\n%s", test.args, diff)
		}
	}
}

// Identities of other ACS resources are left out: than ACS_RESOURCE_ID names, or those
// of the store, or the first line.
func TestImportOfForeignIdentities(t *testing.T) {
	t.Parallel()
	const strange = "8:acs:88888888-1111-4222-8333-444444444444_0000000e-1234-5678-9abc-def012345678"
	strangeID, goodResource := strange[len("8:acs:"):][:36], goodID[len("8:acs:"):][:36]
	for _, test := range []struct {
		name         string
		resourceID   string // ACS_RESOURCE_ID
		held         string // identity that is mapped already
		input        string
		args         []string
		want, stderr string
	}{
		{"by the first line", "", "", line(bob, goodID) + line(carol, strange), nil,
			"1 imported, 0 present, 0 conflicts, 1 foreign, 0 malformed\n", "line 2: the identity is of the ACS resource " + strangeID + ", and not of " + goodResource},
		{"by the store", "", goodID, line(bob, strange) + line(carol, goodID+"0"), nil,
			"1 imported, 0 present, 0 conflicts, 1 foreign, 0 malformed\n", "line 1: the identity is of the ACS resource " + strangeID + ", and not of " + goodResource},
		{"by the setting", strings.ToUpper(goodResource), strange, line(bob, strange+"0") + line(carol, goodID), nil,
			"1 imported, 0 present, 0 conflicts, 1 foreign, 0 malformed\n", "line 1: the identity is of the ACS resource " + strangeID},
		{"on purpose", goodResource, "", line(bob, strange) + line(carol, goodID), []string{"--allow-foreign"},
			"2 imported, 0 present, 0 conflicts, 0 foreign, 0 malformed\n", ""},
		{"with a byte order mark", "", "", "\ufeff" + line(bob, goodID), nil,
			"1 imported, 0 present, 0 conflicts, 0 foreign, 0 malformed\n", ""},
	} {
		w := newWorld(t)
		w.env["ACS_RESOURCE_ID"] = test.resourceID
		if test.held != "" {
			w.mapTo(acsauth.User{TenantID: tenant, ObjectID: alice}, test.held)
		}
		r := w.run(test.input, append([]string{"import"}, test.args...)...)
		if status := map[bool]int{true: exitOK, false: exitFailure}[test.stderr == ""]; r.Status != status || r.Stdout != test.want || !strings.HasPrefix(r.Stderr, test.stderr) {
			t.Errorf("%s: %+v, want %d, %s%s", test.name, r, status, test.want, test.stderr)
		}
	}
}

// Ids in upper case are the same ids: keys are in lower case.
func TestImportOfUpperCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	input := strings.Replace(line(strings.ToUpper(alice), goodID), tenant, strings.ToUpper(tenant), 1)
	if r := w.run(input+line(alice, goodID), "import"); r.Stdout != "1 imported, 1 present, 0 conflicts, 0 foreign, 0 malformed\n" {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(map[acsauth.Mapping]string{{TenantID: tenant, ObjectID: alice}: goodID}, w.mapped()); diff != "" {
		t.Error(diff)
	}
}

// A line that is too long is malformed like any other, whatever follows it.
func TestImportOfLongLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.run(strings.Repeat("x", 3*maxLine)+"\n"+line(alice, goodID)+strings.Repeat("y", maxLine+1), "import")
	want := result{
		exitFailure, "1 imported, 0 present, 0 conflicts, 0 foreign, 2 malformed\n",
		"line 1: longer than 65536 bytes\nline 3: longer than 65536 bytes\nacsauth: 2 lines were left out\n",
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

// Where the input or the store fails the import ends, and tells where, and how far
// it came.
func TestImportEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var stdout, stderr strings.Builder
	cut := &tool{
		environ: environOf(w.env), stdin: iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(line(bob, goodID)))),
		stdout: &stdout, stderr: &stderr, httpClient: w.cloud.HTTPClient(),
	}
	if status := cut.run(t.Context(), []string{"acsauth", "import"}); status != exitFailure || !strings.Contains(stderr.String(), "line 1: timeout") {
		t.Errorf("status %d: %s%s", status, &stdout, &stderr)
	}
}

// exportedForm is that of an exported line.
var exportedForm = regexp.MustCompile(`^\{"tenantId":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}","objectId":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",` +
	`"acsUserIdentity":"8:(|dod-|gcch-)acs:[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}_[^"\\ ]*","createdAt":"[^"]+Z"\}\n$`)

// Whatever is imported, every line that is not empty is counted once, those that
// are left out are told, what got in has the one form of mappings, and a second
// import finds it.
func FuzzImport(f *testing.F) {
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	env := map[string]string{"ACS_CONNECTION_STRING": resource, "MAPPING_STORE": "sqlite:" + filepath.Join(f.TempDir(), "mappings.db")}
	prepared := &world{TB: f, cloud: c, env: env}
	prepared.succeed("prepare")

	f.Add("")
	f.Add("\n \r\n")
	f.Add(line(alice, goodID) + line(alice, goodID+"0") + line(alice, goodID))
	for text := range malformed {
		f.Add(line(carol, goodID) + text)
	}
	type counts struct{ Imported, Present, Conflicts, Foreign, Malformed int }
	f.Fuzz(func(t *testing.T, input string) {
		w := &world{TB: t, cloud: c, env: env}
		var first, second counts
		r := w.run(input, "import", "--json")
		again := w.run(input, "import", "--json")
		if err := errors.Join(json.Unmarshal([]byte(r.Stdout), &first), json.Unmarshal([]byte(again.Stdout), &second)); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimPrefix(input, "\ufeff"), "\n")
		if !slices.ContainsFunc(lines, func(l string) bool { return len(l) >= maxLine-1 }) {
			filled := len(slices.DeleteFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "" }))
			left := first.Conflicts + first.Foreign + first.Malformed
			if first.Imported+first.Present+left != filled {
				t.Errorf("%+v for %d lines", first, filled)
			}
			if (left > 0) != (r.Status == exitFailure) || left == 0 && r.Status != exitOK || strings.Count(r.Stderr, "line ") < left {
				t.Errorf("%+v: %+v", first, r)
			}
		}
		want := counts{Present: first.Imported + first.Present, Conflicts: first.Conflicts, Foreign: first.Foreign, Malformed: first.Malformed}
		if diff := cmp.Diff(want, second); diff != "" || again.Status != r.Status {
			t.Errorf("a second import: %+v\n%s", again, diff)
		}
		if first.Imported > 0 {
			for exported := range strings.Lines(w.succeed("export")) {
				if !exportedForm.MatchString(exported) {
					t.Errorf("exported: %s", exported)
				}
			}
		}
	})
}
