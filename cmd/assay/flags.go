package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

// parseFlags sets the flags of set from args and returns the arguments that
// are no flags, which may stand between them; all are such after "--".
// The flag package's own Parse is not used: it neither names the nearest flag
// nor takes flags after arguments.
func parseFlags(set *flag.FlagSet, args []string) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(rest, args...), nil
		case isHelpFlag(arg):
			return nil, errHelp
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			rest = append(rest, arg)
		default:
			if args, err = parseFlag(set, arg, args); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

// parseFlag sets one flag; its value may be the first of args. It returns the
// args that are left.
func parseFlag(set *flag.FlagSet, arg string, args []string) ([]string, error) {
	word, val, hasValue := strings.Cut(arg, "=")
	name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	f := set.Lookup(name)
	switch {
	case f == nil:
		return nil, unknownFlag(set, word, name)
	case isBool(f) && !hasValue:
		val = "true"
	case !hasValue && len(args) == 0:
		return nil, fmt.Errorf("flag %s needs a value", dashed(name))
	case !hasValue:
		val, args = args[0], args[1:]
	}
	if err := set.Set(name, val); err != nil {
		return nil, fmt.Errorf("flag %s: %s: %w", dashed(name), display(val), err)
	}
	return args, nil
}

func unknownFlag(set *flag.FlagSet, word, name string) error {
	var names, shown []string
	set.VisitAll(func(f *flag.Flag) {
		names = append(names, f.Name)
		shown = append(shown, dashed(f.Name))
	})
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("unknown flag %s; did you mean %s?", display(word), dashed(near))
	}
	return fmt.Errorf("unknown flag %s; there is %s", display(word), strings.Join(append(shown, "--help"), ", "))
}

func isHelpFlag(arg string) bool {
	return arg == "--help" || arg == "-help" || arg == "-h"
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// dashed writes a flag's name as it is typed: -c, --json.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// configFlag declares -c and its long form --config.
func configFlag(set *flag.FlagSet) *string {
	const usage = "read the config from `FILE`; without it " + defaultConfigFile + " if that exists, else the built-in defaults"
	file := new(fileName)
	set.Var(file, "c", usage)
	set.Var(file, "config", usage)
	return (*string)(file)
}

// A fileName is a flag that can't be set to nothing, as a script would whose
// variable is empty.
type fileName string

func (n *fileName) String() string { return string(*n) }

func (n *fileName) Set(name string) error {
	if name == "" {
		return errors.New("no name of a file")
	}
	*n = fileName(name)
	return nil
}
