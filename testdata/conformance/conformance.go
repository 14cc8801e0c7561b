// Package conformance reads the public test suites. They are not part of the project:
// they lie in the folder that $ASSAY_CONFORMANCE names, by default shared/conformance
// beside the checkout.
//
// Divergences from the RFC: none.
package conformance

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"assay/testdata/lab"
)

// Open opens a file of the suites, such as "arc/arc-draft-sign-tests.yml". Where it is
// absent the test is skipped.
func Open(t testing.TB, file string) *os.File {
	t.Helper()
	name := filepath.Join(folder(t), file)
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no test suite at %s: set ASSAY_CONFORMANCE to the folder that has it", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func folder(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("ASSAY_CONFORMANCE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "conformance")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}

// An ARCScenario is one document of a file of the ARC test suite.
type ARCScenario struct {
	Description string
	Tests       ARCVectors
	Records     map[string]string `yaml:"txt-records"`
	Domain      string
	Selector    string `yaml:"sel"`
	PrivateKey  string `yaml:"privatekey"`
}

// ARCVectors are the tests of a scenario. The suite gives some names twice, to
// different tests, which a map would not take.
type ARCVectors []ARCVector

// UnmarshalYAML reads a mapping in its order.
func (all *ARCVectors) UnmarshalYAML(node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		v := ARCVector{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&v); err != nil {
			return err
		}
		*all = append(*all, v)
	}
	return nil
}

// An ARCVector is one test of either file of the ARC suite.
type ARCVector struct {
	Name    string `yaml:"-"`
	Message string
	CV      string `yaml:"cv"`
	Time    int64  `yaml:"t"`
	Names   string `yaml:"sig-headers"`
	ID      string `yaml:"srv-id"`
	AS      string `yaml:"AS"`
	AMS     string `yaml:"AMS"`
	AAR     string `yaml:"AAR"`
}

// Result is what validation has to give. An empty cv stands for a chain that a sealer
// had marked as failed: RFC 8617 section 5.2, steps 2 and 3C, says fail.
func (v ARCVector) Result() string {
	if v.CV == "" {
		return "fail"
	}
	return strings.ToLower(v.CV)
}

// CRLF is the message as it comes by SMTP.
func (v ARCVector) CRLF() []byte { return []byte(strings.ReplaceAll(v.Message, "\n", "\r\n")) }

// ARC reads a file of the ARC suite.
func ARC(t testing.TB, file string) []ARCScenario {
	t.Helper()
	d := yaml.NewDecoder(Open(t, "arc/"+file))
	var all []ARCScenario
	for {
		var s ARCScenario
		err := d.Decode(&s)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, s)
	}
}

// Zone is the scenario's DNS as a master file.
func (s ARCScenario) Zone() string {
	var b strings.Builder
	for name, text := range s.Records {
		text = strings.ReplaceAll(text, "\n", "") // some are written in several lines
		b.WriteString(name + ". 300 IN TXT " + lab.Strings(text) + "\n")
	}
	return b.String()
}
