package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"assay/compauth/spoof"
)

// spoofedFileKey is the key of the config for the list of the spoofed senders.
const spoofedFileKey = "spoofed_senders_file"

// readSpoofedFile reads a spoofed-senders file; no name, and a file that does not exist, are
// an empty one. The error is a spoof.FileErrors.
func readSpoofedFile(name string) (f *spoof.File, exists bool, err error) {
	if name == "" {
		return new(spoof.File), false, nil
	}
	text, err := readListFile(name, spoof.MaxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return new(spoof.File), false, nil
	case err != nil:
		return nil, false, spoof.FileErrors{{File: name, Text: err.Error()}}
	}
	f, err = spoof.ParseFile(text, name)
	return f, true, err
}

// loadSpoofed reads the list of the spoofed senders. The error is a spoof.FileErrors.
func loadSpoofed(c *Config) (*spoof.List, error) {
	f, _, err := readSpoofedFile(c.SpoofedSendersFile)
	if err != nil {
		return nil, err
	}
	return f.List(), nil
}

// A spoofedReader keeps the list of the spoofed senders that the daemon goes by. The zero value
// has read nothing yet.
type spoofedReader struct {
	list  *spoof.List // as it was last read without a mistake
	watch watch
}

// read reads the file that the config names. When there is a mistake in it, or nothing any more, the list
// that was read before stays. The error is a spoof.FileErrors.
func (r *spoofedReader) read(c *Config, log *slog.Logger) error {
	name := c.SpoofedSendersFile
	r.watch.begin(name)
	f, exists, err := readSpoofedFile(name)
	if err != nil {
		return err
	}
	if exists && f.Size() == 0 && r.list.Len() > 0 {
		return spoof.FileErrors{{File: name, Text: listEmptied}}
	}
	expected := c.lines[spoofedFileKey] > 0 || r.list.Len() > 0
	if name != "" && !exists && expected {
		log.Warn("the file of the spoofed senders does not exist, nobody is allowed or blocked", "file", name)
	}
	if remarks := f.Remarks(); len(remarks) > 0 {
		log.Warn("spoofed senders are listed twice", "file", name, "count", len(remarks),
			"first", fmt.Sprintf("line %d: %s", remarks[0].Line, remarks[0].Remark()))
	}
	r.list = f.List()
	return nil
}

// reload reads the file again, and tells whether its list can be put in force. Whatever is
// wrong with it is reported, and the list in force stays.
func (r *spoofedReader) reload(c *Config, log *slog.Logger) bool {
	err := r.read(c, log)
	var mistakes spoof.FileErrors
	if errors.As(err, &mistakes) {
		for _, mistake := range mistakes {
			log.Error("spoofed senders not reloaded, the list in force stays", "error", mistake.Error())
		}
		return false
	}
	log.Info("spoofed senders reloaded", "file", c.SpoofedSendersFile, "count", r.list.Len())
	return true
}
