package load

import (
	"fmt"
	"sync"

	"assay/auth/message"
	"assay/testdata/corpus"
	"assay/testdata/milterclient"
)

// maxKnown is how many answers are remembered for one script.
const maxKnown = 16

// A scene is one sample with the scripts for each milter.
type scene struct {
	run    *run
	sample *corpus.Sample
	parts  []*part // of each milter, as if those before had changed nothing
}

// A part is what one milter is told of a sample, given the answers of those before it.
type part struct {
	scene  *scene
	milter int
	header message.Header
	edits  []milterclient.Edit // of those before
	script *script

	mu    sync.Mutex
	known map[string]outcome // by answer
}

// An outcome is what an answer leads to.
type outcome struct {
	next *part // nil after the last milter
	err  error
}

func (r *run) newScene(sample *corpus.Sample) (*scene, error) {
	s := &scene{run: r, sample: sample}
	for i := range r.milters {
		p, err := s.newPart(i, sample.Header, nil)
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, p)
	}
	return s, nil
}

func (s *scene) newPart(milter int, header message.Header, edits []milterclient.Edit) (*part, error) {
	script, err := record(s.run.milters[milter].negotiation, s.sample, header, s.run.o.PerSession > 1)
	if err != nil {
		return nil, err
	}
	return &part{scene: s, milter: milter, header: header, edits: edits, script: script, known: map[string]outcome{}}, nil
}

// after is the outcome of an answer.
func (p *part) after(answer []byte) outcome {
	p.mu.Lock()
	o, ok := p.known[string(answer)]
	p.mu.Unlock()
	if ok {
		return o
	}
	o, lasting := p.read(answer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if lasting && len(p.known) < maxKnown {
		p.known[string(answer)] = o
	}
	return o
}

// read finds out what an answer means that isn't known. lasting tells that it means the same
// whenever it comes.
func (p *part) read(answer []byte) (o outcome, lasting bool) {
	result, err := decode(p.scene.run.milters[p.milter].negotiation, answer)
	if err != nil {
		return outcome{err: err}, false
	}
	if !result.Reply.OK() {
		return outcome{err: fmt.Errorf("the milter answers %s", result.Reply)}, false
	}
	edits := append(p.edits[:len(p.edits):len(p.edits)], result.Edits...)
	if p.milter == len(p.scene.run.milters)-1 {
		err := p.scene.run.o.Check(p.scene.sample, edits)
		return outcome{err: err}, err == nil && HasResults(p.scene.sample.Want, edits) == nil
	}
	o.next, o.err = p.scene.newPart(p.milter+1, result.Apply(p.header), edits)
	return o, o.err == nil
}

// message has one message pass every milter: the stages of the envelope all of them in turn,
// what follows one after the other.
func (s *scene) message(wires []*wire, again bool) error {
	done := make([]int, len(wires)) // steps
	for round := 0; ; round++ {
		played := false
		for i, w := range wires {
			steps := s.parts[i].script.steps(again)
			if round < len(steps) && steps[round].envelope() {
				if _, err := w.play(&steps[round]); err != nil {
					return err
				}
				done[i], played = round+1, true
			}
		}
		if !played {
			break
		}
	}
	p := s.parts[0]
	for i, w := range wires {
		if err := w.content(p.script.steps(again)[done[i]:]); err != nil {
			return err
		}
		o := p.after(w.reply)
		if o.err != nil {
			return o.err
		}
		p = o.next
	}
	return nil
}
