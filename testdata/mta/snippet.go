package mta

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// What the snippets for admins say, and the tests replace.
const (
	postfixMilters  = "\nsmtpd_milters = inet:127.0.0.1:8893\n"
	postfixAction   = "\nmilter_default_action = accept\n"
	sendmailName    = "INPUT_MAIL_FILTER(`assay',"
	sendmailSocket  = " `S=inet:8893@127.0.0.1,"
	sendmailFailure = " F=T,"
)

// postfixSnippet is packaging/postfix/main.cf.example with the milters and the default action of o.
func postfixSnippet(o Options) (string, error) {
	return snippet("packaging/postfix/main.cf.example",
		postfixMilters, "\nsmtpd_milters = "+strings.Join(o.Milters, ", ")+"\n",
		postfixAction, "\nmilter_default_action = "+o.OnMilterFailure+"\n")
}

// sendmailSnippets is packaging/sendmail/assay.m4, once for each milter of o.
func sendmailSnippets(o Options) (string, error) {
	flag := map[string]string{"tempfail": "T", "reject": "R"}[o.OnMilterFailure] // accept: empty
	var all strings.Builder
	for i, spec := range o.Milters {
		text, err := snippet("packaging/sendmail/assay.m4",
			sendmailName, fmt.Sprintf("INPUT_MAIL_FILTER(`milter%d',", i+1),
			sendmailSocket, " `S="+sendmailSpec(spec)+",",
			sendmailFailure, " F="+flag+",")
		if err != nil {
			return "", err
		}
		all.WriteString(text)
	}
	return all.String(), nil
}

// sendmailSpec translates the address of a milter from Postfix's form.
func sendmailSpec(spec string) string {
	addr, ok := strings.CutPrefix(spec, "inet:")
	if !ok {
		return spec
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return spec
	}
	family := "inet"
	if strings.Contains(host, ":") {
		family = "inet6"
	}
	return family + ":" + port + "@" + host
}

// snippet reads a file of the module and replaces pairs of texts, of which the first has to be there once.
func snippet(name string, pairs ...string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return "", fmt.Errorf("mta: %w", err)
	}
	text := string(data)
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			return "", fmt.Errorf("mta: %s does not have %q once", name, pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text, nil
}

// moduleRoot is the folder of go.mod, at or above the current one: tests and the demo run in the module.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("mta: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return "", fmt.Errorf("mta: no go.mod here or above: %w", err)
		}
		dir = filepath.Dir(dir)
	}
}
