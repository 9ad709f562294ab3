package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	password  = "hunter2hunter2"
	accessKey = "c2VjcmV0c2VjcmV0c2VjcmV0"
	resource  = "endpoint=https://contoso.communication.azure.com/;accesskey=" + accessKey
)

// All that is wrong with the environment is reported at once, without the values.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	const (
		forms    = "must be sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or tables:CONNECTION_STRING"
		noStore  = "MAPPING_STORE is not set: it " + forms
		badStore = "MAPPING_STORE " + forms + "; the stores graph and memory have nothing to look after"
		noACS    = "ACS_CONNECTION_STRING is not set, nor is ACS_ENDPOINT: one of them must name the ACS resource"
	)
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	secret, empty, missing := write("secret", accessKey), write("empty", " \n"), filepath.Join(dir, "missing")
	unreadable := "_FILE names a file that cannot be read: open " + missing + ": no such file or directory"
	w := newWorld(t)
	for name, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"nothing is set":  {nil, []string{noStore, noACS}},
		"no store":        {map[string]string{"ACS_CONNECTION_STRING": resource}, []string{noStore}},
		"no ACS resource": {map[string]string{"MAPPING_STORE": "sqlite:x.db"}, []string{noACS}},
		"unknown kind":    {map[string]string{"MAPPING_STORE": "mysql://a:" + password + "@db"}, []string{badStore, noACS}},
		"graph":           {map[string]string{"MAPPING_STORE": "graph", "ACS_CONNECTION_STRING": resource}, []string{badStore}},
		"values and files": {
			map[string]string{
				"MAPPING_STORE": "postgres://a:" + password + "@db/m", "MAPPING_STORE_FILE": secret,
				"ACS_CONNECTION_STRING": resource, "ACS_CONNECTION_STRING_FILE": secret,
			},
			[]string{
				"MAPPING_STORE is set, and so is MAPPING_STORE_FILE: remove one of them",
				"ACS_CONNECTION_STRING is set, and so is ACS_CONNECTION_STRING_FILE: remove one of them",
			},
		},
		"unreadable files": {
			map[string]string{"MAPPING_STORE_FILE": missing, "ACS_CONNECTION_STRING_FILE": missing},
			[]string{"MAPPING_STORE" + unreadable, "ACS_CONNECTION_STRING" + unreadable},
		},
		"no store and an unreadable file": {
			map[string]string{"ACS_CONNECTION_STRING_FILE": missing},
			[]string{noStore, "ACS_CONNECTION_STRING" + unreadable},
		},
		"empty files": {
			map[string]string{"MAPPING_STORE_FILE": empty, "ACS_CONNECTION_STRING_FILE": empty},
			[]string{"MAPPING_STORE_FILE names an empty file", "ACS_CONNECTION_STRING_FILE names an empty file"},
		},
		"the wrong file": {map[string]string{"MAPPING_STORE_FILE": secret, "ACS_CONNECTION_STRING": resource}, []string{badStore}},
		"two ACS resources": {
			map[string]string{"ACS_CONNECTION_STRING": resource, "ACS_ENDPOINT": "https://fabrikam.communication.azure.com"},
			[]string{noStore, "ACS_ENDPOINT is set, and so is ACS_CONNECTION_STRING: remove one of them"},
		},
		"no file": {
			map[string]string{"MAPPING_STORE": "sqlite:", "ACS_CONNECTION_STRING": resource},
			[]string{"MAPPING_STORE names no file: it must be sqlite:FILE"},
		},
	} {
		for _, command := range []string{"prepare", "reconcile", "export", "import"} {
			want := result{Status: exitUsage, Stderr: "acsauth: " + strings.Join(test.want, "\n") + "\n"}
			if diff := cmp.Diff(want, runIn(w, test.env, "", command)); diff != "" {
				t.Errorf("%s: %s:\n%s", name, command, diff)
			}
		}
	}
}

// What a library says about a setting names the setting, and no secret in it.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]struct {
		store, acs string
		status     int
		want       string
	}{
		"no URL":               {"postgres://a:" + password + "%zz@db/m", resource, exitUsage, "MAPPING_STORE is not a URL"},
		"unknown parameter":    {"postgres://a:" + password + "@127.0.0.1:1/m?sslmode=x", resource, exitUsage, "MAPPING_STORE is not a URL"},
		"nobody listens":       {"postgres://a:" + password + "@127.0.0.1:1/m", resource, exitFailure, "sqlmap"},
		"no connection string": {"tables:AccountName=a;AccountKey=" + password, resource, exitUsage, "MAPPING_STORE"},
		"no endpoint":          {"sqlite:x.db", "accesskey=" + accessKey, exitUsage, "ACS_CONNECTION_STRING or ACS_ENDPOINT: "},
		"key is not base64":    {"sqlite:x.db", resource + "!", exitUsage, "ACS_CONNECTION_STRING or ACS_ENDPOINT: "},
	} {
		r := runIn(w, map[string]string{"MAPPING_STORE": test.store, "ACS_CONNECTION_STRING": test.acs}, "", "prepare")
		if r.Status != test.status || r.Stdout != "" || !strings.Contains(r.Stderr, test.want) {
			t.Errorf("%s: %+v; want status %d and %q", name, r, test.status, test.want)
		}
		for _, secret := range []string{password, accessKey} {
			if strings.Contains(r.Stderr, secret) {
				t.Errorf("%s: a secret is printed: %s", name, r.Stderr)
			}
		}
	}
}

// Both secrets can come from files, whose last line may have an end.
func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"MAPPING_STORE", "ACS_CONNECTION_STRING"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(w.env[name]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		delete(w.env, name)
		w.env[name+"_FILE"] = file
	}
	if diff := cmp.Diff(result{Stderr: "0 mappings exported\n"}, w.run("", "export")); diff != "" {
		t.Error(diff)
	}
}
