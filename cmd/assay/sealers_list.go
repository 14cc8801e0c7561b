package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"assay/arc"
	"assay/metrics"
)

// sealersFileKey and sealersKey are the keys of the config for the trusted sealers.
const (
	sealersKey     = "arc.trusted_sealers"
	sealersFileKey = "arc.trusted_sealers_file"
)

// readSealersFile reads a trusted-sealers file; no name, and a file that does not
// exist, are an empty one. The error is an arc.SealersErrors.
func readSealersFile(name string) (f *arc.SealersFile, exists bool, err error) {
	if name == "" {
		return new(arc.SealersFile), false, nil
	}
	text, err := readListFile(name, arc.MaxSealersFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return new(arc.SealersFile), false, nil
	case err != nil:
		return nil, false, arc.SealersErrors{{File: name, Text: err.Error()}}
	}
	f, err = arc.ParseSealersFile(text, name)
	return f, true, err
}

// loadSealers reads the trusted sealers of the config and of its file. The error is
// an arc.SealersErrors.
func loadSealers(c *Config) (*arc.Sealers, error) {
	f, _, err := readSealersFile(c.ARC.TrustedSealersFile)
	if err != nil {
		return nil, err
	}
	return c.sealersWith(f), nil
}

// sealersWith joins the trusted sealers of the config to those of the file.
func (c *Config) sealersWith(f *arc.SealersFile) *arc.Sealers {
	return arc.NewSealers(slices.Concat(c.ARC.TrustedSealers, f.Sealers())...)
}

// readSealers reads the file of the trusted sealers. When there is a mistake in it, or nothing
// any more, what it held before stays. The error is an arc.SealersErrors.
func (d *daemon) readSealers() error {
	name := d.config.ARC.TrustedSealersFile
	d.sealersWatch.begin(name)
	f, exists, err := readSealersFile(name)
	if err != nil {
		return err
	}
	if exists && f.Size() == 0 && len(d.sealers.Entries) > 0 {
		return arc.SealersErrors{{File: name, Text: listEmptied}}
	}
	expected := d.config.lines[sealersFileKey] > 0 || len(d.sealers.Entries) > 0
	if name != "" && !exists && expected {
		d.log.Warn("the file of the trusted sealers does not exist, only those of the config are trusted", "file", name)
	}
	if repeats := f.Repeats(); len(repeats) > 0 {
		first := repeats[0]
		d.log.Warn("trusted sealers are listed twice", "file", name, "count", len(repeats),
			"first", fmt.Sprintf("%s on lines %d and %d", first, first.Repeat, first.Line))
	}
	d.sealers = f
	return nil
}

// reloadSealers puts what the file holds now in force for the messages that begin
// from now on. Whatever is wrong with it is reported, and the list in force stays.
func (d *daemon) reloadSealers() {
	err := d.readSealers()
	d.metrics.reloaded(metrics.TrustedSealers, err == nil)
	var mistakes arc.SealersErrors
	if errors.As(err, &mistakes) {
		for _, mistake := range mistakes {
			d.log.Error("trusted sealers not reloaded, the list in force stays", "error", mistake.Error())
		}
		return
	}
	next := *d.verifier
	next.Sealers = d.config.sealersWith(d.sealers)
	d.use(&next)
	d.log.Info("trusted sealers reloaded", "file", d.config.ARC.TrustedSealersFile, "count", next.Sealers.Len())
}
