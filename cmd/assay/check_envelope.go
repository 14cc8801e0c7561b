package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"assay/auth"
	"assay/auth/message"
)

// envelope is what the command line says about the SMTP session, and for the
// rest what the message tells; notes say where each part is from.
func (r *checkRequest) envelope(h message.Header) (env auth.Envelope, notes []string, err error) {
	env.Rcpt = r.rcpt
	ip, helo := receivedFrom(h)
	from := "--ip"
	if r.ip != "" {
		if ip, err = netip.ParseAddr(r.ip); err != nil {
			return env, nil, fmt.Errorf("flag --ip: %s is no IP address", display(r.ip))
		}
		helo = ""
	} else if ip.IsValid() {
		from = "the topmost Received field"
	} else {
		from = "not known: give it with --ip"
	}
	env.IP = ip
	notes = append(notes, note("client", addr(ip), from))

	env.Helo, from = helo, "the topmost Received field"
	if r.helo != "" {
		env.Helo, from = r.helo, "--helo"
	} else if helo == "" {
		from = "not known: give it with --helo"
	}
	notes = append(notes, note("helo", env.Helo, from))

	env.MailFrom, from = r.sender(h)
	return env, append(notes, note("mail from", "<"+env.MailFrom+">", from)), nil
}

// sender is the envelope sender and where it is from.
func (r *checkRequest) sender(h message.Header) (address, from string) {
	if r.mailFrom != nil {
		return strings.Trim(*r.mailFrom, "<>"), "--mail-from"
	}
	if paths := h.Values("Return-Path"); len(paths) > 0 {
		return strings.Trim(strings.TrimSpace(message.Unfold(paths[0])), "<>"), "the Return-Path field"
	}
	return "", "not known, the null sender: give it with --mail-from"
}

func addr(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func note(what, value, from string) string {
	return fmt.Sprintf("%-10s %s (%s)", what, clean(cmp.Or(value, "-")), from)
}

// receivedFrom reads the client's address and HELO name from the topmost
// Received field that tells them.
func receivedFrom(h message.Header) (netip.Addr, string) {
	for _, value := range h.Values("Received") {
		if r := message.ParseReceived(value); r.IP.IsValid() {
			return r.IP, r.Helo
		}
	}
	return netip.Addr{}, ""
}
