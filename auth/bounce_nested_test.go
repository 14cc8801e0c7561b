package auth

import (
	"fmt"
	"strings"
	"testing"
)

// wrap puts a bounce into a multipart, behind one part and in front of another.
func (r bounceCase) wrap(level int) bounceCase {
	boundary := fmt.Sprintf("level-%d", level)
	r.body = fmt.Sprintf("a preamble\r\n--%[1]s\r\n\r\nA banner.\r\n--%[1]s\r\nContent-Type:%[2]s\r\n\r\n%[3]s\r\n"+
		"--%[1]s\r\nContent-Type: text/plain\r\n\r\nA disclaimer.\r\n--%[1]s--\r\nan epilogue\r\n", boundary, r.contentType, r.body)
	r.contentType = " multipart/mixed; boundary=" + boundary
	return r
}

// nested is a good bounce in so many multiparts in all, its own among them.
func nested(t testing.TB, sample bounceSample, depth int) bounceCase {
	r := toAnn(t, sample, signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed"))
	for level := 1; level < depth; level++ {
		r = r.wrap(level)
	}
	return r
}

// A report counts at the limit of the depth and not past it, in pieces of any size. Past it no
// more is open at once than the limit, and nothing is asked for.
func TestBounceDepth(t *testing.T) {
	for limit, depths := range map[int]map[int]bool{
		1: {1: true, 2: false},
		2: {1: true, 2: true, 3: false},
		0: {5: true, 6: false, 100: false},
	} {
		for depth, want := range depths {
			for _, sample := range bounceSamples {
				r := nested(t, sample, depth)
				r.depth = limit
				for _, size := range []int{1, 7, 100, len(r.body)} {
					if got := r.ours(t, size); got != want {
						t.Errorf("limit %d, depth %d, %s, pieces of %d: ours is %t", limit, depth, sample.name, size, got)
					}
				}
				if asked := r.asked(t); !want && len(asked) > 0 {
					t.Errorf("limit %d, depth %d: asked %v", limit, depth, asked)
				}
			}
		}
	}
}

// However deep a message is, no more multiparts are open than the limit.
func TestBounceDepthIsBounded(t *testing.T) {
	for limit := 1; limit <= 5; limit++ {
		r := nested(t, bounceSamples[0], 50)
		r.depth = limit
		b := r.begin(t.Context())
		if limit == 1 {
			if b != nil {
				t.Error("limit 1: the message is read, though it is no report")
			}
			continue
		}
		for _, line := range strings.SplitAfter(r.body, "\r\n") {
			if b.write([]byte(line)); len(b.levels) > limit-1 {
				t.Fatalf("limit %d: %d multiparts open", limit, len(b.levels))
			}
		}
		b.cancel()
	}
}

// Only multiparts are looked into, and the first report in them is the one.
func TestBounceNested(t *testing.T) {
	good := nested(t, bounceSamples[0], 1)
	forged := good
	forged.body = strings.Replace(good.body, "Lunch", "Money", 1)
	part := func(r bounceCase) string { return "Content-Type:" + r.contentType + "\r\n\r\n" + r.body }
	const mixed = " multipart/mixed; boundary=x"
	for name, test := range map[string]struct {
		contentType string
		parts       []string
		want        bool
	}{
		"report first":         {mixed, []string{part(good), "\r\nA disclaimer."}, true},
		"no last line":         {mixed, []string{part(good) + "\r\n--x"}, true},
		"two reports":          {mixed, []string{part(forged), part(good)}, false},
		"no report before it":  {mixed, []string{part(bounceCase{contentType: " multipart/report; report-type=feedback-report; boundary=z", body: "--z--"}), part(good)}, true},
		"empty one before it":  {mixed, []string{part(bounceCase{contentType: " multipart/mixed; boundary=z", body: "--z--"}), part(good)}, true},
		"in a message":         {mixed, []string{"Content-Type: message/rfc822\r\n\r\n" + part(good)}, false},
		"in a text":            {mixed, []string{"Content-Type: text/plain\r\n\r\n" + part(good)}, false},
		"in another report":    {" multipart/report; report-type=delivery-status; boundary=x", []string{part(good)}, false},
		"behind the last line": {mixed, []string{"\r\nA text.\r\n--x--\r\n--x\r\n" + part(good)}, false},
	} {
		r := good
		r.contentType, r.body = test.contentType, ""
		for _, p := range test.parts {
			r.body += "--x\r\n" + p + "\r\n"
		}
		r.body += "--x--\r\n"
		for _, size := range []int{1, 13, len(r.body)} {
			if got := r.ours(t, size); got != test.want {
				t.Errorf("%s, pieces of %d: ours is %t", name, size, got)
			}
		}
	}
}
