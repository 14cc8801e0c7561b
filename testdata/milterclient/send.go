package milterclient

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"assay/auth/message"
)

// The stages that have a list of macros, numbered as SMFIF_SETSYMLIST does.
const (
	stageConnect = iota
	stageHelo
	stageMail
	stageRcpt
	stageData
	stageEOM
	stageEOH
	stages
	stageNone = -1
)

// defaultMacros are the macros that the MTA sends unless asked otherwise.
func defaultMacros(sendmail bool) (names [stages][]string) {
	names[stageHelo] = strings.Fields("{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}")
	if sendmail {
		names[stageConnect] = strings.Fields("j _ {daemon_name} {if_name} {if_addr}")
		names[stageMail] = strings.Fields("i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} {mail_addr}")
		names[stageRcpt] = strings.Fields("{rcpt_mailer} {rcpt_host} {rcpt_addr}")
		names[stageEOM] = []string{"{msg_id}"}
		return names
	}
	names[stageConnect] = strings.Fields("j {daemon_name} {daemon_addr} v _")
	names[stageMail] = strings.Fields("{auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}")
	names[stageRcpt] = strings.Fields("{rcpt_addr} {rcpt_host} {rcpt_mailer}")
	names[stageData], names[stageEOH], names[stageEOM] = []string{"i"}, []string{"i"}, []string{"i"}
	return names
}

// A Message is one mail transaction.
type Message struct {
	From     string   // without <>; "" is the null sender
	FromArgs []string // ESMTP arguments: "SIZE=1000"
	Rcpts    []string // without <>; none is one: box@example.test
	Header   message.Header
	Body     []byte            // CRLF line ends, dots not stuffed
	Chunk    int               // body bytes in a packet; 0 is as many as the MTAs send, 65535
	Macros   map[string]string // of this message: "i" is the queue id, Q1 unless set
}

// Send plays one message up to the milter's final reply; a reply before the end
// of the message ends it, but for a refused recipient. The Result is valid when
// error is nil.
func (c *Conn) Send(m Message) (*Result, error) {
	if n := c.r.Buffered(); n > 0 {
		return nil, fmt.Errorf("milterclient: the milter sent %d bytes that nobody asked for", n)
	}
	res := &Result{}
	if c.refuse != nil {
		res.Stage, res.Reply = "connect", *c.refuse
		return res, nil
	}
	macros := map[string]string{"i": "Q1", "{mail_mailer}": "smtp", "{mail_addr}": m.From}
	maps.Copy(macros, m.Macros)
	err := c.transaction(m, macros, res)
	if err == nil && res.Stage != "end" && !c.o.Sendmail {
		writePacket(c.w, cmdAbort)
		err = c.flush()
	}
	if err == nil && c.r.Buffered() > 0 {
		err = fmt.Errorf("a second reply in stage %s", res.Stage)
	}
	if err != nil {
		return nil, fmt.Errorf("milterclient: after stage %q: %w", res.Stage, err)
	}
	return res, nil
}

// transaction plays the stages until one ends the message.
func (c *Conn) transaction(m Message, macros map[string]string, res *Result) error {
	for _, step := range []func(Message, map[string]string, *Result) (bool, error){
		c.mail, c.rcpts, c.data, c.header, c.body, c.end,
	} {
		if done, err := step(m, macros, res); done || err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) mail(m Message, macros map[string]string, res *Result) (bool, error) {
	res.Stage = "mail"
	data := []any{"<" + m.From + ">"}
	for _, arg := range m.FromArgs {
		data = append(data, arg)
	}
	return res.ends(c.stage(cmdMail, stageMail, noMail, nrMail, macros, data...))
}

func (c *Conn) rcpts(m Message, macros map[string]string, res *Result) (bool, error) {
	res.Stage = "rcpt"
	rcpts := m.Rcpts
	if len(rcpts) == 0 {
		rcpts = []string{"box@example.test"}
	}
	accepted := 0
	for _, to := range rcpts {
		macros["{rcpt_addr}"], macros["{rcpt_mailer}"] = to, "smtp"
		done, err := res.ends(c.stage(cmdRcpt, stageRcpt, noRcpt, nrRcpt, macros, "<"+to+">"))
		if err != nil {
			return true, err
		}
		res.Rcpts = append(res.Rcpts, res.Reply)
		switch {
		case !done:
			accepted++
		case res.Reply.Code == Accept || res.Reply.Code == Discard:
			return true, nil
		}
	}
	return accepted == 0, nil
}

func (c *Conn) data(_ Message, macros map[string]string, res *Result) (bool, error) {
	if c.Version < 4 {
		return false, nil
	}
	res.Stage = "data"
	return res.ends(c.stage(cmdData, stageData, noData, nrData, macros))
}

func (c *Conn) header(m Message, macros map[string]string, res *Result) (bool, error) {
	res.Stage = "header"
	for _, f := range m.Header {
		value := strings.ReplaceAll(f.Value(), "\r\n", "\n")
		if c.Protocol&leadingSpace == 0 {
			value = strings.TrimPrefix(value, " ")
		}
		if done, err := res.ends(c.stage(cmdHeader, stageNone, noHeaders, nrHeader, nil, f.Name, value)); done || err != nil {
			return done, err
		}
	}
	res.Stage = "end of header"
	return res.ends(c.stage(cmdEOH, stageEOH, noEOH, nrEOH, macros))
}

func (c *Conn) body(m Message, _ map[string]string, res *Result) (bool, error) {
	res.Stage = "body"
	size := m.Chunk
	if size <= 0 || size > maxChunk {
		size = maxChunk
	}
	for rest := m.Body; len(rest) > 0; {
		chunk := rest[:min(size, len(rest))]
		rest = rest[len(chunk):]
		r, err := c.stage(cmdBody, stageNone, noBody, nrBody, nil, chunk)
		if err == nil && r.Code == Skip {
			if c.Protocol&canSkip == 0 {
				return true, fmt.Errorf("the milter skips without having asked to")
			}
			res.Skipped = len(rest)
			break
		}
		if done, err := res.ends(r, err); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// end sends the end of the message and reads the modifications.
func (c *Conn) end(_ Message, macros map[string]string, res *Result) (bool, error) {
	res.Stage = "end"
	res.leadingSpace = c.Protocol&leadingSpace != 0
	c.writeMacros(cmdBodyEOB, stageEOM, macros)
	writePacket(c.w, cmdBodyEOB)
	for {
		p, err := c.read()
		if err != nil {
			return true, err
		}
		final, err := res.modification(p, c.Actions)
		if err != nil || final {
			if err == nil {
				res.Reply, err = parseReply(p)
			}
			return true, err
		}
	}
}

// stage sends one command with its macros, and reads the reply unless the
// milter asked not to be told or not to be asked.
func (c *Conn) stage(cmd byte, list int, no, noReply uint32, macros map[string]string, data ...any) (Reply, error) {
	if c.Protocol&no != 0 {
		return Reply{Code: Continue}, nil
	}
	c.writeMacros(cmd, list, macros)
	writePacket(c.w, cmd, data...)
	if c.Protocol&noReply != 0 {
		return Reply{Code: Continue}, nil
	}
	p, err := c.read()
	if err != nil {
		return Reply{}, err
	}
	return parseReply(p)
}

// writeMacros writes those macros of a stage that have a value.
func (c *Conn) writeMacros(cmd byte, list int, macros map[string]string) {
	if list == stageNone {
		return
	}
	data := make([]any, 1, 1+2*len(c.names[list]))
	data[0] = []byte{cmd}
	for _, name := range c.names[list] {
		value, ok := macros[name]
		if !ok {
			value, ok = c.macros[name]
		}
		if ok {
			data = append(data, name, value)
		}
	}
	if len(data) > 1 {
		writePacket(c.w, cmdMacro, data...)
	}
}

// Begin plays a message up to its body and stops there, for Abort or Drop.
func (c *Conn) Begin(m Message) error {
	res := &Result{}
	macros := maps.Clone(m.Macros)
	if macros == nil {
		macros = map[string]string{"i": "Q1"}
	}
	for _, step := range []func(Message, map[string]string, *Result) (bool, error){c.mail, c.rcpts, c.data, c.header, c.body} {
		if done, err := step(m, macros, res); err != nil {
			return fmt.Errorf("milterclient: %w", err)
		} else if done {
			return fmt.Errorf("milterclient: stage %s: %s", res.Stage, res.Reply)
		}
	}
	if err := c.flush(); err != nil {
		return fmt.Errorf("milterclient: %w", err)
	}
	return nil
}

// Abort ends a message that was begun; the next one may follow.
func (c *Conn) Abort() error {
	writePacket(c.w, cmdAbort)
	if err := c.flush(); err != nil {
		return fmt.Errorf("milterclient: %w", err)
	}
	return nil
}

// parseReply reads a final reply.
func parseReply(p packet) (Reply, error) {
	switch p.code {
	case Continue, Accept, Reject, TempFail, Discard, Skip:
		if len(p.data) != 0 {
			return Reply{}, fmt.Errorf("the reply %q has %d bytes of data", p.code, len(p.data))
		}
		return Reply{Code: p.code}, nil
	case ReplyCode:
		text, rest, err := cutString(p.data)
		if err != nil || len(rest) != 0 || len(text) < 4 {
			return Reply{}, fmt.Errorf("the reply text is %q", p.data)
		}
		code, err := strconv.Atoi(text[:3])
		if err != nil || code < 400 || code > 599 {
			return Reply{}, fmt.Errorf("the reply text is %q", p.data)
		}
		// The MTA reads %% as one %.
		return Reply{Code: ReplyCode, SMTP: code, Text: strings.ReplaceAll(text[4:], "%%", "%")}, nil
	}
	return Reply{}, fmt.Errorf("the milter sent packet %q with %d bytes as a reply", p.code, len(p.data))
}
