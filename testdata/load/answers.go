package load

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"assay/testdata/corpus"
)

// Answers sends each sample once to a milter, and gives the packets that it negotiates with and
// those at the end of each message, for a milter that is to look the same on the wire.
func Answers(ctx context.Context, address string, samples []corpus.Sample) (negotiation []byte, answers [][]byte, err error) {
	t, err := meet(ctx, address, 30*time.Second)
	if err != nil {
		return nil, nil, fmt.Errorf("load: %w", err)
	}
	for i := range samples {
		script, err := record(t.negotiation, &samples[i], samples[i].Header, false)
		if err != nil {
			return nil, nil, fmt.Errorf("load: %w", err)
		}
		answer, err := t.answer(ctx, script)
		if err != nil {
			return nil, nil, fmt.Errorf("load: %s: %w", samples[i].Kind, err)
		}
		answers = append(answers, answer)
	}
	return t.negotiation, answers, nil
}

func (t *target) answer(ctx context.Context, s *script) ([]byte, error) {
	w, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.content(s.first); err != nil {
		return nil, err
	}
	return bytes.Clone(w.reply), w.write(s.quit)
}
