package httpx

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// ParseBaseURL checks and normalises the base address of a service that gets
// credentials: absolute, https (http only for a loopback address), no user
// information, query or fragment; the host is lower-cased, the scheme's default
// port and trailing slashes are dropped. The errors never repeat raw.
func ParseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	switch {
	case u.Hostname() == "":
		return nil, errors.New("has no host; an absolute URL such as https://example.com is needed")
	case u.User != nil:
		return nil, errors.New("must not hold user information")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not have a query or fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("must use https (http is accepted for loopback addresses only)")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must use https")
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return &url.URL{Scheme: u.Scheme, Host: host, Path: strings.TrimRight(u.Path, "/")}, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
