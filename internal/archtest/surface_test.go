package archtest_test

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxExported says how many identifiers a package may export at its top level;
// methods and fields do not count. An identifier is easily added and never taken
// away again.
var maxExported = map[string]int{
	"acsauth":     45,
	"acsidentity": 45,
	"graphmap":    14,
	"obo":         18,
	"sqlmap":      10,
	"tablemap":    8,
	"movemap":     2,
}

func TestExportedIdentifiers(t *testing.T) {
	t.Parallel()
	m := load(t)
	for name, limit := range maxExported {
		for _, p := range m.matching(t, name) {
			var exported []string
			for _, d := range declarations(t, p) {
				if d.topLevel() {
					exported = append(exported, d.name)
				}
			}
			if len(exported) > limit {
				t.Errorf("%s exports %d identifiers, at most %d are allowed: %q", name, len(exported), limit, exported)
			}
		}
	}
}

// Whatever is exported has a comment. The fields of a struct that only this module
// sees may speak for themselves.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).packages {
		if opening := packageOpening(p); !strings.HasPrefix(packageComment(t, p), opening) {
			t.Errorf("%s: the package comment must begin with %q", p.ImportPath, opening)
		}
		inside := p.Name == "main" || within("internal", p.ImportPath)
		for _, d := range declarations(t, p) {
			if !d.documented && !(d.member && inside) {
				t.Errorf("%s: %s has no comment", p.ImportPath, d.name)
			}
		}
	}
}

// The module's page leads to every package that a user can import.
func TestFrontPage(t *testing.T) {
	t.Parallel()
	m := load(t)
	var page string
	for _, p := range m.matching(t, ".") {
		page = packageComment(t, p)
	}
	for _, p := range m.packages {
		public := p.Name != "main" && !within("internal", p.ImportPath) && p.ImportPath != "." && p.ImportPath != "docs"
		if link := "[" + p.Name + "]: https://pkg.go.dev/"; public && !strings.Contains(page, link) {
			t.Errorf("doc.go has no link to %s", p.ImportPath)
		}
	}
}

// packageOpening is how godoc wants a package comment to begin.
func packageOpening(p pkg) string {
	if p.Name == "main" {
		return "Command " + filepath.Base(p.Dir) + " "
	}
	return "Package " + p.Name + " "
}

func packageComment(t *testing.T, p pkg) string {
	t.Helper()
	var comment string
	for _, file := range p.parse(t, token.NewFileSet(), p.GoFiles) {
		comment += file.Doc.Text()
	}
	return comment
}

// A declaration is an exported identifier: a constant, variable, type, function,
// method, struct field or interface method.
type declaration struct {
	name       string // "Client", "Client.Token"
	member     bool   // of a struct or interface
	documented bool
}

// topLevel reports whether d is neither a method nor a member.
func (d declaration) topLevel() bool { return !strings.Contains(d.name, ".") }

// declarations returns what the package exports, in the order of its source.
func declarations(t *testing.T, p pkg) []declaration {
	t.Helper()
	var found []declaration
	files := token.NewFileSet()
	for _, file := range p.parse(t, files, p.GoFiles) {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				found = append(found, function(decl)...)
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						found = append(found, typeWithMembers(files, decl, spec)...)
					case *ast.ValueSpec:
						// A group may share its comment.
						documented := decl.Doc != nil || spec.Doc != nil || spec.Comment != nil
						found = append(found, identifiers("", spec.Names, documented)...)
					}
				}
			}
		}
	}
	return found
}

// function returns an exported function, or an exported method of an exported type.
func function(decl *ast.FuncDecl) []declaration {
	prefix := ""
	if decl.Recv != nil {
		receiver := receiverName(decl.Recv.List[0].Type)
		if !ast.IsExported(receiver) {
			return nil
		}
		prefix = receiver + "."
	}
	return identifiers(prefix, []*ast.Ident{decl.Name}, decl.Doc != nil)
}

// receiverName returns the name of T in T, *T, T[P] and *T[P, Q].
func receiverName(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.StarExpr:
		return receiverName(expr.X)
	case *ast.IndexExpr:
		return receiverName(expr.X)
	case *ast.IndexListExpr:
		return receiverName(expr.X)
	case *ast.Ident:
		return expr.Name
	}
	return ""
}

// typeWithMembers returns an exported type together with its exported fields or
// interface methods. A member is documented by a comment of its own, by one above
// its block, or by the comment of the type if that names it.
func typeWithMembers(files *token.FileSet, decl *ast.GenDecl, spec *ast.TypeSpec) []declaration {
	comment := spec.Doc.Text()
	if !decl.Lparen.IsValid() {
		comment += decl.Doc.Text()
	}
	found := identifiers("", []*ast.Ident{spec.Name}, comment != "")
	var members *ast.FieldList
	switch definition := spec.Type.(type) {
	case *ast.StructType:
		members = definition.Fields
	case *ast.InterfaceType:
		members = definition.Methods
	}
	if members == nil || found == nil {
		return found
	}
	inBlock, nextLine := false, 0
	for _, member := range members.List {
		inBlock = member.Doc != nil || inBlock && files.Position(member.Pos()).Line == nextLine
		nextLine = files.Position(member.End()).Line + 1
		for _, name := range member.Names {
			named := regexp.MustCompile(`\b` + name.Name + `\b`).MatchString(comment)
			if name.IsExported() {
				found = append(found, declaration{
					name:       spec.Name.Name + "." + name.Name,
					member:     true,
					documented: inBlock || member.Comment != nil || named,
				})
			}
		}
	}
	return found
}

// identifiers returns those of the names that are exported.
func identifiers(prefix string, names []*ast.Ident, documented bool) []declaration {
	var found []declaration
	for _, name := range names {
		if name.IsExported() {
			found = append(found, declaration{name: prefix + name.Name, documented: documented})
		}
	}
	return found
}
