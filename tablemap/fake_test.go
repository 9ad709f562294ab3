package tablemap_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

const (
	account    = "contoso"
	accountKey = "c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA=="
	bearer     = "token-for-tables"
)

// A tableService stands in for Azure Table storage: it checks what the service
// checks of requests, as far as a Mapper sends such, and answers in its format.
type tableService struct {
	mu      sync.Mutex
	tables  map[string]map[key]map[string]any
	version int  // of the entity that was written last
	page    int  // entities in an answer, if not as many as asked for
	lazy    bool // answers with an empty page and a continuation first
}

type key struct{ partition, row string }

func newTableService() *tableService {
	return &tableService{tables: map[string]map[key]map[string]any{}}
}

var resources = regexp.MustCompile(`^/([A-Za-z][A-Za-z0-9]{2,62})(\(\)|\(PartitionKey='((?:[^']|'')*)',RowKey='((?:[^']|'')*)'\))?$`)

func (s *tableService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !authorized(r) {
		refuse(w, 403, "AuthenticationFailed")
		return
	}
	if r.Header.Get("X-Ms-Version") == "" || !strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		refuse(w, 415, "AtomFormatNotSupported")
		return
	}
	match := resources.FindStringSubmatch(r.URL.Path)
	if match == nil {
		refuse(w, 400, "InvalidUri")
		return
	}
	if match[1] == "Tables" {
		s.createTable(w, r)
		return
	}
	table, ok := s.tables[match[1]]
	if !ok {
		refuse(w, 404, "TableNotFound")
		return
	}
	k := key{strings.ReplaceAll(match[3], "''", "'"), strings.ReplaceAll(match[4], "''", "'")}
	switch {
	case match[2] == "" && r.Method == http.MethodPost:
		s.insert(w, r, table)
	case match[2] == "()" && r.Method == http.MethodGet:
		s.query(w, r, table)
	case match[2] == "()" || match[2] == "":
		refuse(w, 405, "MethodNotAllowed")
	case r.Method == http.MethodPut && r.Header.Get("If-Match") == "": // insert or replace
		s.replace(w, r, table, k)
	case table[k] == nil:
		refuse(w, 404, "ResourceNotFound")
	case r.Method == http.MethodGet:
		answer(w, 200, table[k])
	case r.Header.Get("If-Match") == "":
		refuse(w, 400, "MissingRequiredHeader")
	case r.Header.Get("If-Match") != "*" && r.Header.Get("If-Match") != table[k]["odata.etag"]:
		refuse(w, 412, "UpdateConditionNotSatisfied")
	case r.Method == http.MethodDelete:
		delete(table, k)
		w.WriteHeader(204)
	case r.Method == http.MethodPut:
		s.replace(w, r, table, k)
	default:
		refuse(w, 405, "MethodNotAllowed")
	}
}

// authorized checks the scheme SharedKeyLite, or the token.
func authorized(r *http.Request) bool {
	got := r.Header.Get("Authorization")
	if got == "Bearer "+bearer {
		return true
	}
	date, err := http.ParseTime(r.Header.Get("X-Ms-Date"))
	secret, _ := base64.StdEncoding.DecodeString(accountKey)
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s\n/%s%s", r.Header.Get("X-Ms-Date"), account, r.URL.EscapedPath())
	want := "SharedKeyLite " + account + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return err == nil && time.Since(date).Abs() < 15*time.Minute && got == want
}

func (s *tableService) createTable(w http.ResponseWriter, r *http.Request) {
	var wanted struct{ TableName string }
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		refuse(w, 400, "InvalidInput")
	} else if s.tables[wanted.TableName] != nil {
		refuse(w, 409, "TableAlreadyExists")
	} else {
		s.tables[wanted.TableName] = map[key]map[string]any{}
		answer(w, 201, map[string]any{"TableName": wanted.TableName})
	}
}

func (s *tableService) insert(w http.ResponseWriter, r *http.Request, table map[key]map[string]any) {
	e := s.read(w, r)
	if e == nil {
		return
	}
	k := key{e["PartitionKey"].(string), e["RowKey"].(string)}
	if table[k] != nil {
		refuse(w, 409, "EntityAlreadyExists")
		return
	}
	table[k] = e
	answer(w, 201, e)
}

func (s *tableService) replace(w http.ResponseWriter, r *http.Request, table map[key]map[string]any, k key) {
	e := s.read(w, r)
	switch {
	case e == nil:
	case e["PartitionKey"] != k.partition || e["RowKey"] != k.row:
		refuse(w, 400, "InvalidInput")
	default:
		table[k] = e
		w.Header().Set("Etag", e["odata.etag"].(string))
		w.WriteHeader(204)
	}
}

var forbidden = regexp.MustCompile(`[/\\#?\x00-\x1f\x7f-\x9f]`)

// read reads an entity from a request. It returns nil if it has refused it.
func (s *tableService) read(w http.ResponseWriter, r *http.Request) map[string]any {
	var e map[string]any
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		refuse(w, 400, "InvalidInput")
		return nil
	}
	for _, name := range []string{"PartitionKey", "RowKey"} {
		value, ok := e[name].(string)
		switch {
		case !ok:
			refuse(w, 400, "PropertiesNeedValue")
			return nil
		case len(utf16.Encode([]rune(value))) > 512:
			refuse(w, 400, "KeyValueTooLarge")
			return nil
		case forbidden.MatchString(value):
			refuse(w, 400, "OutOfRangeInput")
			return nil
		}
	}
	for name, value := range e {
		if text, ok := value.(string); ok && len(utf16.Encode([]rune(text))) > 32<<10 {
			refuse(w, 400, "PropertyValueTooLarge")
			return nil
		}
		if value == nil {
			delete(e, name)
		}
	}
	s.version++
	e["odata.etag"] = fmt.Sprintf("W/\"datetime'%d'\"", s.version)
	e["Timestamp"] = "2026-01-02T03:04:05.6789012Z"
	return e
}

var (
	equal  = regexp.MustCompile(`^PartitionKey eq '([^']*)'$`)
	within = regexp.MustCompile(`^PartitionKey ge '([^']*)' and PartitionKey lt '([^']*)'$`)
)

func (s *tableService) query(w http.ResponseWriter, r *http.Request, table map[key]map[string]any) {
	filter := r.URL.Query().Get("$filter")
	var from, before string
	if match := equal.FindStringSubmatch(filter); match != nil {
		from, before = match[1], match[1]+"\x00"
	} else if match := within.FindStringSubmatch(filter); match != nil {
		from, before = match[1], match[2]
	} else {
		refuse(w, 400, "InvalidInput")
		return
	}
	size, err := strconv.Atoi(r.URL.Query().Get("$top"))
	if err != nil || size < 1 || size > 1000 {
		refuse(w, 400, "InvalidInput")
		return
	}
	if s.page > 0 {
		size = min(size, s.page)
	}
	start, continued := r.URL.Query().Get("NextPartitionKey"), r.URL.Query().Has("NextPartitionKey")
	first := key{start, r.URL.Query().Get("NextRowKey")}
	keys := slices.SortedFunc(maps.Keys(table), compareKeys)
	value := []any{}
	for _, k := range keys {
		if k.partition < from || k.partition >= before || continued && compareKeys(k, first) < 0 {
			continue
		}
		if len(value) == size || s.lazy && !continued {
			w.Header().Set("X-Ms-Continuation-Nextpartitionkey", k.partition)
			w.Header().Set("X-Ms-Continuation-Nextrowkey", k.row)
			break
		}
		value = append(value, table[k])
	}
	answer(w, 200, map[string]any{"value": value})
}

func compareKeys(a, b key) int {
	return cmp.Or(strings.Compare(a.partition, b.partition), strings.Compare(a.row, b.row))
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json;odata=minimalmetadata")
	if etag, ok := body["odata.etag"].(string); ok {
		w.Header().Set("Etag", etag)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json;odata=minimalmetadata")
	w.Header().Set("X-Ms-Request-Id", "request-1")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, refusal(code))
}

func refusal(code string) string {
	return `{"odata.error":{"code":"` + code + `","message":{"lang":"en-US","value":"secret text of the service"}}}`
}

// inProcess sends requests to a handler without a network, so that they work in
// the virtual time of testing/synctest.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	sent := r.Header
	r = r.Clone(r.Context())
	r.Header = http.Header{} // as it looks on the other side
	for name, values := range sent {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// connectionString is the account's, at an address.
func connectionString(address string) string {
	u, _ := url.Parse(address)
	return "DefaultEndpointsProtocol=" + u.Scheme + ";AccountName=" + account + ";AccountKey=" + accountKey + ";TableEndpoint=" + address + ";"
}
