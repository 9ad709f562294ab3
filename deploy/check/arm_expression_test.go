//go:build linux

package check_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The part of the expression language of Azure Resource Manager that the template
// uses. What is not here does not evaluate: list* functions above all, which would
// read keys of resources.

// A scope is what expressions are evaluated in.
type scope struct {
	parameters map[string]any
	variables  map[string]json.RawMessage
	// runtime returns what a deployed resource says of itself. It is nil where
	// Azure evaluates before anything is deployed.
	runtime func(id, apiVersion string) (map[string]any, error)

	used map[string]bool // "parameters name", "variables name"
}

const (
	subscriptionID = "/subscriptions/55555555-5555-4555-8555-555555555555"
	resourceGroup  = subscriptionID + "/resourceGroups/example"
)

// evaluate replaces all expressions in a value, in the names of properties too.
func (s *scope) evaluate(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return s.text(v)
	case []any:
		list := make([]any, 0, len(v))
		for _, entry := range v {
			value, err := s.evaluate(entry)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, entry := range v {
			key, err := s.text(name)
			if err != nil {
				return nil, err
			}
			if object[fmt.Sprint(key)], err = s.evaluate(entry); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return object, nil
	}
	return v, nil
}

// text evaluates a string, which is an expression if it is in brackets.
func (s *scope) text(text string) (any, error) {
	if !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]") {
		return text, nil
	}
	if strings.HasPrefix(text, "[[") {
		return text[1:], nil
	}
	p := &expression{scope: s, rest: text[1 : len(text)-1]}
	value, err := p.value()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return value, nil
}

// An expression is evaluated while it is read.
type expression struct {
	scope *scope
	rest  string
}

var (
	quoted     = regexp.MustCompile(`^'((?:[^']|'')*)'`)
	number     = regexp.MustCompile(`^-?\d+`)
	identifier = regexp.MustCompile(`^[A-Za-z_]\w*`)
)

func (p *expression) accept(token string) bool {
	p.rest = strings.TrimSpace(p.rest)
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = strings.TrimSpace(rest)
	}
	return ok
}

func (p *expression) take(pattern *regexp.Regexp) string {
	p.rest = strings.TrimSpace(p.rest)
	found := pattern.FindString(p.rest)
	p.rest = strings.TrimSpace(p.rest[len(found):])
	return found
}

// value reads a literal, or a call with properties of its result.
func (p *expression) value() (any, error) {
	if text := p.take(quoted); text != "" {
		return strings.ReplaceAll(text[1:len(text)-1], "''", "'"), nil
	}
	if text := p.take(number); text != "" {
		return strconv.Atoi(text)
	}
	name := p.take(identifier)
	if name == "" || !p.accept("(") {
		return nil, fmt.Errorf("at %q: neither a literal nor a call", p.rest)
	}
	var args []any
	for !p.accept(")") {
		if len(args) > 0 && !p.accept(",") {
			return nil, fmt.Errorf("at %q: the arguments of %s do not end", p.rest, name)
		}
		arg, err := p.value()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	result, err := p.scope.call(name, args)
	for err == nil && p.accept(".") {
		property := p.take(identifier)
		object, ok := result.(map[string]any)
		if result = object[property]; !ok || result == nil {
			err = fmt.Errorf("the result of %s has no property %s", name, property)
		}
	}
	return result, err
}

func (s *scope) call(name string, args []any) (any, error) {
	switch name {
	case "parameters":
		value, ok := s.parameters[oneText(args)]
		s.used["parameters "+oneText(args)] = true
		return value, unless(ok, "there is no parameter %q", oneText(args))
	case "variables":
		definition, ok := s.variables[oneText(args)]
		s.used["variables "+oneText(args)] = true
		if !ok {
			return nil, fmt.Errorf("there is no variable %q", oneText(args))
		}
		var value any
		if err := json.Unmarshal(definition, &value); err != nil {
			return nil, err
		}
		early := *s
		early.runtime = nil
		return early.evaluate(value)
	case "reference":
		if s.runtime == nil {
			return nil, errors.New("reference cannot be used here: nothing is deployed yet")
		}
		texts, err := allTexts(args)
		if err != nil || len(texts) != 2 {
			return nil, fmt.Errorf("reference needs an id and an API version: %w", err)
		}
		return s.runtime(texts[0], texts[1])
	case "resourceGroup":
		return map[string]any{"id": resourceGroup, "location": "westeurope"}, nil
	case "subscription":
		return map[string]any{"id": subscriptionID, "tenantId": tenantID}, nil
	case "environment":
		return map[string]any{"authentication": map[string]any{"loginEndpoint": "https://login.microsoftonline.com/"}}, nil
	case "if":
		condition, ok := args[0].(bool)
		if !ok || len(args) != 3 {
			return nil, errors.New("if needs a condition and two values")
		}
		return args[map[bool]int{true: 1, false: 2}[condition]], nil
	case "not":
		condition, ok := args[0].(bool)
		return !condition, unless(ok, "not needs a condition")
	case "empty":
		return oneText(args) == "", nil
	case "first":
		all, ok := args[0].([]any)
		if !ok || len(all) == 0 {
			return nil, errors.New("first needs an array with something in it")
		}
		return all[0], nil
	case "createArray":
		return append([]any{}, args...), nil
	case "max":
		a, okA := args[0].(int)
		b, okB := args[1].(int)
		return max(a, b), unless(okA && okB, "max needs numbers")
	case "json":
		var value any
		return value, json.Unmarshal([]byte(oneText(args)), &value)
	}
	return callWithTexts(name, args)
}

// callWithTexts calls functions whose arguments are all strings.
func callWithTexts(name string, args []any) (any, error) {
	texts, err := allTexts(args)
	if err != nil || len(texts) == 0 {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "format":
		return formatted(texts[0], texts[1:])
	case "split":
		if len(texts) != 2 {
			return nil, errors.New("split needs a string and what separates its parts")
		}
		parts := []any{}
		for part := range strings.SplitSeq(texts[0], texts[1]) {
			parts = append(parts, part)
		}
		return parts, nil
	case "uniqueString":
		return hash(texts)[:13], nil
	case "guid":
		h := hash(texts)
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:32]}, "-"), nil
	case "resourceId":
		return resourceID(resourceGroup, texts)
	case "subscriptionResourceId":
		return resourceID(subscriptionID, texts)
	case "extensionResourceId":
		return resourceID(texts[0], texts[1:])
	}
	return nil, fmt.Errorf("there is no function %s", name)
}

// resourceID makes an id of a type and as many names as the type has parts.
func resourceID(parent string, texts []string) (string, error) {
	if len(texts) < 2 || slices.Contains(texts, "") {
		return "", fmt.Errorf("%q is no type with names", texts)
	}
	provider, types, _ := strings.Cut(texts[0], "/")
	parts := strings.Split(types, "/")
	if len(parts) != len(texts)-1 {
		return "", fmt.Errorf("%s needs %d names, got %q", texts[0], len(parts), texts[1:])
	}
	id := parent + "/providers/" + provider
	for i, part := range parts {
		id += "/" + part + "/" + texts[i+1]
	}
	return id, nil
}

func formatted(text string, args []string) (string, error) {
	for i, arg := range args {
		hole := "{" + strconv.Itoa(i) + "}"
		if !strings.Contains(text, hole) {
			return "", fmt.Errorf("%q has no %s", text, hole)
		}
		text = strings.ReplaceAll(text, hole, arg)
	}
	return text, unless(!strings.ContainsAny(text, "{}"), "%q has more holes than there are values", text)
}

func hash(texts []string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:])
}

func allTexts(args []any) (texts []string, err error) {
	for _, arg := range args {
		text, ok := arg.(string)
		if !ok {
			return nil, fmt.Errorf("%v is no string", arg)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func oneText(args []any) string {
	if texts, err := allTexts(args); err == nil && len(texts) == 1 {
		return texts[0]
	}
	return ""
}

func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
