package acsidentity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/http"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// signatureScheme introduces a signature. It signs x-ms-date rather than Date, which
// proxies rewrite.
const signatureScheme = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="

// A signer signs requests with an access key, one at a time. Its memory is used
// again: to make an HMAC hashes the key, and every token takes a signature.
type signer struct {
	mac    hash.Hash
	sum    []byte
	text   []byte
	date   string // of the second
	second int64  // since 1970
}

func newSigner(key []byte) *signer { return &signer{mac: hmac.New(sha256.New, key)} }

// sign adds the headers of the HMAC-SHA256 scheme to req, whose body is body.
func (s *signer) sign(req *http.Request, body []byte, now time.Time) {
	if second := now.Unix(); second != s.second || s.date == "" {
		s.date, s.second = now.UTC().Format(http.TimeFormat), second
	}
	hash := sha256.Sum256(body)
	bodyHash := base64.StdEncoding.EncodeToString(hash[:])
	path := req.URL.RawPath
	if path == "" {
		path = req.URL.EscapedPath()
	}

	s.text = s.text[:0]
	for _, part := range [...]string{req.Method, "\n", path, "?", req.URL.RawQuery, "\n", s.date, ";", req.Host, ";", bodyHash} {
		s.text = append(s.text, part...)
	}
	s.mac.Reset()
	s.mac.Write(s.text)
	s.sum = s.mac.Sum(s.sum[:0])
	s.text = base64.StdEncoding.AppendEncode(append(s.text[:0], signatureScheme...), s.sum)
	httpx.SetFields(req.Header,
		httpx.Field{Name: "X-Ms-Date", Value: s.date},
		httpx.Field{Name: "X-Ms-Content-Sha256", Value: bodyHash},
		httpx.Field{Name: "Authorization", Value: string(s.text)})
}
