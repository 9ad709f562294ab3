package httpx_test

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A sender does all that the client would do.
func TestSender(t *testing.T) {
	t.Parallel()
	failure := errors.New("no connection")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
		w.Header().Set("Cookies", strconv.Itoa(len(r.Cookies())))
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	send := func(c *http.Client) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := httpx.Sender(httpx.Harden(c))(r)
		if err == nil {
			httpx.Drain(answer.Body)
		}
		return answer, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		client  *http.Client
		cookies string // in the second request
	}{
		"own":      {nil, "0"},
		"given":    {server.Client(), "0"},
		"default":  {new(http.Client), "0"},
		"cookies":  {&http.Client{Transport: server.Client().Transport, Jar: jar}, "1"},
		"time-out": {&http.Client{Transport: server.Client().Transport, Timeout: time.Minute}, "0"},
	} {
		for _, cookies := range []string{"0", test.cookies} {
			answer, err := send(test.client)
			if err != nil || answer.StatusCode != http.StatusTemporaryRedirect || answer.Header.Get("Cookies") != cookies {
				t.Errorf("%s: %v, %v", name, answer, err)
			}
		}
	}
	for name, test := range map[string]struct {
		answer *http.Response
		err    error
	}{
		"a failure": {nil, failure},
		"nothing":   {nil, nil},
		"no body":   {&http.Response{StatusCode: http.StatusTemporaryRedirect}, nil},
	} {
		answer, err := send(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return test.answer, test.err })})
		if (err == nil) != (test.answer != nil) || test.err != nil && !errors.Is(err, test.err) || err == nil && answer != test.answer {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
}
