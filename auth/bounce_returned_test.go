package auth

import (
	"encoding/base64"
	"iter"
	"slices"
	"strings"
	"testing"
)

// aboutNobody is a part with a delivery status.
const aboutNobody = "Content-Type: message/delivery-status\r\n\r\n" +
	"Reporting-MTA: dns; mx.remote.example\r\n\r\n" +
	"Final-Recipient: rfc822; nobody@remote.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"

// What is returned may be a header in another encoding, or not be the message that it seems.
func TestBounceReturnedPart(t *testing.T) {
	original := signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed")
	header, _, _ := strings.Cut(original, "\r\n\r\n")
	header += "\r\n"
	inLines := func(s string) string {
		return strings.Join(slices.Collect(chunks(base64.StdEncoding.EncodeToString([]byte(s)), 76)), "\r\n")
	}
	quoted := strings.ReplaceAll(header, "=", "=3D")
	long := strings.Repeat("X-Long: "+strings.Repeat("x", 900)+"\r\n", maxReturnedHeader/910+1)
	headers := "Content-Type: text/rfc822-headers\r\n"
	whole := "Content-Type: message/rfc822\r\n"
	for name, tt := range map[string]struct {
		part string
		want bool
	}{
		"a header":                   {headers + "\r\n" + header, true},
		"with a blank line":          {headers + "\r\n" + header + "\r\nwhatever\r\n", true},
		"from an mbox":               {headers + "\r\nFrom ann@ours.example Fri Nov 22 10:40:00 2024\r\n" + header, true},
		"in LF lines":                {strings.ReplaceAll(headers+"\r\n"+header, "\r\n", "\n"), true},
		"header in base64":           {headers + "Content-Transfer-Encoding: base64\r\n\r\n" + inLines(header), true},
		"all in base64":              {headers + "Content-Transfer-Encoding: BASE64 (x)\r\n\r\n" + inLines(original), true},
		"broken base64":              {headers + "Content-Transfer-Encoding: base64\r\n\r\n!" + inLines(header), false},
		"header in quoted-printable": {headers + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted, true},
		"broken quoted-printable":    {headers + "Content-Transfer-Encoding: quoted-printable\r\n\r\nX: \x01\r\n" + quoted, false},
		"in an unknown encoding":     {headers + "Content-Transfer-Encoding: uuencode\r\n\r\n" + header, false},
		"in two encodings":           {headers + "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + header, false},
		"a whole message":            {whole + "\r\n" + original, true},
		"message/global":             {"Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + original, true},
		"without its body":           {whole + "\r\n" + header, true},
		"with blank lines":           {whole + "\r\n" + header + "\r\n\r\n\r\n", true},
		"cut off":                    {whole + "\r\n" + strings.TrimSuffix(original, "Ann\r\n"), false},
		"more than there was":        {whole + "\r\n" + original + "x", false},
		"a line that is no field":    {whole + "\r\n" + header + "no field\r\n", false},
		"a whole one in base64":      {whole + "Content-Transfer-Encoding: base64\r\n\r\n" + inLines(original), false},
		"the longest header":         {headers + "\r\n" + long[910*2:] + header, true},
		"header too long":            {headers + "\r\n" + long + header, false},
		"too long in base64":         {headers + "Content-Transfer-Encoding: base64\r\n\r\n" + inLines(long) + inLines(header), false},
		"too many fields":            {headers + "\r\n" + strings.Repeat("X:\r\n", maxReturnedFields) + header, false},
		"too many in base64":         {headers + "Content-Transfer-Encoding: base64\r\n\r\n" + inLines(strings.Repeat("X:\r\n", maxReturnedFields)+header), false},
		"a part header too long":     {headers + "X: " + strings.Repeat("x", maxPartHeader) + "\r\n\r\n" + header, false},
		"no part header":             {"\r\n" + header, false},
		"nothing but a part header":  {headers, false},
		"no header":                  {whole + "\r\n\r\n" + original, false},
		"an attachment":              {"Content-Type: text/plain\r\n\r\n" + original, false},
		"in a part of a part": {"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n" + headers + "\r\n" + header +
			"\r\n--y--\r\n", false},
		"the second of two": {headers + "\r\nSubject: x\r\n\r\n--x\r\n" + headers + "\r\n" + header, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := postfix(t, "")
			r.contentType = " multipart/report; report-type=delivery-status; boundary=x"
			r.body = "--x\r\n\r\nSorry.\r\n--x\r\n" + aboutNobody + "\r\n--x\r\n" + tt.part + "\r\n--x--\r\n"
			for _, size := range []int{1, 7, 1000, len(r.body)} {
				if got := r.ours(t, size); got != tt.want {
					t.Errorf("in pieces of %d: ours is %t", size, got)
				}
			}
			if r.body = strings.TrimSuffix(r.body, "\r\n--x--\r\n"); r.ours(t, 100) != tt.want {
				t.Errorf("without the end: ours is %t", !tt.want)
			}
		})
	}
}

// chunks yields s in strings of n bytes.
func chunks(s string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s != "" {
			m := min(n, len(s))
			if !yield(s[:m]) {
				return
			}
			s = s[m:]
		}
	}
}
