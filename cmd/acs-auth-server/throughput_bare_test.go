package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

// instantACS answers as ACS does, without a look at the request.
func instantACS(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/identities") {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"identity":{"id":"`+acsID+`"}}`)
		return
	}
	fmt.Fprintf(w, `{"token":"%s","expiresOn":"2099-01-01T00:00:00Z"}`, acsToken)
}

const acsID = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000000-0000-4000-8000-000000000000"

var acsToken = "eyJ." + strings.Repeat("x", 900) + "." + strings.Repeat("y", 342)

// A bareHandler checks the signature, asks ACS and passes the answer on.
type bareHandler struct {
	client    *http.Client
	acs       string
	key       jose.Key
	accessKey []byte // nil: do not sign
}

func (h *bareHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	compact, err := jose.ParseCompact(token)
	if err == nil {
		_, err = compact.Verify(h.key.Public)
	}
	if err != nil {
		http.Error(w, "refused", http.StatusUnauthorized)
		return
	}
	const body = `{"scopes":["chat","voip"]}`
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, h.acs+"/identities/"+url.QueryEscape(acsID)+"/:issueAccessToken?api-version=2023-10-01", strings.NewReader(body))
	if err != nil {
		http.Error(w, "failed", http.StatusInternalServerError)
		return
	}
	out.Header.Set("Accept", "application/json")
	out.Header.Set("Content-Type", "application/json")
	out.Header.Set("User-Agent", httpx.UserAgent())
	out.Header.Set("X-Ms-Client-Request-Id", uuid.NewString())
	out.Header.Set("X-Ms-Return-Client-Request-Id", "true")
	if h.accessKey != nil {
		h.sign(out, body)
	}
	in, err := h.client.Do(out)
	if err != nil {
		http.Error(w, "failed", http.StatusBadGateway)
		return
	}
	defer in.Body.Close()
	answer, err := io.ReadAll(in.Body) // at once, since io.Copy would send header and body one after the other
	if err != nil {
		http.Error(w, "failed", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}

// sign signs a request as Microsoft's tutorial for this scheme does.
func (h *bareHandler) sign(r *http.Request, body string) {
	date := time.Now().UTC().Format(http.TimeFormat)
	sum := sha256.Sum256([]byte(body))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	mac := hmac.New(sha256.New, h.accessKey)
	fmt.Fprintf(mac, "%s\n%s\n%s;%s;%s", r.Method, r.URL.RequestURI(), date, r.URL.Host, hash)
	r.Header.Set("x-ms-date", date)
	r.Header.Set("x-ms-content-sha256", hash)
	r.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
