package acsidentity_test

import (
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

func TestParseConnectionString(t *testing.T) {
	t.Parallel()
	const want = "https://contoso.communication.azure.com"
	for name, s := range map[string]string{
		"as in the portal":   "endpoint=https://contoso.communication.azure.com/;accesskey=" + key,
		"other order":        "accesskey=" + key + ";endpoint=https://contoso.communication.azure.com/",
		"other letter case":  "Endpoint=HTTPS://Contoso.Communication.Azure.COM;AccessKey=" + key,
		"spaces":             "  endpoint = https://contoso.communication.azure.com ; accesskey = " + key + " \n",
		"unknown names":      "endpoint=https://contoso.communication.azure.com;api=1;accesskey=" + key,
		"empty parts":        ";endpoint=https://contoso.communication.azure.com;;accesskey=" + key + ";",
		"default port":       "endpoint=https://contoso.communication.azure.com:443;accesskey=" + key,
		"key with + / and =": "endpoint=https://contoso.communication.azure.com;accesskey=+/+/+w==",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, credential, err := acsidentity.ParseConnectionString(s)
			if err != nil || endpoint != want {
				t.Fatalf("ParseConnectionString = %q, %v", endpoint, err)
			}
			client := mustNew(t, acsidentity.Config{Endpoint: endpoint, Credential: credential})
			if whole := mustNew(t, acsidentity.Config{ConnectionString: s}); whole.Endpoint() != client.Endpoint() {
				t.Errorf("New made %q of it", whole.Endpoint())
			}
		})
	}
}

func TestParseConnectionStringRefuses(t *testing.T) {
	t.Parallel()
	const (
		goodEndpoint = "endpoint=https://contoso.communication.azure.com/"
		goodKey      = "accesskey=" + key
	)
	for s, want := range map[string][]string{
		"":                           {"endpoint is missing", "accesskey is missing"},
		goodEndpoint:                 {"accesskey is missing"},
		goodKey:                      {"endpoint is missing"},
		goodEndpoint + ";accesskey=": {"accesskey is missing"},
		"endpoint=;" + goodKey:       {"endpoint is missing"},
		goodEndpoint + ";" + goodEndpoint + ";" + goodKey:   {"endpoint is given more than once"},
		goodEndpoint + ";" + goodKey + ";ACCESSKEY=":        {"accesskey is given more than once"},
		goodEndpoint + ";sekret;" + goodKey:                 {"not of the form name=value"},
		goodEndpoint + ";accesskey=sekret":                  {"not standard base64"},
		goodEndpoint + ";accesskey=c2VrcmV0_-":              {"not standard base64"},
		goodEndpoint + ";accesskey=c2VrcmV0MQ":              {"not standard base64"},
		"endpoint=http://sekret.example;" + goodKey:         {"must use https"},
		"endpoint=sekret.example;" + goodKey:                {"absolute URL"},
		"endpoint=https://sekret.example/x;" + goodKey:      {"must not have a path"},
		"endpoint=https://u:sekret@h.example;" + goodKey:    {"user information"},
		"endpoint=https://h.example?sekret=1;" + goodKey:    {"query or fragment"},
		"endpoint=https://sekret%zz;accesskey=sekret":       {"is not a URL", "not standard base64"},
		`"endpoint=https://sekret.example;` + goodKey + `"`: {"endpoint is missing", "not standard base64"},
	} {
		endpoint, credential, err := acsidentity.ParseConnectionString(s)
		if err == nil || endpoint != "" {
			t.Errorf("%q: %q, %v", s, endpoint, err)
			continue
		}
		if _, err := acsidentity.New(acsidentity.Config{Endpoint: "https://h.example", Credential: credential}); err == nil {
			t.Errorf("%q: the credential is usable", s)
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(want) {
			t.Errorf("%q: %v, want %q", s, err, want)
			continue
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("%q: %q, want %q", s, lines[i], want[i])
			}
		}
		if strings.Contains(err.Error(), "sekret") {
			t.Errorf("%q: the error repeats the input: %v", s, err)
		}
	}
}

func FuzzParseConnectionString(f *testing.F) {
	f.Add("endpoint=https://contoso.communication.azure.com/;accesskey=" + key)
	f.Add("endpoint=https://localhost/;accesskey=pw==")
	f.Add("ACCESSKEY=" + key + "; endpoint=http://[::1]:80")
	f.Add("endpoint=https://a/b;accesskey=!;;=;x")
	f.Fuzz(func(t *testing.T, s string) {
		endpoint, credential, err := acsidentity.ParseConnectionString(s)
		if err != nil {
			if endpoint != "" {
				t.Errorf("%q together with %v", endpoint, err)
			}
			return
		}
		client, err := acsidentity.New(acsidentity.Config{Endpoint: endpoint, Credential: credential})
		if err != nil {
			t.Fatalf("New refuses what was parsed: %v", err)
		}
		if client.Endpoint() != endpoint {
			t.Errorf("endpoint %q becomes %q", endpoint, client.Endpoint())
		}
		if client.Host() != strings.ToLower(client.Host()) {
			t.Errorf("host %q is not in lower case", client.Host())
		}
	})
}
