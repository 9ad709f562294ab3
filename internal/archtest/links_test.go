package archtest_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// moduleRoot is where the module begins, seen from this package.
const moduleRoot = "../.."

var (
	fence      = regexp.MustCompile("^ {0,3}(```+|~~~+)")
	heading    = regexp.MustCompile(`^ {0,3}#{1,6} +(.*?) *#* *$`)
	htmlAnchor = regexp.MustCompile(`<a +(?:id|name)="([^"]+)"`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)`)
	definition = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]: +<?([^\s>]+)`)
	markup     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// A page is a Markdown file of the module.
type page struct {
	path    string // from the root, with slashes
	prose   string // without code
	anchors map[string]bool
}

// TestMarkdownLinks follows every relative link in every Markdown file: it must
// lead to a file or directory within the module and, with a fragment, to a heading.
func TestMarkdownLinks(t *testing.T) {
	t.Parallel()
	pages := markdownPages(t)
	for _, from := range pages {
		for _, target := range from.links() {
			if err := from.follow(target, pages); err != nil {
				t.Errorf("%s: link to %s: %v", from.path, target, err)
			}
		}
	}
}

// TestDocsAreIndexed: whoever opens docs/ finds every page in its README.
func TestDocsAreIndexed(t *testing.T) {
	t.Parallel()
	pages := markdownPages(t)
	index, ok := pages["docs/README.md"]
	if !ok {
		t.Fatal("there is no docs/README.md")
	}
	listed := map[string]bool{"docs/README.md": true}
	for _, target := range index.links() {
		file, _, _ := strings.Cut(target, "#")
		listed[path.Join("docs", file)] = true
	}
	for name := range pages {
		if path.Dir(name) == "docs" && !listed[name] {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

func (p page) links() []string {
	var targets []string
	for _, pattern := range []*regexp.Regexp{inlineLink, definition} {
		for _, match := range pattern.FindAllStringSubmatch(p.prose, -1) {
			targets = append(targets, match[1])
		}
	}
	return targets
}

func (p page) follow(target string, pages map[string]page) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	if u.Scheme != "" || u.Host != "" {
		return nil // elsewhere
	}
	to := p.path
	if u.Path != "" {
		to = path.Join(path.Dir(p.path), u.Path)
	}
	if to == ".." || strings.HasPrefix(to, "../") || strings.HasPrefix(u.Path, "/") {
		return fmt.Errorf("leads out of the repository")
	}
	if _, err := os.Stat(filepath.Join(moduleRoot, filepath.FromSlash(to))); err != nil {
		return fmt.Errorf("there is no %s", to)
	}
	if u.Fragment == "" {
		return nil
	}
	if other, ok := pages[to]; !ok {
		return fmt.Errorf("%s is no Markdown file, so it has no headings", to)
	} else if !other.anchors[u.Fragment] {
		return fmt.Errorf("%s has no heading #%s", to, u.Fragment)
	}
	return nil
}

// markdownPages reads all Markdown files of the module by their path.
func markdownPages(t *testing.T) map[string]page {
	t.Helper()
	pages := map[string]page{}
	err := fs.WalkDir(os.DirFS(moduleRoot), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || entry.Name() == "testdata" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(filepath.Join(moduleRoot, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		pages[name] = parsePage(name, string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func parsePage(name, text string) page {
	p := page{path: name, anchors: map[string]bool{}}
	var prose strings.Builder
	seen := map[string]int{}
	inFence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if mark := fence.FindStringSubmatch(line); mark != nil {
			switch {
			case inFence == "":
				inFence = mark[1]
			case strings.HasPrefix(mark[1], inFence):
				inFence = ""
			}
			continue
		}
		if inFence != "" {
			continue
		}
		for _, match := range htmlAnchor.FindAllStringSubmatch(line, -1) {
			p.anchors[match[1]] = true
		}
		if match := heading.FindStringSubmatch(line); match != nil {
			anchor := slug(match[1])
			if n := seen[anchor]; n > 0 {
				p.anchors[fmt.Sprintf("%s-%d", anchor, n)] = true
			} else {
				p.anchors[anchor] = true
			}
			seen[anchor]++
		}
		prose.WriteString(line + "\n")
	}
	// What looks like a link within code is none; the text of a link may be code.
	p.prose = inlineCode.ReplaceAllString(prose.String(), "code")
	return p
}

// slug returns the anchor that GitHub gives to a heading: lower case, spaces as
// hyphens, and of everything else only letters, digits, hyphens and underscores.
func slug(title string) string {
	title = markup.ReplaceAllString(title, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"The HTTP API":                          "the-http-api",
		"Beside the Node.js and C# siblings":    "beside-the-nodejs-and-c-siblings",
		"400, 401, 403 or 503":                  "400-401-403-or-503",
		"409 `extension_limit`: two extensions": "409-extension_limit-two-extensions",
		"See [Settings](settings.md)":           "see-settings",
		"Provided identity doesn't belong":      "provided-identity-doesnt-belong",
	} {
		if got := slug(title); got != want {
			t.Errorf("slug(%q) = %q, want %q", title, got, want)
		}
	}
}
