package acsidentity_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

func TestNewReportsMistakes(t *testing.T) {
	t.Parallel()
	const endpoint = "https://contoso.communication.azure.com"
	good := acsidentity.AccessKey(key)
	tests := map[string]struct {
		config acsidentity.Config
		want   []string // each in a line of its own
	}{
		"nothing":                    {acsidentity.Config{}, []string{"needs a ConnectionString, or an Endpoint and a Credential"}},
		"both ways":                  {acsidentity.Config{ConnectionString: "endpoint=" + endpoint + ";accesskey=" + key, Endpoint: endpoint, Credential: good}, []string{"exclude each other"}},
		"no credential":              {acsidentity.Config{Endpoint: endpoint}, []string{"Config.Credential is missing"}},
		"no endpoint":                {acsidentity.Config{Credential: good}, []string{"Config.Endpoint is missing"}},
		"blank endpoint":             {acsidentity.Config{Endpoint: " ", Credential: good}, []string{"Config.Endpoint is missing"}},
		"plain http":                 {acsidentity.Config{Endpoint: "http://contoso.communication.azure.com", Credential: good}, []string{"must use https"}},
		"path":                       {acsidentity.Config{Endpoint: endpoint + "/identities", Credential: good}, []string{"must not have a path"}},
		"query":                      {acsidentity.Config{Endpoint: endpoint + "?a=b", Credential: good}, []string{"query or fragment"}},
		"user information":           {acsidentity.Config{Endpoint: "https://a:b@contoso.communication.azure.com", Credential: good}, []string{"user information"}},
		"host outside ASCII":         {acsidentity.Config{Endpoint: "https://bücher.example", Credential: good}, []string{"ASCII letters"}},
		"key is not base64":          {acsidentity.Config{Endpoint: endpoint, Credential: acsidentity.AccessKey("s3cret!")}, []string{"not standard base64"}},
		"key is empty":               {acsidentity.Config{Endpoint: endpoint, Credential: acsidentity.AccessKey("")}, []string{"not standard base64"}},
		"nil credential function":    {acsidentity.Config{Endpoint: endpoint, Credential: acsidentity.CredentialFunc(nil)}, []string{"CredentialFunc is nil"}},
		"nil token function":         {acsidentity.Config{Endpoint: endpoint, Credential: acsidentity.BearerToken(nil)}, []string{"BearerToken is nil"}},
		"version is no date":         {acsidentity.Config{Endpoint: endpoint, Credential: good, APIVersion: "latest&x=y"}, []string{"Config.APIVersion"}},
		"version without a lifetime": {acsidentity.Config{Endpoint: endpoint, Credential: good, APIVersion: "2022-06-01"}, []string{"too old"}},
		"negative time-out":          {acsidentity.Config{Endpoint: endpoint, Credential: good, AttemptTimeout: -1}, []string{"Config.AttemptTimeout"}},
		"many retries":               {acsidentity.Config{Endpoint: endpoint, Credential: good, MaxRetries: 11}, []string{"Config.MaxRetries must be at most 10"}},
		"both ways, and each is wrong": {
			acsidentity.Config{ConnectionString: "endpoint=ftp://h", Endpoint: "ftp://h", Credential: acsidentity.AccessKey("s3cret!")},
			[]string{"exclude each other", "ConnectionString: endpoint must use https", "ConnectionString: accesskey is missing", "Config.Endpoint must use https", "Config.Credential: the access key is not standard base64"},
		},
		"a connection string with mistakes, and an endpoint": {
			acsidentity.Config{ConnectionString: "accesskey=s3cret!", Endpoint: endpoint},
			[]string{"exclude each other", "ConnectionString: endpoint is missing", "not standard base64"},
		},
		"a connection string with mistakes, and a credential": {
			acsidentity.Config{ConnectionString: "accesskey=s3cret!", Credential: good},
			[]string{"exclude each other", "ConnectionString: endpoint is missing", "not standard base64"},
		},
		"neither endpoint nor a usable credential": {
			acsidentity.Config{Credential: acsidentity.AccessKey("s3cret!")}, []string{"Config.Endpoint is missing", "not standard base64"},
		},
		"everything at once": {
			acsidentity.Config{ConnectionString: "endpoint=ftp://h;accesskey=s3cret!", APIVersion: "1", AttemptTimeout: -1, MaxRetries: 99},
			[]string{"endpoint must use https", "not standard base64", "Config.APIVersion", "Config.AttemptTimeout", "Config.MaxRetries"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := acsidentity.New(tt.config)
			if err == nil || client != nil {
				t.Fatalf("New = %v, %v", client, err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("New reports\n%v\nwant %d lines", err, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], "acsidentity: ") || !strings.Contains(lines[i], want) {
					t.Errorf("line %q, want it to hold %q", lines[i], want)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats the key: %v", err)
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	tests := []struct{ given, endpoint, host string }{
		{"https://contoso.communication.azure.com", "https://contoso.communication.azure.com", "contoso.communication.azure.com"},
		{" https://Contoso.Europe.Communication.Azure.Com:443/ ", "https://contoso.europe.communication.azure.com", "contoso.europe.communication.azure.com"},
		{"https://localhost:8443/", "https://localhost:8443", "localhost:8443"},
		{"http://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1"},
		{"http://[::1]:8080//", "http://[::1]:8080", "[::1]:8080"},
	}
	for _, tt := range tests {
		client := mustNew(t, acsidentity.Config{Endpoint: tt.given, Credential: acsidentity.AccessKey(key)})
		if client.Endpoint() != tt.endpoint || client.Host() != tt.host {
			t.Errorf("%q: Endpoint %q, Host %q", tt.given, client.Endpoint(), client.Host())
		}
	}
}

func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	fake := &acs{}
	cfg := listen(t, fake)
	client := mustNew(t, cfg)
	cfg.HTTPClient.Timeout = time.Nanosecond
	if _, err := client.CreateIdentity(t.Context()); err != nil {
		t.Errorf("a change of the HTTP client after New took effect: %v", err)
	}
	if cfg.HTTPClient.CheckRedirect != nil {
		t.Error("New changed the HTTP client that it was given")
	}
}

// A redirect would carry the credentials elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		for _, status := range []int{301, 302, 303, 307, 308} {
			elsewhere := &acs{}
			target := listen(t, elsewhere)
			fake := &acs{script: []http.HandlerFunc{answer(status, "", "Location", target.Endpoint+"/identities?api-version=1")}}
			err := op.call(t.Context(), mustNew(t, listen(t, fake)))
			if e := asError(t, err); e.StatusCode != status || e.FailureKind() != "unusable" {
				t.Errorf("%s, %d: %v, kind %s", op.name, status, err, e.FailureKind())
			}
			if len(elsewhere.seen()) > 0 {
				t.Errorf("%s followed a redirect with status %d", op.name, status)
			}
		}
	}
}
