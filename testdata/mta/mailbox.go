package mta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"assay/auth/message"
)

// A Mailbox holds what an MTA delivered. It is safe for concurrent use.
type Mailbox struct {
	dir  string // new/ of a maildir
	mu   sync.Mutex
	read map[string]bool // files that Next has returned
}

// A Message is a message as it was delivered, with CRLF line ends and without
// the fields that Postfix's delivery agent adds (Return-Path, X-Original-To,
// Delivered-To).
type Message struct {
	Raw    []byte
	Header message.Header
	Body   []byte
}

// Next waits for a message that it has not returned yet, oldest first.
func (b *Mailbox) Next(ctx context.Context) (*Message, error) {
	var found *Message
	err := until(ctx, func() (bool, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		names, err := b.names()
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(names, func(n string) bool { return !b.read[n] })
		if i < 0 {
			return false, nil
		}
		if b.read == nil {
			b.read = make(map[string]bool)
		}
		b.read[names[i]] = true
		found, err = b.open(names[i])
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("mta: no message was delivered: %w", err)
	}
	return found, nil
}

// Wait waits until n messages have been delivered and returns all there are,
// oldest first, those of Next too.
func (b *Mailbox) Wait(ctx context.Context, n int) ([]*Message, error) {
	var names []string
	err := until(ctx, func() (bool, error) {
		var err error
		names, err = b.names()
		return len(names) >= n, err
	})
	if err != nil {
		return nil, fmt.Errorf("mta: %d of %d messages were delivered: %w", len(names), n, err)
	}
	var list []*Message
	for _, name := range names {
		m, err := b.open(name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// names lists the files in the order in which they were written.
func (b *Mailbox) names() ([]string, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	times := make(map[string]time.Time)
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("mta: %w", err)
		}
		names = append(names, e.Name())
		times[e.Name()] = info.ModTime()
	}
	slices.SortStableFunc(names, func(a, b string) int { return times[a].Compare(times[b]) })
	return names, nil
}

func (b *Mailbox) open(name string) (*Message, error) {
	raw, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	return newMessage(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))), nil
}

// newMessage splits a message and takes off what the delivery agent added.
func newMessage(raw []byte) *Message {
	header, body := SplitMessage(raw)
	own := 0
	for own < len(header) && own < 3 &&
		(header[own].Is("Return-Path") || header[own].Is("X-Original-To") || header[own].Is("Delivered-To")) {
		own++
	}
	m := &Message{Raw: raw[header[:own].Size():], Header: header[own:], Body: body}
	return m
}

// SplitMessage splits a message with CRLF line ends at the line that ends its
// header: an empty one, which belongs to neither part, or one that can't be in
// a header, which begins the body.
func SplitMessage(raw []byte) (message.Header, []byte) {
	var header message.Header
	for len(raw) > 0 {
		if bytes.HasPrefix(raw, []byte("\r\n")) {
			return header, raw[2:]
		}
		end := fieldEnd(raw)
		name, _, ok := strings.Cut(string(raw[:end]), ":")
		if !ok || strings.ContainsAny(name, "\r\n") {
			return header, raw
		}
		header = append(header, message.Field{Name: name, Raw: string(bytes.TrimSuffix(raw[:end], []byte("\r\n")))})
		raw = raw[end:]
	}
	return header, nil
}

// fieldEnd is the length of the field that raw begins with, its last CRLF included.
func fieldEnd(raw []byte) int {
	for end := 0; ; {
		i := bytes.Index(raw[end:], []byte("\r\n"))
		if i < 0 {
			return len(raw)
		}
		end += i + 2
		if end == len(raw) || raw[end] != ' ' && raw[end] != '\t' {
			return end
		}
	}
}

// Stamped is the fields above the MTA's own Received: what milters put on top.
func (m *Message) Stamped() message.Header {
	if i := m.received(); i >= 0 {
		return m.Header[:i]
	}
	return nil
}

// AsSent is the message below the MTA's own Received: when milters change
// nothing there, the bytes that the client sent.
func (m *Message) AsSent() []byte {
	if i := m.received(); i >= 0 {
		return m.Raw[m.Header[:i+1].Size():]
	}
	return m.Raw
}

func (m *Message) received() int {
	return slices.IndexFunc(m.Header, func(f message.Field) bool { return f.Is("Received") })
}
