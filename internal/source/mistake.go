package source

import (
	"fmt"
	"strings"
)

// A Mistake is something wrong with the settings. Its text repeats no value: somebody
// may have put a secret where none belongs.
type Mistake struct {
	Name string // of the setting; "": it is not about one
	Text string // a clause that begins with what is wrong
}

func mistake(name, format string, args ...any) Mistake {
	return Mistake{Name: name, Text: name + " " + fmt.Sprintf(format, args...)}
}

// Blame returns in the words of the settings what a package's constructor said about
// its Config. Fields tells which setting a field comes from; what is wrong with a
// field of the setting "" is left out. What is about no known field is about no
// setting.
func Blame(err error, fields map[string]string) (mistakes []Mistake) {
	for _, said := range each(err) {
		_, text, _ := strings.Cut(said.Error(), ": ") // the package
		text = strings.TrimPrefix(text, "Config.")
		field := ""
		for candidate := range fields {
			if strings.HasPrefix(text, candidate) && len(candidate) > len(field) {
				field = candidate
			}
		}
		switch setting := fields[field]; {
		case field == "":
			mistakes = append(mistakes, Mistake{Text: said.Error()})
		case setting != "":
			mistakes = append(mistakes, Mistake{setting, setting + strings.TrimPrefix(text, field)})
		}
	}
	return mistakes
}

// each takes apart what errors.Join put together.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
