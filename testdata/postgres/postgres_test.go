package postgres

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestServer(t *testing.T) {
	s := ForTest(t)
	ctx := timeout(t, time.Minute)
	if _, err := s.Create(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(ctx, "a", "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(ctx, "a", "SELECT * FROM nothing"); err == nil {
		t.Error("a table that is not there was read")
	}
	s.Kill()
	if err := s.SQL(ctx, "a", "SELECT 1"); err == nil {
		t.Error("a dead server answers")
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(ctx, "a", "SELECT 1 / n FROM t", "SELECT 1 / COUNT(*) FROM t"); err != nil {
		t.Errorf("after a crash: %v", err)
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(timeout(t, 200*time.Millisecond), "a", "SELECT 1"); err == nil {
		t.Error("a paused server answers")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(ctx, "a", "SELECT 1"); err != nil {
		t.Error(err)
	}
	dir := s.Dir
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}
