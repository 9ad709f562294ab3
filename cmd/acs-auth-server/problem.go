package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// Problems collects everything that is wrong with the settings, so that all of it
// can be reported at once. No text in it repeats a value: somebody may have put a
// secret where none belongs.
type problems struct {
	list    []problem
	from    map[string]string // setting -> where its value comes from
	outcome string            // what came of it. Default: "did not start"
}

// A problem is one mistake.
type problem struct {
	setting string // "" if it is not about a setting
	text    string // a clause that begins with the name of what is wrong
}

func (p *problems) any() bool { return len(p.list) > 0 }

func (p *problems) has(setting string) bool {
	return slices.ContainsFunc(p.list, func(known problem) bool { return known.setting == setting })
}

// only drops the reports about other settings than these.
func (p *problems) only(settings ...string) {
	p.list = slices.DeleteFunc(p.list, func(known problem) bool {
		return known.setting != "" && !slices.Contains(settings, known.setting)
	})
}

// add reports something wrong with a setting; text goes on after its name.
func (p *problems) add(setting, text string, args ...any) {
	p.list = append(p.list, problem{setting, setting + " " + fmt.Sprintf(text, args...)})
}

// addFirst is add, unless there is a report about the setting already, of which
// this one is then likely to be a mere consequence.
func (p *problems) addFirst(setting, text string, args ...any) {
	if !p.has(setting) {
		p.add(setting, text, args...)
	}
}

// addOther reports something wrong that is not about one setting.
func (p *problems) addOther(text string, args ...any) {
	p.list = append(p.list, problem{"", fmt.Sprintf(text, args...)})
}

// take takes in what was found to be wrong elsewhere.
func (p *problems) take(mistakes []source.Mistake) {
	for _, m := range mistakes {
		p.list = append(p.list, problem{m.Name, m.Text})
	}
}

// blame takes in what a package's constructor said about its Config. Fields tells
// which setting a field comes from; "" marks a field that is only missing because
// of something else that has been reported. What was known to be wrong with a
// setting before is not reported again.
func (p *problems) blame(err error, fields map[string]string) {
	known := make(map[string]bool)
	for _, old := range p.list {
		known[old.setting] = true
	}
	for _, m := range source.Blame(err, fields) {
		if m.Name == "" || !known[m.Name] {
			p.list = append(p.list, problem{m.Name, m.Text})
		}
	}
}

// write prints the report, in the order in which -help lists the settings.
func (p *problems) write(w io.Writer) {
	order, examples := map[string]int{}, map[string]string{}
	for i, st := range allSettings() {
		order[st.name], examples[st.name] = i+1, st.example
	}
	slices.SortStableFunc(p.list, func(a, b problem) int { return cmp.Compare(order[a.setting], order[b.setting]) })

	things := "1 thing is"
	if n := len(p.list); n != 1 {
		things = fmt.Sprintf("%d things are", n)
	}
	fmt.Fprintf(w, "acs-auth-server %s, because %s wrong with its settings:\n", cmp.Or(p.outcome, "did not start"), things)
	for i, known := range p.list {
		if i == 0 || known.setting == "" || known.setting != p.list[i-1].setting {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(known.text, "\n", "\n  "))
		if i+1 < len(p.list) && known.setting == p.list[i+1].setting {
			continue // what goes for both is said once
		}
		if where := p.from[known.setting]; where != "" {
			fmt.Fprintf(w, "      set by:  %s\n", where)
		}
		if example := examples[known.setting]; example != "" {
			fmt.Fprintf(w, "      example: %s=%s\n", known.setting, example)
		}
	}
	fmt.Fprintf(w, "\nacs-auth-server -help lists all settings.\n")
}
