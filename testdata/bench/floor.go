package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"sync"

	"assay/testdata/corpus"
)

// A floorPlan is all that the floor is told: how to answer, so that it looks on the wire like
// assay, and the crypto of each message.
type floorPlan struct {
	Negotiation []byte
	Messages    map[string]floorMessage // by queue id
}

type floorMessage struct {
	Work   corpus.Work
	Answer []byte // packets
}

// A floor is a milter that does what nobody who verifies signatures gets around: it reads the
// same packets and sends the same answers, hashes as many bytes as the signatures cover with
// SHA-256, and verifies one RSA-2048 signature for each. It reads no field, canonicalizes
// nothing, and asks no DNS.
type floor struct {
	plan      floorPlan
	key       *rsa.PublicKey
	sum       [sha256.Size]byte
	signature []byte
	readers   sync.Pool // of *bufio.Reader
}

// serveFloor runs the floor by a plan in a file, and writes its address to standard output.
func serveFloor(path string) error {
	f, err := newFloor(path)
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		go f.serve(conn)
	}
}

func newFloor(path string) (*floor, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &floor{readers: sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 72<<10) }}}
	if err := gob.NewDecoder(file).Decode(&f.plan); err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	f.key = &key.PublicKey
	f.signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, f.sum[:])
	return f, err
}

// serve answers one connection until it ends.
func (f *floor) serve(conn net.Conn) {
	defer conn.Close()
	r := f.readers.Get().(*bufio.Reader)
	r.Reset(conn)
	defer f.readers.Put(r)
	m := floorSession{floor: f}
	for {
		head, err := r.Peek(4)
		if err != nil {
			return
		}
		size := 4 + int(binary.BigEndian.Uint32(head))
		packet, err := r.Peek(size) // in place: the buffer holds the largest
		if err != nil {
			return
		}
		reply, err := m.packet(packet[4], packet[5:])
		if err != nil {
			return
		}
		_, _ = r.Discard(size) // it is there
		if reply == nil {
			continue
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// A floorSession is one connection.
type floorSession struct {
	floor   *floor
	message floorMessage
	header  []byte
	body    hash.Hash
}

// packet does what there is to do for a packet, and gives the reply, nil for none. The error
// ends the connection.
func (m *floorSession) packet(command byte, data []byte) ([]byte, error) {
	switch command {
	case 'O':
		return m.floor.plan.Negotiation, nil
	case 'D':
		m.macros(data)
	case 'L':
		m.header = append(m.header, data...)
	case 'B':
		if m.message.Work.Bodies > 0 {
			if m.body == nil {
				m.body = sha256.New()
			}
			m.body.Write(data)
		}
	case 'E':
		return m.message.Answer, m.verify()
	case 'Q':
		return nil, io.EOF
	}
	return nil, nil
}

// macros takes the queue id, the first macro where assay asks for it.
func (m *floorSession) macros(data []byte) {
	if name, rest, _ := bytes.Cut(data[1:], []byte{0}); string(name) == "i" {
		id, _, _ := bytes.Cut(rest, []byte{0})
		m.message = m.floor.plan.Messages[string(id)]
	}
}

// verify does the crypto of the end of a message.
func (m *floorSession) verify() error {
	if m.body != nil {
		m.body.Sum(nil)
	}
	for _, n := range m.message.Work.Headers {
		sha256.Sum256(m.header[:min(n, len(m.header))])
		if err := rsa.VerifyPKCS1v15(m.floor.key, crypto.SHA256, m.floor.sum[:], m.floor.signature); err != nil {
			return err
		}
	}
	m.header, m.body = m.header[:0], nil
	return nil
}
