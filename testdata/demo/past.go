package main

import (
	"context"
	"time"

	"assay/compauth"
	"assay/compauth/history"
)

// historyFile is in the demo's folder.
const historyFile = "history.db"

// writeHistory writes what the daemon would have seen on the days before: genuine mail for
// contoso.example by the service esp.example, and a message of our user to partner.example.
func (w *world) writeHistory(ctx context.Context, now time.Time) error {
	store, err := history.Open(history.Options{Database: "sqlite:" + w.path(historyFile)})
	if err != nil {
		return err
	}
	for i := range 6 {
		store.Record(history.Message{
			Pair:    history.Pair{OrgDomain: "contoso.example", PTR: "esp.example"},
			Time:    now.AddDate(0, 0, -1-i/2),
			Verdict: compauth.Verdict{Result: compauth.Pass, Reason: 100},
		})
	}
	store.Record(history.Message{
		Pair:     history.Pair{OrgDomain: ownDomain, From: "box@" + ownDomain, Rcpt: []string{"pat@partner.example"}},
		Time:     now.AddDate(0, 0, -2),
		Outbound: true,
		Verdict:  compauth.Verdict{Result: compauth.None, Reason: 401},
	})
	return store.Close(ctx)
}
