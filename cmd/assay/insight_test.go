package main

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/auth"
	"assay/compauth"
	"assay/compauth/history"
)

// seen is a sighting of some messages, hours before testTime.
func seen(domain, infrastructure string, count, hours int, change ...func(*history.Sighting)) history.Sighting {
	s := history.Sighting{Domain: domain, Infrastructure: infrastructure, Count: count, LastSeen: testTime.Add(-time.Duration(hours) * time.Hour),
		Result: compauth.Fail, Reason: 1, ImplicitResult: compauth.Fail, Implicit: 1, Action: "accept"}
	for _, f := range change {
		f(&s)
	}
	return s
}

func withVerdict(result compauth.Result, reason compauth.Reason) func(*history.Sighting) {
	return func(s *history.Sighting) {
		s.Result, s.Reason, s.ImplicitResult, s.Implicit = result, reason, result, reason
	}
}

func withPolicy(policy string) func(*history.Sighting) {
	return func(s *history.Sighting) { s.Policy = policy }
}

func withAction(action string) func(*history.Sighting) {
	return func(s *history.Sighting) { s.Action = action }
}

func withEntry(entry string) func(*history.Sighting) {
	return func(s *history.Sighting) { s.Entry = entry }
}

func own(s *history.Sighting) { s.Internal = true }

func wouldBe103(s *history.Sighting) { s.ImplicitResult, s.Implicit = compauth.Pass, 103 }

// sightings is what the views are tested with.
func sightings() []history.Sighting {
	return []history.Sighting{
		seen("fabrikam.example", "esp.example", 7, 30, wouldBe103),
		seen("fabrikam.example", "esp.example", 5, 3, withPolicy("quarantine"), withVerdict(compauth.Fail, 0)),
		seen("fabrikam.example", "192.0.2.0/24", 12, 2, withPolicy("reject"), withVerdict(compauth.Fail, 0), withAction("reject")),
		seen("contoso.example", "2001:db8:1:2::/64", 1, 50, own, withVerdict(compauth.Fail, 601)),
		seen("contoso.example", "esp.example", 40, 1, own, withVerdict(compauth.Fail, 10), withPolicy("reject"), withEntry("allow")),
		seen("bank.example", "bulk.example", 3, 1, withVerdict(compauth.Fail, 2), withEntry("block"), withAction("reject")),
		seen("hint.example", "hint.example", 3, 1, withVerdict(compauth.SoftPass, 201)),
		seen("slow.example", "198.51.100.0/24", 2, 9, withAction("tempfail")),
		seen("=cmd|'/c calc'!a1", "", 1, 60),
		seen("@evil\x1b[31m\u202e.example", "+x\t\r\n-y,\"z\"", 1, 61),
	}
}

// Every form of the output, against golden files.
func TestInsightViews(t *testing.T) {
	for name, view := range map[string]func(insightView) string{
		"table.txt":   insightView.text,
		"table.csv":   insightView.csv,
		"table.json":  insightView.json,
		"whatif.txt":  whatIfView(insightView.text, false),
		"whatif.csv":  whatIfView(insightView.csv, true),
		"whatif.json": whatIfView(insightView.json, true),
		"more.txt":    whatIfView(insightView.text, false, sightingsCut),
		"more.json":   whatIfView(insightView.json, false, sightingsCut),
	} {
		t.Run(name, func(t *testing.T) {
			text := view(insightView{insightSeen: insightSeen{rows: insightRows(sightings())}, days: 7, policy: &PolicyConfig{SpoofBlock: auth.Reject}})
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r < ' ' || r == '\u202e' }); i >= 0 {
				t.Errorf("a control character is printed: %q", text[i:])
			}
			golden(t, filepath.Join("testdata", "insight", name), text)
		})
	}
}

func whatIfView(view func(insightView) string, implicit bool, change ...func(*insightView)) func(insightView) string {
	return func(v insightView) string {
		v.whatIf, v.implicit = true, implicit
		for _, f := range change {
			f(&v)
		}
		return view(v)
	}
}

// sightingsCut leaves only some rows, as of a history that has more than can be shown.
func sightingsCut(v *insightView) { v.rows, v.more = v.rows[:3], true }

// That there is more than is shown is said in every form; of CSV beside it.
func TestInsightMore(t *testing.T) {
	for _, more := range []bool{false, true} {
		view := insightView{insightSeen: insightSeen{insightRows(sightings()), more}, days: 7, policy: new(PolicyConfig)}
		for _, r := range []insightRequest{{}, {csv: true}, {json: true}} {
			p := newProgram(t)
			code := r.show(&p.program, view)
			said := strings.Contains(p.out.String(), tooManySightings) || strings.Contains(p.out.String(), "\"more\": true")
			noted := p.err.String() == "assay: "+tooManySightings+"\n"
			if code != exitOK || said != (more && !r.csv) || noted != (more && r.csv) {
				t.Errorf("more %v, %+v: %d %s%s", more, r, code, &p.err, &p.out)
			}
		}
	}
}

// The order in which the history gives its rows does not count.
func TestInsightRowsAreStable(t *testing.T) {
	want := insightRows(sightings())
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		shuffled := sightings()
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := insightRows(shuffled); !reflect.DeepEqual(got, want) {
			t.Fatalf("of %+v:\n%+v\nwant\n%+v", shuffled, got, want)
		}
	}
	for i, row := range want {
		if row.Number != i+1 {
			t.Errorf("row %d has the number %d", i+1, row.Number)
		}
	}
}

// Each order puts the rows by what it is named for, and equal ones by number; the numbers stay.
func TestInsightOrders(t *testing.T) {
	for name, want := range map[string][]int{
		"count":          {1, 2, 3, 4, 5, 6, 7, 8, 9},
		"last":           {1, 4, 5, 2, 3, 6, 7, 8, 9},
		"domain":         {8, 9, 4, 1, 7, 2, 3, 5, 6},
		"infrastructure": {8, 9, 2, 6, 7, 4, 1, 3, 5},
		"reason":         {2, 3, 6, 8, 9, 4, 1, 7, 5},
	} {
		var order insightOrder
		if err := order.Set(name); err != nil || order.String() != name {
			t.Fatal(name, err)
		}
		rows := insightRows(sightings())
		slices.SortStableFunc(rows, order.compare())
		var got []int
		for _, row := range rows {
			got = append(got, row.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

// What would have become of a message.
func TestEnforced(t *testing.T) {
	for _, test := range []struct {
		sighting           history.Sighting
		quarantine, reject auth.Action // with compauth_fail = "quarantine" and "reject"
	}{
		{seen("f", "i", 1, 0), auth.Quarantine, auth.Reject},
		{seen("f", "i", 1, 0, withVerdict(compauth.Fail, 601)), auth.Quarantine, auth.Reject},
		{seen("f", "i", 1, 0, withEntry("allow")), auth.Accept, auth.Accept},
		{seen("f", "i", 1, 0, withVerdict(compauth.Pass, 103)), auth.Accept, auth.Accept},
		{seen("f", "i", 1, 0, withVerdict(compauth.SoftPass, 201)), auth.Accept, auth.Accept},
		{seen("f", "i", 1, 0, withVerdict(compauth.None, 905)), auth.Accept, auth.Accept},
		{seen("f", "i", 1, 0, withVerdict(compauth.Fail, 0), withPolicy("reject")), auth.Reject, auth.Reject},
		{seen("f", "i", 1, 0, withVerdict(compauth.Fail, 10), withPolicy("quarantine")), auth.Quarantine, auth.Quarantine},
		{seen("f", "i", 1, 0, withVerdict(compauth.Fail, 0), withPolicy("reject"), withEntry("allow")), auth.Accept, auth.Accept},
		{seen("f", "i", 1, 0, withVerdict(compauth.Fail, 2), withEntry("block")), auth.Reject, auth.Reject},
		{seen("f", "i", 1, 0, withAction("tempfail")), auth.TempFail, auth.TempFail},
		{seen("f", "i", 1, 0, withPolicy("none")), auth.Quarantine, auth.Reject},
		{seen("f", "i", 1, 0, withPolicy("reject"), withAction("tempfail")), auth.TempFail, auth.TempFail},
	} {
		for compauthFail, want := range map[auth.Action]auth.Action{auth.Quarantine: test.quarantine, auth.Reject: test.reject} {
			policy := PolicyConfig{SpoofBlock: auth.Reject, DNSFailure: auth.Accept}
			if got := enforced(&test.sighting, compauthFail, &policy); got != want {
				t.Errorf("%+v with %s: %s, want %s", test.sighting, compauthFail, got, want)
			}
		}
	}
}

// What DMARC has no result for is let in or asked for again, as the policy in force says.
func TestEnforcedDNSFailure(t *testing.T) {
	for _, failure := range []auth.Action{auth.Accept, auth.TempFail} {
		policy := PolicyConfig{SpoofBlock: auth.Reject, DNSFailure: failure}
		for _, s := range []history.Sighting{
			seen("f", "i", 1, 0, withPolicy("reject")),
			seen("f", "i", 1, 0, withPolicy("quarantine"), withVerdict(compauth.Fail, 601)),
		} {
			if got := enforced(&s, auth.Reject, &policy); got != failure {
				t.Errorf("%+v with dns_failure %s: %s", s, failure, got)
			}
		}
	}
}

// What programs read holds every row, whole.
func TestInsightForPrograms(t *testing.T) {
	rows := insightRows(sightings())
	view := insightView{insightSeen: insightSeen{rows: rows}, days: 7, whatIf: true, policy: &PolicyConfig{SpoofBlock: auth.Quarantine}}
	records, err := csv.NewReader(strings.NewReader(view.csv())).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, record := range records {
		for _, cell := range record {
			if strings.IndexAny(cell, "=+-@\t\r") == 0 {
				t.Errorf("a spreadsheet calculates %q", cell)
			}
		}
	}
	var j jsonInsight
	if err := json.Unmarshal([]byte(view.json()), &j); err != nil || len(j.Rows) != len(rows) || j.Rows[8].Domain != rows[8].Domain {
		t.Errorf("%+v, %v", j, err)
	}
	if want := (fate{Accepted: 58, Rejected: 15, Deferred: 2}); j.WhatIf.Now != want {
		t.Errorf("now %+v, want %+v", j.WhatIf.Now, want)
	}
}

// What keeps insight from an answer is said, with an exit code of its own.
func TestInsightErrors(t *testing.T) {
	for _, test := range []struct {
		config string
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"", "", exitUnavailable, "", "assay: there is no history yet at STATE/history.db; assay serve begins it\n"},
		{"history.database = 'sqlite:sub/h.db'", "--days 1 --csv", exitUnavailable, "", "assay: there is no history yet at STATE/sub/h.db; assay serve begins it\n"},
		{"history.database = 'sqlite:/etc/passwd'", "--json", exitTemporary, "", "assay: history: the database is down: "},
		{"history.database = ''", "", exitUnavailable, "", "assay: no history is configured: history.database is empty (CONFIG:1)\n"},
		{"", "--days 0", exitUsage, "", `assay: flag --days: "0": write a number from 1 to 3650 (see assay insight --help)`},
		{"", "--days x", exitUsage, "", `assay: flag --days: "x": write a number from 1 to 3650`},
		{"", "--sort size", exitUsage, "", `assay: flag --sort: "size": write one of count, last, domain, infrastructure, reason`},
		{"", "--csv --json", exitUsage, "", "assay: --csv and --json are two forms of the same; give one\n"},
		{"", "extra", exitUsage, "", `assay: unexpected argument "extra"`},
		{"x = 1", "", exitData, "", "CONFIG:1: x: unknown key"},
	} {
		p := newProgram(t)
		writeFile(t, p.configFile, test.config)
		code, stdout, stderr := p.run(t, append([]string{"insight"}, strings.Fields(test.args)...)...)
		stderr = strings.NewReplacer(p.configFile, "CONFIG", p.getenv("STATE_DIRECTORY"), "STATE").Replace(stderr)
		if code != test.code || !strings.HasPrefix(stdout, test.stdout) || test.stdout == "" && stdout != "" || !strings.HasPrefix(stderr, test.stderr) {
			t.Errorf("%q, %q: %d %q %q\nwant %d %q %q", test.config, test.args, code, stdout, stderr, test.code, test.stdout, test.stderr)
		}
	}
}
