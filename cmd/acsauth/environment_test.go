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
	unreadable := func(name, why string) string {
		return name + " cannot be read from the file that " + name + "_FILE names: " + why
	}
	const gone, nothing = "no such file or directory", "it holds nothing"
	w := newWorld(t)
	for name, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"nothing is set":  {nil, []string{noACS, noStore}},
		"no store":        {map[string]string{"ACS_CONNECTION_STRING": resource}, []string{noStore}},
		"no ACS resource": {map[string]string{"MAPPING_STORE": "postgres://a:" + password + "@db/m"}, []string{noACS}},
		"unknown kind":    {map[string]string{"MAPPING_STORE": "mysql://a:" + password + "@db"}, []string{noACS, badStore}},
		"graph":           {map[string]string{"MAPPING_STORE": "graph", "ACS_CONNECTION_STRING": resource}, []string{badStore}},
		"values and files": {
			map[string]string{
				"MAPPING_STORE": "postgres://a:" + password + "@db/m", "MAPPING_STORE_FILE": secret,
				"ACS_CONNECTION_STRING": resource, "ACS_CONNECTION_STRING_FILE": secret,
			},
			[]string{
				"ACS_CONNECTION_STRING is set (environment variable ACS_CONNECTION_STRING), and so is the file to read it from (environment variable ACS_CONNECTION_STRING_FILE): remove one of them",
				"MAPPING_STORE is set (environment variable MAPPING_STORE), and so is the file to read it from (environment variable MAPPING_STORE_FILE): remove one of them",
			},
		},
		"unreadable files": {
			map[string]string{"MAPPING_STORE_FILE": missing, "ACS_CONNECTION_STRING_FILE": missing},
			[]string{unreadable("ACS_CONNECTION_STRING", gone), unreadable("MAPPING_STORE", gone)},
		},
		"no store and an unreadable file": {
			map[string]string{"ACS_CONNECTION_STRING_FILE": missing},
			[]string{unreadable("ACS_CONNECTION_STRING", gone), noStore},
		},
		"empty files": {
			map[string]string{"MAPPING_STORE_FILE": empty, "ACS_CONNECTION_STRING_FILE": empty},
			[]string{unreadable("ACS_CONNECTION_STRING", nothing), unreadable("MAPPING_STORE", nothing)},
		},
		"the wrong file": {map[string]string{"MAPPING_STORE_FILE": secret, "ACS_CONNECTION_STRING": resource}, []string{badStore}},
		"two ACS resources": {
			map[string]string{"ACS_CONNECTION_STRING": resource, "ACS_ENDPOINT": "https://fabrikam.communication.azure.com"},
			[]string{"ACS_ENDPOINT is set, and so is ACS_CONNECTION_STRING: remove one of them", noStore},
		},
		"a cloud that there is not": {
			map[string]string{"ACS_ENDPOINT": "https://fabrikam.communication.azure.com", "AZURE_CLOUD": "m4rs", "AZURE_AUTHORITY_HOST": "m4rs"},
			[]string{"AZURE_CLOUD must be one of public, usgov, china", "AZURE_AUTHORITY_HOST has no host; an absolute URL such as https://example.com is needed", noStore},
		},
		"another cloud without a scope": {
			map[string]string{"ACS_ENDPOINT": "https://fabrikam.communication.azure.com", "AZURE_CLOUD": "usgov"},
			[]string{"ACS_ENTRA_SCOPE is missing: outside the public cloud ACS_ENDPOINT needs it", noStore},
		},
		"the secret where its file belongs": {
			map[string]string{"MAPPING_STORE_FILE": "postgres://a:" + password + "@db/m", "ACS_CONNECTION_STRING_FILE": resource},
			[]string{unreadable("ACS_CONNECTION_STRING", gone), unreadable("MAPPING_STORE", gone)},
		},
		"placeholders": {
			map[string]string{"MAPPING_STORE": "<postgres://…>", "ACS_CONNECTION_STRING": "<your_connection_string>"},
			[]string{noACS, "MAPPING_STORE is still a placeholder: fill it in or remove it (environment variable MAPPING_STORE)"},
		},
		"two names that disagree": {
			map[string]string{"MAPPING_STORE": "sqlite:", "ACS_CONNECTION_STRING": resource, "communicationServices_connectionString": resource + "A"},
			[]string{"ACS_CONNECTION_STRING has two values that differ (environment variable ACS_CONNECTION_STRING, and environment variable communicationServices_connectionString): remove one of them",
				"MAPPING_STORE names no file: it must be sqlite:FILE"},
		},
		"no GUID, and a wrong address": {
			map[string]string{"MAPPING_STORE": "sqlite::memory:", "ACS_CONNECTION_STRING": "accesskey=" + accessKey, "ACS_RESOURCE_ID": "contoso"},
			[]string{"ACS_CONNECTION_STRING: endpoint is missing", "ACS_RESOURCE_ID must be the immutable id of the ACS resource, a GUID",
				"MAPPING_STORE names a database in memory, of which each connection would have another: it must be sqlite:FILE, or memory for trials of the server"},
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
		"no connection string": {"tables:AccountKey=" + password, resource, exitUsage, "MAPPING_STORE is of no use: the connection string has no AccountName"},
		"no endpoint":          {"sqlite:x.db", "accesskey=" + accessKey, exitUsage, "ACS_CONNECTION_STRING: "},
		"key is not base64":    {"sqlite:x.db", resource + "!", exitUsage, "ACS_CONNECTION_STRING: "},
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

// Settings come from where the server has them from, by the same names: files of their
// own, the file of --config, and names of the siblings. White space around them is
// none of theirs.
func TestWhereSettingsComeFrom(t *testing.T) {
	t.Parallel()
	write := func(content string) (path string) {
		path = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	w := inhabited(t)
	store, acs := w.env["MAPPING_STORE"], w.env["ACS_CONNECTION_STRING"]
	config := write("PORT=5000\nMAPPING_STORE=" + store + "\ncommunicationServices_connectionString=" + acs + "\n")
	for name, test := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"the environment":    {map[string]string{"MAPPING_STORE": " " + store + "\n", "ACS_CONNECTION_STRING": acs + "\n"}, nil},
		"files":              {map[string]string{"MAPPING_STORE_FILE": write(store + "\n\n"), "ACS_CONNECTION_STRING_FILE": write("\ufeff" + acs + " \r\n")}, nil},
		"names of a sibling": {map[string]string{"MAPPING_STORE": store, "CommunicationServices__ConnectionString": acs}, nil},
		"the server's file":  {nil, []string{"--config", config}},
		"the environment before the file": {map[string]string{"MAPPING_STORE": store},
			[]string{"--config", write("MAPPING_STORE=sqlite:/no/such/file\nACS_CONNECTION_STRING=" + acs)}},
		"what only a sign-in needs":         {map[string]string{"MAPPING_STORE": store, "ACS_CONNECTION_STRING": acs, "AZURE_CLOUD": "mars", "AZURE_AUTHORITY_HOST": "mars"}, nil},
		"a placeholder that does not count": {map[string]string{"MAPPING_STORE": store, "ACS_CONNECTION_STRING": acs, "ACS_ENDPOINT": "<your_endpoint>"}, nil},
	} {
		if r := runIn(w, test.env, "", append([]string{"export"}, test.args...)...); r.Status != exitOK || r.Stderr != "3 mappings exported\n" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
