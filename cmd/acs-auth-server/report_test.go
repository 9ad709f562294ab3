package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// Everything is reported at once, in the order of -help.
func TestReport(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "server.env")
	file := "# a file with mistakes\n\nAZURE_TENANT_ID=<your_tenant_id>\nAZURE_CLIENT_NAME=x\nACS_TOKEN_TTL=2\n" +
		"tops3cret\nLOG_LEVEL=info\nLOG_LEVEL=debug\n"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	got := reportOf(t,
		[]string{"-config", path, "-azure-client-secret", "tops3cret", "-frobnicate", "tops3cret", "-request-timeout=soon", "tops3cret"},
		[]string{"AZURE_CLIENT_ID=mine", "azureActiveDirectory_clientSecret= tops3cret", "MAPPING_STORE=mysql://me:tops3cret@db/x",
			"ACS_CONNECTION_STRING=endpoint=http://contoso.communication.azure.com;accesskey=tops3cret"})
	want := `acs-auth-server did not start, because 13 things are wrong with its settings:

  there is no flag -azure-client-secret, because others can see flags: set AZURE_CLIENT_SECRET or AZURE_CLIENT_SECRET_FILE

  there is no flag -frobnicate

  argument number 8 is no flag, and nothing else is expected

  FILE: line 6: not of the form NAME=value

  FILE: line 8: LOG_LEVEL is in line 7 already

  FILE: line 4: there is no setting of the name AZURE_CLIENT_NAME

  AZURE_TENANT_ID is missing: there is only a placeholder (FILE, line 3)
      example: AZURE_TENANT_ID=72f988bf-86f1-41af-91ab-2d7cd011db47

  AZURE_CLIENT_ID must be an application (client) id, a GUID
      set by:  environment variable AZURE_CLIENT_ID
      example: AZURE_CLIENT_ID=11111111-2222-3333-4444-555555555555

  ACS_CONNECTION_STRING: endpoint must use https (http is accepted for loopback addresses only)
  ACS_CONNECTION_STRING: the access key is not standard base64 with padding; copy it as the Azure portal shows it
      set by:  environment variable ACS_CONNECTION_STRING
      example: ACS_CONNECTION_STRING=endpoint=https://contoso.europe.communication.azure.com/;accesskey=<key>

  ACS_TOKEN_TTL must be a duration from 1h to 24h in whole minutes, such as 1h or 90m: leave it out to get what the service chooses
      set by:  FILE, line 5
      example: ACS_TOKEN_TTL=1h

  MAPPING_STORE must be graph, memory, sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or tables:CONNECTION_STRING
      set by:  environment variable MAPPING_STORE
      example: MAPPING_STORE=sqlite:/var/lib/acs-auth-server/mappings.db

  REQUEST_TIMEOUT must be a duration such as 30s, 2m or 1h30m
      set by:  flag -request-timeout
      example: REQUEST_TIMEOUT=30s

acs-auth-server -help lists all settings.
`
	if diff := cmp.Diff(want, strings.ReplaceAll(got, path, "FILE")); diff != "" {
		t.Error(diff)
	}
}

// A secret is not printed wherever somebody puts it, and whatever is printed.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const secret = "tops3cret"
	contains := func(t *testing.T, what, text string) {
		t.Helper()
		if strings.Contains(text, secret) {
			t.Errorf("%s:\n%s", what, text)
		}
	}
	// What is wrong with a server without any settings is reported, whatever
	// else there is to report.
	for _, st := range allSettings() {
		contains(t, "in "+st.name, reportOf(t, nil, []string{st.name + "=" + secret}))
		contains(t, "in "+st.name+"_FILE", reportOf(t, nil, []string{st.name + "_FILE=" + secret}))
		contains(t, "in -"+st.flag(), reportOf(t, []string{"-" + st.flag() + "=" + secret}, nil))
		contains(t, "after -"+st.flag(), reportOf(t, []string{"-" + st.flag(), secret}, nil))
	}
	for _, args := range [][]string{{secret}, {"-x=" + secret}, {"-=" + secret}, {"---" + secret + "="}, {"-dev=" + secret}, {"--", secret}} {
		contains(t, fmt.Sprint(args), reportOf(t, args, nil))
	}
	s := load([]source.Layer{source.Environment([]string{"AZURE_CLIENT_SECRET=" + secret, "ACS_CONNECTION_STRING=" + secret,
		"GRAPH_MAPPING_KEYS=" + key1})}, false, new(problems))
	contains(t, "settings", fmt.Sprintf("%v %+v %#v", s, s, *s))
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	printHelp(&help)
	for _, flag := range []string{"-help", "--help", "-h"} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), []string{flag, "-frobnicate"}, nil, &stdout, &stderr); status != exitOK || stderr.Len() > 0 || stdout.String() != help.String() {
			t.Errorf("%s: exit status %d, not the help, or on standard error:\n%s", flag, status, &stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"-version"}, nil, &stdout, &stderr); status != exitOK || stderr.Len() > 0 {
		t.Errorf("exit status %d, on standard error:\n%s", status, &stderr)
	}
	if got := stdout.String(); !strings.HasPrefix(got, "acs-auth-server ") || strings.Count(got, "\n") != 1 {
		t.Errorf("printed %q", got)
	}
}
