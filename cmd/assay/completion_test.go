package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assay/compauth"
)

const completionFolder = "../../packaging/completions"

// A completed is a command as the completions see it.
type completed struct {
	path    string // without "assay": "sealers add"
	summary string
	words   []*command // set for a group
	flags   []completedFlag
	files   bool // arguments may be files
}

// A completedFlag is a flag with all its spellings.
type completedFlag struct {
	names    []string // with their dashes
	argument string   // "" for one that takes none
	does     string
}

// values are what an argument may be, as far as they are few.
func (f *completedFlag) values() []string {
	switch f.argument {
	case "ORDER":
		return insightOrderNames()
	case "CODE":
		var codes []string
		for _, e := range compauth.Explanations() {
			codes = append(codes, e.Code)
		}
		return codes
	default:
		return nil
	}
}

// completions lists all commands, groups before what they have.
func completions() []completed {
	list := []completed{{words: commands()}}
	for _, c := range commands() {
		list = completeCommand(list, "", c)
	}
	return list
}

func completeCommand(list []completed, parent string, c *command) []completed {
	done := completed{path: strings.TrimSpace(parent + " " + c.name), summary: c.summary, words: c.commands}
	if c.prepare == nil {
		list = append(list, done)
		for _, sub := range c.commands {
			list = completeCommand(list, done.path, sub)
		}
		return list
	}
	done.files = strings.Contains(c.synopsis, "|-]") // [MESSAGE|-], [FILE|-]
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.prepare(set)
	shown := map[string]bool{}
	set.VisitAll(func(f *flag.Flag) {
		if !shown[f.Usage] {
			shown[f.Usage] = true
			argument, does := flag.UnquoteUsage(f)
			done.flags = append(done.flags, completedFlag{strings.Split(spellings(set, f), ", "), argument, does})
		}
	})
	done.flags = append(done.flags, completedFlag{names: []string{"-h", "--help"}, does: "print help"})
	return append(list, done)
}

func TestCompletionBash(t *testing.T) {
	golden(t, filepath.Join(completionFolder, "assay.bash"), completionBash())
}

func TestCompletionZsh(t *testing.T) {
	golden(t, filepath.Join(completionFolder, "_assay"), completionZsh())
}

func TestCompletionFish(t *testing.T) {
	golden(t, filepath.Join(completionFolder, "assay.fish"), completionFish())
}

const completionNote = "# Written by the tests from the table of commands; do not edit.\n"

func completionBash() string {
	var paths, next, values strings.Builder
	for _, c := range completions() {
		if c.path != "" {
			fmt.Fprintf(&paths, "\t\t%s) path=$next ;;\n", shellQuote(c.path))
		}
		fmt.Fprintf(&next, "\t%s) words=%s files=%s ;;\n", shellQuote(c.path), shellQuote(strings.Join(c.next(), " ")), bashFiles(c.files))
		for _, f := range c.flags {
			var cases []string
			for _, name := range f.names {
				cases = append(cases, shellQuote(c.path+" "+name))
			}
			if f.argument != "" {
				fmt.Fprintf(&values, "\t%s) words=%s files=%s ;;\n", strings.Join(cases, " | "), shellQuote(strings.Join(f.values(), " ")), bashFiles(f.argument == "FILE"))
			}
		}
	}
	return "# bash completion for assay\n" + completionNote + `
_assay() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path= next= words= files= i
	COMPREPLY=()
	# --flag=value is three words here.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		next="$path${path:+ }${COMP_WORDS[i]}"
		case $next in
` + paths.String() + `		*) break ;;
		esac
	done
	case $path in
` + next.String() + `	esac
	case "$path $prev" in
` + values.String() + `	esac
	if [[ -n $files && $cur != -* ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	fi
} && complete -F _assay assay
`
}

func bashFiles(files bool) string {
	if files {
		return "1"
	}
	return ""
}

// next are the words that may follow: commands, or flags.
func (c *completed) next() []string {
	var words []string
	for _, sub := range c.words {
		words = append(words, sub.name)
	}
	for _, f := range c.flags {
		words = append(words, f.names...)
	}
	if len(c.words) > 0 {
		words = append(words, "--help")
	}
	return words
}

func completionZsh() string {
	var b strings.Builder
	b.WriteString("#compdef assay\n" + completionNote)
	all := completions()
	slices.Reverse(all) // functions before their callers
	for _, c := range all {
		fmt.Fprintf(&b, "\n%s() {\n", zshFunction(c.path))
		if len(c.words) > 0 {
			zshGroup(&b, c)
		} else {
			zshCommand(&b, c)
		}
		b.WriteString("}\n")
	}
	b.WriteString("\n_assay \"$@\"\n")
	return b.String()
}

func zshFunction(path string) string {
	return strings.TrimSuffix("_assay_"+strings.ReplaceAll(path, " ", "_"), "_")
}

func zshGroup(b *strings.Builder, c completed) {
	b.WriteString("\tlocal curcontext=$curcontext state line\n\tlocal -a list\n\tlist=(\n")
	for _, sub := range c.words {
		fmt.Fprintf(b, "\t\t%s\n", shellQuote(sub.name+":"+sub.summary))
	}
	b.WriteString("\t)\n\t_arguments -C '(- *)'{-h,--help}'[print help]' '1:command:->command' '*::argument:->argument'\n")
	b.WriteString("\tcase $state in\n\tcommand) _describe command list ;;\n\targument)\n\t\tcase $words[1] in\n")
	for _, sub := range c.words {
		fmt.Fprintf(b, "\t\t%s) %s ;;\n", sub.name, zshFunction(strings.TrimSpace(c.path+" "+sub.name)))
	}
	b.WriteString("\t\tesac\n\t\t;;\n\tesac\n")
}

func zshCommand(b *strings.Builder, c completed) {
	var specs []string
	for _, f := range c.flags {
		does := "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(f.does) + "]"
		switch values := f.values(); {
		case f.argument == "FILE":
			does += ":" + f.argument + ":_files"
		case values != nil:
			does += ":" + f.argument + ":(" + strings.Join(values, " ") + ")"
		case f.argument != "":
			does += ":" + f.argument + ": "
		}
		for _, name := range f.names {
			excludes := "(" + strings.Join(f.names, " ") + ")"
			if name == "--rcpt" {
				excludes = "*"
			}
			specs = append(specs, shellQuote(excludes+name+does))
		}
	}
	if c.files {
		specs = append(specs, shellQuote("*:FILE:_files"))
	}
	fmt.Fprintf(b, "\t_arguments \\\n\t\t%s\n", strings.Join(specs, " \\\n\t\t"))
}

func completionFish() string {
	var b strings.Builder
	b.WriteString("# fish completion for assay\n" + completionNote + `
# Whether the words before the cursor begin with the arguments.
function __assay_in
    set -l words (commandline -opc)
    set -l end (math (count $argv) + 1)
    test (count $words) -ge $end; and test "$words[2..$end]" = "$argv"
end

# Whether the words before the cursor are the arguments and no more: a command is next.
function __assay_next
    set -l words (commandline -opc)
    test "$words[2..-1]" = "$argv"
end

complete -c assay -f
`)
	for _, c := range completions() {
		for _, sub := range c.words {
			fmt.Fprintf(&b, "complete -c assay -n %s -a %s -d %s\n", fishQuote(strings.TrimSpace("__assay_next "+c.path)), sub.name, fishQuote(sub.summary))
		}
		if c.files {
			fmt.Fprintf(&b, "complete -c assay -n %s -F\n", fishQuote("__assay_in "+c.path))
		}
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c assay -n %s%s -d %s\n", fishQuote("__assay_in "+c.path), fishFlag(f), fishQuote(f.does))
		}
	}
	return b.String()
}

// fishFlag is a flag as complete takes it: its names, and what follows it.
func fishFlag(f completedFlag) string {
	var b strings.Builder
	for _, name := range f.names {
		if long, ok := strings.CutPrefix(name, "--"); ok {
			b.WriteString(" -l " + long)
		} else {
			b.WriteString(" -s " + strings.TrimPrefix(name, "-"))
		}
	}
	switch values := f.values(); {
	case f.argument == "FILE":
		b.WriteString(" -r -F")
	case f.argument != "":
		b.WriteString(" -x -a " + fishQuote(strings.Join(values, " ")))
	}
	return b.String()
}

func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
