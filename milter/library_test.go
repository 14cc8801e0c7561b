package milter

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/emersion/go-milter"

	"assay/auth"
)

// The library's own client, which implements the protocol independently of the
// packets of the other tests.
func TestLibraryClient(t *testing.T) {
	f := &fake{report: auth.Report{Edits: []auth.Edit{{Delete: true, Index: 2, Name: "X"}, {Name: "A", Value: "b"}}, Disposition: rejection}}
	ln, err := Listen(Address{"unix", filepath.Join(t.TempDir(), "s")}, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	newDaemon(f).on(t, ln[0])
	// The client refuses a server that answers version 2, as the library does, when it offers more.
	client := milter.NewClientWithOptions("unix", ln[0].Addr().String(), milter.ClientOptions{ActionMask: 0x3f})
	session, err := client.Session()
	if err != nil {
		t.Fatal(err)
	}
	action := func(a *milter.Action, err error) {
		t.Helper()
		if err != nil || a.Code != milter.ActContinue {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	action(session.Conn("m.example", milter.FamilyInet, 25, "192.0.2.1"))
	action(session.Helo("m.example"))
	for range 2 {
		action(session.Mail("a@example.com", nil))
		action(session.Rcpt("b@example.com", nil))
		action(session.HeaderField("Subject", "x"))
		action(session.HeaderEnd())
		modified, reply, err := session.BodyReadFrom(bytes.NewReader(make([]byte, 200000)))
		if err != nil || reply.Code != milter.ActReplyCode || reply.SMTPCode != 550 || reply.SMTPText != "5.7.1 no" {
			t.Fatalf("%+v, %v", reply, err)
		}
		if len(modified) != 2 || modified[0].Code != milter.ActChangeHeader || modified[0].HeaderIndex != 2 ||
			modified[1].Code != milter.ActInsertHeader || modified[1].HeaderValue != "b" {
			t.Errorf("%+v", modified)
		}
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if env, _ := f.last(); env.Helo != "m.example" || env.IP != parseClient("192.0.2.1") {
		t.Errorf("%+v", env)
	}
}
