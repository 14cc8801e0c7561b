package authres

import (
	"reflect"
	"strings"
	"testing"
)

// TestParseARC: the instance, and the results after it.
func TestParseARC(t *testing.T) {
	one := Results{AuthServID: "mx.example", Results: []Result{{Method: "spf", Value: "pass"}}}
	tests := map[string]struct {
		value    string
		instance int
		results  Results
		err      bool
	}{
		"plain":              {" i=1; mx.example; spf=pass", 1, one, false},
		"no space":           {"i=50;mx.example;spf=pass", 50, one, false},
		"two digits":         {"i=07; mx.example; spf=pass", 7, one, false},
		"comments and folds": {"\r\n (a) i (b(c)) =\r\n\t(d) 12 (e\\)) ; mx.example; spf=pass", 12, one, false},
		"none":               {"i=1; mx.example; none", 1, Results{AuthServID: "mx.example"}, false},
		"microsoft":          {"i=1; mx.example 1; spf=pass", 1, Results{AuthServID: "mx.example", Version: "1", Results: one.Results}, false},
		"without an id":      {"i=1; spf=pass", 1, Results{Results: one.Results}, false},
		"half readable":      {"i=1; mx.example; spf=pass; dkim", 1, one, true},
		"no results":         {"i=1;", 1, Results{}, true},
		"open comment":       {"i=1; mx.example; spf=pass (x", 1, Results{AuthServID: "mx.example"}, true},
		"too long":           {"i=1; mx.example; spf=pass" + strings.Repeat(" ", maxField), 1, Results{}, true},
		"empty":              {"", 0, Results{}, true},
		"no instance":        {"mx.example; spf=pass", 0, Results{}, true},
		"not first":          {"mx.example; i=1; spf=pass", 0, Results{}, true},
		"no semicolon":       {"i=1 mx.example; spf=pass", 0, Results{}, true},
		"nothing after it":   {"i=1", 0, Results{}, true},
		"upper case":         {"I=1; mx.example; spf=pass", 0, Results{}, true},
		"zero":               {"i=0; mx.example; spf=pass", 0, Results{}, true},
		"51":                 {"i=51; mx.example; spf=pass", 0, Results{}, true},
		"three digits":       {"i=001; mx.example; spf=pass", 0, Results{}, true},
		"quoted":             {`i="1"; mx.example; spf=pass`, 0, Results{}, true},
		"sign":               {"i=+1; mx.example; spf=pass", 0, Results{}, true},
		"another digit":      {"i=\xd9\xa1; mx.example; spf=pass", 0, Results{}, true},
		"comment inside":     {"i=1(x)2; mx.example; spf=pass", 0, Results{}, true},
		"open comment first": {"i=(1; mx.example; spf=pass", 0, Results{}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			instance, results, err := ParseARC(test.value)
			if instance != test.instance || !reflect.DeepEqual(results, test.results) || (err != nil) != test.err {
				t.Errorf("%d %+v %v", instance, results, err)
			}
		})
	}
}

// TestFormatARC: the field as it is written, with folds that count its longer name.
func TestFormatARC(t *testing.T) {
	r := Results{AuthServID: "mx.example", Results: []Result{{Method: "spf", Value: "pass"}, {Method: "dmarc", Value: "fail"}}}
	if got, want := r.FormatARC(3), "i=3; mx.example;\r\n spf=pass;\r\n dmarc=fail"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	long := Results{AuthServID: strings.Repeat("x", 44)} // "ARC-Authentication-Results: i=3; " has 33 bytes
	if got, want := long.FormatARC(3), "i=3; "+long.AuthServID+";\r\n none"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	long.AuthServID += "x"
	if got, want := long.FormatARC(3), "i=3;\r\n "+long.AuthServID+"; none"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzParseARC: what was read can be written and read again, and has an instance.
func FuzzParseARC(f *testing.F) {
	for _, s := range []string{
		"i=1; mx.example; spf=pass", "(a)i(b)=(c)50(d);x", "i=1", "i=;", "i=1;;;",
		"i=2; mx.microsoft.com 1; spf=pass (sender ip is 1.2.3.4) smtp.mailfrom=a.example; dmarc=pass action=none header.from=a.example; arc=none",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		instance, r, err := ParseARC(value)
		if instance < 0 || instance > 50 || instance == 0 && err == nil {
			t.Fatalf("instance %d, %v", instance, err)
		}
		if instance == 0 {
			return
		}
		again, r2, err := ParseARC(r.FormatARC(instance))
		if again != instance || err != nil {
			t.Errorf("instance %d, %v after %d", again, err, instance)
		}
		if got, want := r2.FormatARC(again), r.FormatARC(instance); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
