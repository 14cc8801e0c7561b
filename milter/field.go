package milter

import (
	"bytes"
	"fmt"
	"strings"

	"assay/auth/message"
)

// textBlock is the memory that fields share, in bytes: an ordinary header needs one or two.
const textBlock = 4 << 10

// checkField checks the data of a header packet: a name and a value. Others are not passed
// over, as a message must not be judged without one of its fields.
func checkField(data []byte) error {
	if len(data) == 0 || data[0] == 0 || data[len(data)-1] != 0 || bytes.Count(data, []byte{0}) != 2 {
		return fmt.Errorf("%w: header field", errMalformed)
	}
	return nil
}

// excessive is how many bytes of the data of a header packet show that its field is past a limit: the
// field has one byte less than the data, or more.
func excessive(limit int) int { return limit + 2 }

// endField makes a whole field of the beginning of one in a header packet: its last bytes become the end
// of the value, and that of the name, if that has come to none.
func endField(data []byte) {
	last := len(data) - 1
	if bytes.IndexByte(data[:last], 0) < 0 {
		data[last-1] = 0
	}
	data[last] = 0
}

// A fieldReader reads header packets. Their texts share memory, which is kept as long as one of
// them is. The zero value is ready to use, and is not copied after that.
type fieldReader struct{ text strings.Builder }

// read reads the data of a header packet that checkField found well. The field is as the MTA received
// it, byte for byte: the MTAs write folds with a bare LF. Those that can't send leading space
// (SMFIP_HDR_LEADSPC) take one space from the value: it is put back, as nearly all fields have one.
func (r *fieldReader) read(data []byte, leadingSpace bool) message.Field {
	name, value := cutString(data)
	value = value[:len(value)-1]
	folds := bytes.Count(value, []byte{'\n'})
	begin := r.room(len(name) + len(": ") + len(value) + folds)
	r.text.Write(name)
	r.text.WriteByte(':')
	if !leadingSpace {
		r.text.WriteByte(' ')
	}
	for range folds {
		var line []byte
		line, value, _ = bytes.Cut(value, []byte{'\n'})
		r.text.Write(bytes.TrimSuffix(line, []byte{'\r'}))
		r.text.WriteString("\r\n")
	}
	r.text.Write(value)
	raw := r.text.String()[begin:]
	return message.Field{Name: raw[:len(name)], Raw: raw}
}

// room makes room for a text of n bytes, and gives its place. What was written stays where it is.
func (r *fieldReader) room(n int) int {
	if r.text.Cap()-r.text.Len() < n {
		r.text.Reset()
		r.text.Grow(max(n, textBlock))
	}
	return r.text.Len()
}
