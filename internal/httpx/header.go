package httpx

import "net/http"

// A Field is one field of a header. Its name has the form in which [http.Header] has
// it.
type Field struct{ Name, Value string }

// SetFields sets fields of a header as [http.Header.Set] does, with memory for all of
// them at once.
func SetFields(h http.Header, fields ...Field) {
	values := make([]string, len(fields))
	for i, f := range fields {
		values[i] = f.Value
		h[f.Name] = values[i : i+1 : i+1] // so that Add to one does not write to the next
	}
}
