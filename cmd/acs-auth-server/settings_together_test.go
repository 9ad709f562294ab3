package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// What belongs together is checked together.
func TestSettingsTogether(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		environ []string
		want    []string // parts of lines, one for every problem
	}{
		{"several credentials", []string{"AZURE_CLIENT_CERTIFICATE_PATH=/x"}, []string{"OBO_CREDENTIAL is missing: there are several credentials (secret, certificate)"}},
		{"a credential that is named but absent", []string{"OBO_CREDENTIAL=certificate"}, []string{"AZURE_CLIENT_CERTIFICATE_PATH is missing: OBO_CREDENTIAL asks for it"}},
		{"a managed identity besides", []string{"MANAGED_IDENTITY_CLIENT_ID=" + guid1}, []string{"OBO_CREDENTIAL is missing: there are several credentials (secret, managed-identity)"}},
		{"a managed identity that is named but absent", []string{"OBO_CREDENTIAL=managed-identity"}, []string{"MANAGED_IDENTITY_CLIENT_ID is missing: OBO_CREDENTIAL asks for it"}},
		{"no credential", []string{"AZURE_CLIENT_SECRET="}, []string{"AZURE_CLIENT_SECRET is missing: set it, or"}},
		{"a tenant that makes no address", []string{"AZURE_TENANT_ID=m4l\nformed", "ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://a"}, []string{"AZURE_TENANT_ID must be"}},
		{"two ways to ACS", []string{"ACS_ENDPOINT=https://a"}, []string{"ACS_ENDPOINT is set, and so is ACS_CONNECTION_STRING"}},
		{"no way to ACS", []string{"ACS_CONNECTION_STRING="}, []string{"ACS_CONNECTION_STRING is missing"}},
		{"an absent credential for ACS", []string{"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://a", "ACS_CREDENTIAL=certificate"},
			[]string{"AZURE_CLIENT_CERTIFICATE_PATH is missing: ACS_CREDENTIAL asks for it"}},
		{"Entra ID and ACS outside the public cloud", []string{"AZURE_CLOUD=usgov", "ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://a"}, []string{"ACS_ENTRA_SCOPE is missing"}},
		{"no keys", []string{"GRAPH_MAPPING_KEYS="}, []string{"GRAPH_MAPPING_KEYS is missing: make a key with `openssl rand -base64 32`"}},
		{"keys and trust", []string{"GRAPH_UNSIGNED_MAPPINGS=trust"}, []string{"GRAPH_UNSIGNED_MAPPINGS must not be trust with GRAPH_MAPPING_KEYS"}},
		{"adopt without an end", []string{"GRAPH_UNSIGNED_MAPPINGS=adopt"}, []string{"GRAPH_ADOPT_UNTIL is missing"}},
		{"an end without adopt", []string{"GRAPH_ADOPT_UNTIL=2027-01-01T00:00:00Z"}, []string{"GRAPH_ADOPT_UNTIL has a meaning only with"}},
		{"a delay that is too long", []string{"SHUTDOWN_DELAY=10s"}, []string{"SHUTDOWN_TIMEOUT must be more than SHUTDOWN_DELAY and 23s together"}},
		{"two names that disagree", []string{"azureActiveDirectory_clientId=" + guid1}, []string{"AZURE_CLIENT_ID has two values that differ"}},
		{"a secret and its file", []string{"AZURE_CLIENT_SECRET_FILE=/m4lformed"}, []string{"AZURE_CLIENT_SECRET is set (environment variable AZURE_CLIENT_SECRET), and so is the file"}},
		{"a file that is not there", []string{"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_SECRET_FILE=/m4lformed"}, []string{"AZURE_CLIENT_SECRET cannot be read from the file that AZURE_CLIENT_SECRET_FILE names: no such file"}},
		{"a placeholder", []string{"AZURE_CLIENT_ID=<your_client_id>"}, []string{"AZURE_CLIENT_ID is missing: there is only a placeholder"}},
		{"a placeholder for a certificate", []string{"TLS_CERT_FILE=<path>", "TLS_KEY_FILE=<path>"}, []string{"TLS_CERT_FILE is still a placeholder", "TLS_KEY_FILE is still a placeholder"}},
		{"a placeholder for an address", []string{"LISTEN_ADDR=<127.0.0.1:5000>"}, []string{"LISTEN_ADDR is still a placeholder"}},
		{"a placeholder for a store", []string{"MAPPING_STORE=<postgres://…>", "GRAPH_MAPPING_KEYS="}, []string{"MAPPING_STORE is still a placeholder"}},
		{"a store that cannot be read", []string{"MAPPING_STORE_FILE=/m4lformed", "GRAPH_MAPPING_KEYS="}, []string{"MAPPING_STORE cannot be read from the file that MAPPING_STORE_FILE names: no such file"}},
		{"a database in memory", []string{"MAPPING_STORE=sqlite::memory:"}, []string{"MAPPING_STORE names a database in memory"}},
		{"a table without an account", []string{"MAPPING_STORE=tables:AccountKey=m4lformed"}, []string{"MAPPING_STORE is of no use: the connection string has no AccountName"}},
		{"a scope with its resource", []string{"REQUIRED_SCOPE=api://" + guid2 + "/access_as_user"}, []string{"REQUIRED_SCOPE must be the short name of one permission, such as access_as_user, without the resource before it"}},
		{"one address twice", []string{"LISTEN_ADDR=127.0.0.1:5000", "ADMIN_ADDR=127.0.0.1:5000"}, []string{"ADMIN_ADDR must have another port than LISTEN_ADDR"}},
		{"one address by its zeros", []string{"LISTEN_ADDR=[::1]:05000", "ADMIN_ADDR=[0:0::1]:5000"}, []string{"ADMIN_ADDR must have another port than LISTEN_ADDR"}},
		{"an address within all", []string{"ADMIN_ADDR=127.0.0.1:5000"}, []string{"ADMIN_ADDR must have another port than LISTEN_ADDR"}},
		{"a short key", []string{"GRAPH_MAPPING_KEYS=" + key1 + ",bTRsZm9ybWVk"}, []string{"GRAPH_MAPPING_KEYS has keys of no use: number 2 has 9 bytes, and needs at least 32 random ones"}},
		{"a key twice", []string{"GRAPH_MAPPING_KEYS=" + key1 + "," + key2 + "\n" + key1}, []string{"GRAPH_MAPPING_KEYS has keys of no use: number 3 repeats number 1"}},
		{"a pipe for the audit log", []string{"AUDIT_LOG=" + pipe(t)}, []string{"AUDIT_LOG cannot be opened for writing: it is a pipe or a socket"}},
		{"a pipe for a secret", []string{"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_SECRET_FILE=" + pipe(t)}, []string{"AZURE_CLIENT_SECRET cannot be read from the file that AZURE_CLIENT_SECRET_FILE names: it is no regular file"}},
		{"a pipe for a certificate", []string{"TLS_CERT_FILE=" + pipe(t), "TLS_KEY_FILE=/dev/zero"}, []string{"TLS_CERT_FILE names a file that is of no use: it is no regular file", "TLS_KEY_FILE names a file that is of no use: it is no regular file"}},
		{"a secret with NUL", []string{"AZURE_CLIENT_SECRET=m4lformed\x00"}, []string{"AZURE_CLIENT_SECRET cannot be used as it stands (environment variable AZURE_CLIENT_SECRET): it holds control characters"}},
		{"a placeholder for a secret", []string{"AZURE_CLIENT_SECRET=<your_secret>"}, []string{"AZURE_CLIENT_SECRET is missing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report := reportOf(t, nil, with(enough, test.environ...))
			for _, want := range test.want {
				if !strings.Contains(report, "\n  "+want) {
					t.Errorf("no line begins with %q:\n%s", want, report)
				}
			}
			if n := strings.Count(report, "\n\n  "); n != len(test.want) {
				t.Errorf("%d problems, want %d:\n%s", n, len(test.want), report)
			}
			if strings.Contains(report, "\nWithout keys") { // the rest of a text of several lines
				t.Errorf("not indented:\n%s", report)
			}
			if strings.Contains(report, "m4lformed") {
				t.Errorf("the report repeats a value:\n%s", report)
			}
		})
	}
}

// These start: what is not needed need not be there, and what agrees is no mistake.
func TestSettingsThatGoTogether(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"the fewest":                   nil,
		"one value under two names":    {"azureActiveDirectory_clientId=" + guid2},
		"a placeholder under an alias": {"azureActiveDirectory_clientId=<your_client_id>"},
		"memory needs no credential":   {"MAPPING_STORE=memory", "AZURE_CLIENT_SECRET=", "GRAPH_MAPPING_KEYS="},
		"trust needs no keys":          {"GRAPH_UNSIGNED_MAPPINGS=trust", "GRAPH_MAPPING_KEYS="},
		"adopt until":                  {"GRAPH_UNSIGNED_MAPPINGS=adopt", "GRAPH_ADOPT_UNTIL=2027-01-01T00:00:00Z"},
		"a credential among several":   {"OBO_CREDENTIAL=secret", "AZURE_CLIENT_CERTIFICATE_PATH=/x"},
		"a managed identity":           {"AZURE_CLIENT_SECRET=", "MANAGED_IDENTITY_CLIENT_ID=" + guid1},
		"a managed identity for ACS": {"MANAGED_IDENTITY_CLIENT_ID=" + guid1, "OBO_CREDENTIAL=secret", "ACS_CREDENTIAL=managed-identity",
			"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://contoso.communication.azure.com"},
		"Entra ID and ACS":                {"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://contoso.communication.azure.com"},
		"a verified domain":               {"AZURE_TENANT_ID=contoso.onmicrosoft.com"},
		"the United States' government":   {"AZURE_CLOUD=usgov"},
		"an instance as C# has it":        {"AzureActiveDirectory__Instance=https://login.microsoftonline.com/"},
		"addresses of their own":          {"LISTEN_ADDR=127.0.0.1:5000", "ADMIN_ADDR=127.0.0.2:5000"},
		"any two ports":                   {"LISTEN_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0"},
		"keys on lines of their own":      {"GRAPH_MAPPING_KEYS=" + key1 + "\n" + key2 + "\r\n"},
		"scopes as C# has them":           {"CommunicationServices__Scopes__0=voip", "CommunicationServices__Scopes__1=chat"},
		"everything a platform may add":   {"PORT=8080", "HOME=/", "PATH=/bin"},
		"every tenant, but only if asked": {"ALLOWED_TENANTS=*"},
	}
	for name, environ := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := new(problems)
			s := load([]source.Layer{source.Environment(with(enough, environ...))}, false, p)
			logger := slog.New(slog.DiscardHandler)
			compose(s, surroundings{logger: logger, audit: logger}, p)
			if p.any() {
				var report bytes.Buffer
				p.write(&report)
				t.Error(report.String())
			}
		})
	}
}

func TestDependentDefaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		environ []string
		dev     bool
		get     func(*settings) any
		want    any
	}{
		{"Entra ID in China", []string{"AZURE_CLOUD=china"}, false, func(s *settings) any { return s.authorityHost }, "https://login.partner.microsoftonline.cn"},
		{"Graph in China", []string{"AZURE_CLOUD=china"}, false, func(s *settings) any { return s.graphBaseURL }, "https://microsoftgraph.chinacloudapi.cn/v1.0"},
		{"scope for Graph in the US", []string{"AZURE_CLOUD=usgov"}, false, func(s *settings) any { return s.graphScope }, "https://graph.microsoft.us/.default"},
		{"the scope does not follow the address", []string{"GRAPH_BASE_URL=https://g/v1.0"}, false, func(s *settings) any { return s.graphScope }, "https://graph.microsoft.com/.default"},
		{"federation in China", []string{"AZURE_CLOUD=china"}, false, func(s *settings) any { return s.federationAudience }, "api://AzureADTokenExchangeChina"},
		{"Teams", []string{"AZURE_CLIENT_ID=" + guid1}, false, func(s *settings) any { return s.origins["TEAMS_CLIENT_IDS"].value }, guid1},
		{"LISTEN_ADDR beats PORT", []string{"LISTEN_ADDR=:1", "PORT=2"}, false, func(s *settings) any { return s.listenAddr }, ":1"},
		{"-dev listens to this machine", nil, true, func(s *settings) any { return s.listenAddr }, "127.0.0.1:5000"},
		{"-dev and PORT", []string{"PORT=8080"}, true, func(s *settings) any { return s.listenAddr }, "127.0.0.1:8080"},
		{"numbered entries in order", []string{"CommunicationServices__Scopes__10=chat", "CommunicationServices__Scopes__2=voip", "CommunicationServices__Scopes__02=x", "CommunicationServices__Scopes__=x"}, false,
			func(s *settings) any { return s.acsTokenScopes }, []string{"voip", "chat"}},
		{"numbered entries", []string{"CommunicationServices__Scopes__0=voip", "CommunicationServices__Scopes__1=chat"}, false,
			func(s *settings) any { return s.acsTokenScopes }, []string{"voip", "chat"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := load([]source.Layer{source.Environment(test.environ)}, test.dev, new(problems))
			if diff := cmp.Diff(test.want, test.get(s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
