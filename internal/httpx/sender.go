package httpx

import (
	"errors"
	"net/http"
)

// ErrNoAnswer is for a RoundTripper that breaks its contract.
var ErrNoAnswer = errors.New("the http.RoundTripper returned neither an answer nor an error")

// Sender returns a function that sends requests as c.Do does; c must come from
// [Harden], and so follow no redirects. If c has neither a cookie jar nor a time-out,
// the function calls c's Transport directly, which spares each request what
// [http.Client.Do] does to be ready for redirects.
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
			return nil, ErrNoAnswer
		case answer.Body == nil:
			answer.Body = http.NoBody
		}
		return answer, nil
	}
}
