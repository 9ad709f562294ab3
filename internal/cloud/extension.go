package cloud

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	extensionType   = "microsoft.graph.openTypeExtension"
	maxExtensions   = 2    // of one app on one user
	maxExtensionLen = 2048 // bytes of JSON
)

var (
	extensionName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,127}$`)
	extensionFilter = regexp.MustCompile(`^extensions\(\$filter=id eq '([^']+)'\)$`)
)

// An extension is an open extension of a user. It is never changed, only
// replaced, so that old states can be read.
type extension struct {
	name string
	app  string         // the client that created it
	data map[string]any // dynamic properties; extensionName is one of them
}

// view is the extension as it is read.
func (e extension) view(o GraphOptions) map[string]any {
	v := maps.Clone(e.data)
	v["@odata.type"] = "#" + extensionType
	v["id"] = e.name
	if o.LongIDs {
		v["id"] = extensionType + "." + e.name
	}
	if o.OmitName {
		delete(v, "extensionName")
	}
	return v
}

// bareName strips the type's name, which may precede the name of an extension.
func bareName(id string) string {
	if prefix := extensionType + "."; len(id) > len(prefix) && strings.EqualFold(id[:len(prefix)], prefix) {
		return id[len(prefix):]
	}
	return id
}

func find(list []extension, name string) int {
	return slices.IndexFunc(list, func(e extension) bool { return e.name == name })
}

// lookup answers the user. Extensions come only with $expand, which in turn
// demands that $select names id.
func (g *Graph) lookup(call *graphCall) answer {
	query := call.URL.Query()
	body := map[string]any{"@odata.context": g.URL + "/$metadata#users/$entity"}
	all := map[string]any{"id": call.user.ObjectID, "displayName": call.user.Name, "userPrincipalName": call.user.UPN}
	selected := strings.Split(query.Get("$select"), ",")
	for name, value := range all {
		if query.Get("$select") == "" || slices.Contains(selected, name) {
			body[name] = value
		}
	}
	expand := query.Get("$expand")
	filter := extensionFilter.FindStringSubmatch(expand)
	if (expand == "extensions" || filter != nil) && slices.Contains(selected, "id") {
		list, options := g.read(call.user)
		views := []any{}
		for _, e := range list {
			if filter == nil || filter[1] == e.name {
				views = append(views, e.view(options))
			}
		}
		if len(views) > 0 || !options.OmitEmpty {
			body["extensions"] = views
		}
	}
	return jsonAnswer(http.StatusOK, body)
}

func (g *Graph) list(call *graphCall) answer {
	list, options := g.read(call.user)
	views := []any{}
	for _, e := range list {
		views = append(views, e.view(options))
	}
	return jsonAnswer(http.StatusOK, map[string]any{"@odata.context": g.context(call.user), "value": views})
}

func (g *Graph) get(call *graphCall) answer {
	list, options := g.read(call.user)
	i := find(list, call.name)
	if i < 0 {
		return g.absent(call)
	}
	return g.entity(call, http.StatusOK, list[i], options)
}

func (g *Graph) create(call *graphCall) answer {
	data, problem := extensionBody(call.exchange)
	if problem != "" {
		return g.fail(call.exchange, http.StatusBadRequest, "BadRequest", problem)
	}
	name, _ := data["extensionName"].(string)
	if lower := strings.ToLower(name); !extensionName.MatchString(name) ||
		strings.HasPrefix(lower, "com.microsoft") || strings.HasPrefix(lower, "com.onmicrosoft") {
		return g.fail(call.exchange, http.StatusBadRequest, "Request_BadRequest", "The extension name is not valid.")
	}
	e := extension{name: name, app: call.app, data: data}
	g.mu.Lock()
	defer g.mu.Unlock()
	u, now := g.of(call.user.key()), g.cloud.now()
	seen := u.seenAt(now, true)
	if find(seen, name) >= 0 {
		status := http.StatusBadRequest
		if g.options.ConflictStatus != 0 {
			status = g.options.ConflictStatus
		}
		return g.fail(call.exchange, status, "Request_BadRequest", "An extension already exists with given id.")
	}
	mine := 0
	for _, other := range seen {
		if other.app == call.app {
			mine++
		}
	}
	if mine >= maxExtensions { // status and code are a guess, the message is recorded
		return g.fail(call.exchange, http.StatusBadRequest, "Request_BadRequest",
			"Maximum number of extensions values supported per application is 2.")
	}
	others := slices.DeleteFunc(slices.Clone(u.list), func(other extension) bool { return other.name == name })
	u.change(now, append(others, e))
	return g.entity(call, http.StatusCreated, e, GraphOptions{LongIDs: g.options.LongIDs})
}

// update replaces all dynamic properties: what the request does not name is
// gone, the extensionName included.
func (g *Graph) update(call *graphCall) answer {
	data, problem := extensionBody(call.exchange)
	if problem != "" {
		return g.fail(call.exchange, http.StatusBadRequest, "BadRequest", problem)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.of(call.user.key())
	i := find(u.list, call.name)
	if i < 0 {
		return g.absent(call)
	}
	list := slices.Clone(u.list)
	list[i].data = data
	u.change(g.cloud.now(), list)
	if g.options.UpdateStatus == http.StatusOK {
		return g.entity(call, http.StatusOK, list[i], g.options)
	}
	return jsonAnswer(http.StatusNoContent, nil)
}

func (g *Graph) delete(call *graphCall) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.of(call.user.key())
	i := find(u.list, call.name)
	if i < 0 {
		return g.absent(call)
	}
	u.change(g.cloud.now(), slices.Delete(slices.Clone(u.list), i, i+1))
	return jsonAnswer(http.StatusNoContent, nil)
}

func (g *Graph) absent(call *graphCall) answer {
	return g.fail(call.exchange, http.StatusNotFound, "ResourceNotFound", "Extension with given id not found.")
}

func (g *Graph) entity(call *graphCall, status int, e extension, o GraphOptions) answer {
	view := e.view(o)
	view["@odata.context"] = g.context(call.user) + "/$entity"
	return jsonAnswer(status, view)
}

func (g *Graph) context(u User) string {
	return g.URL + "/$metadata#users('" + u.ObjectID + "')/extensions"
}

// extensionBody returns the dynamic properties in the body of a create or an
// update, or what is wrong with it.
func extensionBody(x *exchange) (data map[string]any, problem string) {
	const unreadable = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
	raw := x.raw
	if x.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, unreadable
		}
		if raw, err = io.ReadAll(io.LimitReader(unzipped, maxBody)); err != nil {
			return nil, unreadable
		}
	}
	if json.Unmarshal(raw, &data) != nil || data == nil || !isJSON(x.Request) {
		return nil, unreadable
	}
	if kind, _ := data["@odata.type"].(string); strings.TrimPrefix(kind, "#") != extensionType {
		return nil, "POST on non - master workload is not allowed."
	}
	if len(raw) > maxExtensionLen {
		return nil, "The extension is larger than 2 KB." // the real words are not public
	}
	for name := range data {
		if name == "id" || strings.HasPrefix(name, "@odata.") {
			delete(data, name)
		}
	}
	return data, ""
}
