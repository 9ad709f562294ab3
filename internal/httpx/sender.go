package httpx

import (
	"errors"
	"net/http"
)

// errNoAnswer is for a RoundTripper that breaks its contract.
var errNoAnswer = errors.New("the http.RoundTripper returned neither an answer nor an error")

// Sender returns a function that sends requests as a client of [Harden] does. Where
// nothing of the client itself would come in between, no cookies and no time-out, that
// is its RoundTripper: what [http.Client.Do] does in case of a redirect takes time in
// every request.
func Sender(c *http.Client) func(*http.Request) (*http.Response, error) {
	if c.Jar != nil || c.Timeout != 0 || c.Transport == nil {
		return c.Do
	}
	transport := c.Transport
	return func(r *http.Request) (*http.Response, error) {
		answer, err := transport.RoundTrip(r)
		switch {
		case err != nil:
			return nil, err
		case answer == nil:
			return nil, errNoAnswer
		case answer.Body == nil:
			answer.Body = http.NoBody
		}
		return answer, nil
	}
}
