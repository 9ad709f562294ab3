package sqlmap_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

const (
	childFile  = "SQLMAP_TEST_CHILD" // the variable that names the database of a child process
	usersOfAll = 50                  // whom every process creates a mapping for
)

// Several processes that start at once on one SQLite file, which is not there yet,
// and create mappings for the same users, see the same winners.
func TestProcesses(t *testing.T) {
	if file := os.Getenv(childFile); file != "" {
		child(t, file)
		return
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/mappings.db"
	outputs := make([][]byte, 4)
	atOnce(len(outputs), func(i int) {
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestProcesses$")
		cmd.Env = append(os.Environ(), childFile+"="+file)
		output, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		outputs[i], _, _ = bytes.Cut(output, []byte("PASS\n"))
	})
	if lines := bytes.Count(outputs[0], []byte("\n")); lines != usersOfAll {
		t.Fatalf("a process has %d mappings, want %d:\n%s", lines, usersOfAll, outputs[0])
	}
	for _, output := range outputs {
		if !bytes.Equal(output, outputs[0]) {
			t.Errorf("two processes see different mappings:\n%s\n%s", outputs[0], output)
		}
	}
}

func child(t *testing.T, file string) {
	t.Helper()
	d := database{dialect: sqlmap.SQLite, open: withDSN(sqlmap.SQLiteDSN(file))}
	m := d.mapper(t, d.open(t))
	migrate(t, m)
	for i := range usersOfAll {
		u := acsauth.User{TenantID: "tenant", ObjectID: fmt.Sprint("user ", i)}
		own := newID()
		err := m.Create(t.Context(), u, own)
		stored, lookup := m.Lookup(t.Context(), u)
		if lookup != nil || (err == nil) != (stored == own) {
			t.Errorf("Create: %v, of %s; Lookup: %v, %s", err, own, lookup, stored)
		}
		fmt.Println(u.ObjectID, stored)
	}
}
