package metrics

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// Every result that a method can have is counted: the lists here are those of the methods' packages.
func TestResultsComplete(t *testing.T) {
	for dir, known := range map[string][]string{
		"auth/spf": words(spfResults[:]), "auth/dkim": words(dkimResults[:]), "auth/dmarc": words(dmarcResults[:]),
		"arc": words(arcResults[:]), "auth/iprev": words(iprevResults[:]),
	} {
		declared := declaredResults(t, filepath.Join("..", dir))
		slices.Sort(known)
		if !slices.Equal(declared, known) {
			t.Errorf("%s has %q, counted are %q", dir, declared, known)
		}
	}
}

func words[T ~string](list []T) (words []string) {
	for _, w := range list {
		words = append(words, string(w))
	}
	return words
}

// declaredResults are the values of the constants of type Result in a package, sorted.
func declaredResults(t *testing.T, dir string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, ok := spec.Type.(*ast.Ident)
			literal, isText := spec.Values[0].(*ast.BasicLit)
			if ok && isText && kind.Name == "Result" {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
			return true
		})
	}
	slices.Sort(values)
	return values
}
