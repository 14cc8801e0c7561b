# bash completion for assay
# Written by the tests from the table of commands; do not edit.

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
		'serve') path=$next ;;
		'check') path=$next ;;
		'explain') path=$next ;;
		'sealers') path=$next ;;
		'sealers list') path=$next ;;
		'sealers add') path=$next ;;
		'sealers remove') path=$next ;;
		'sealers set') path=$next ;;
		'spoof') path=$next ;;
		'spoof list') path=$next ;;
		'spoof allow') path=$next ;;
		'spoof block') path=$next ;;
		'spoof remove') path=$next ;;
		'insight') path=$next ;;
		'config') path=$next ;;
		'config check') path=$next ;;
		'config show') path=$next ;;
		'version') path=$next ;;
		*) break ;;
		esac
	done
	case $path in
	'') words='serve check explain sealers spoof insight config version --help' files= ;;
	'serve') words='-c --config -h --help' files= ;;
	'check') words='-c --config --helo --ip --json --mail-from --ptr --rcpt --zone -h --help' files=1 ;;
	'explain') words='-c --config --json --list --reason -h --help' files=1 ;;
	'sealers') words='list add remove set --help' files= ;;
	'sealers list') words='-c --config --json -h --help' files= ;;
	'sealers add') words='-c --config -h --help' files= ;;
	'sealers remove') words='-c --config -h --help' files= ;;
	'sealers set') words='-c --config -h --help' files= ;;
	'spoof') words='list allow block remove --help' files= ;;
	'spoof list') words='-c --config --json -h --help' files= ;;
	'spoof allow') words='-c --config --days --expires --external --from-insight --internal --note -h --help' files= ;;
	'spoof block') words='-c --config --days --expires --external --from-insight --internal --note -h --help' files= ;;
	'spoof remove') words='-c --config --external --internal -h --help' files= ;;
	'insight') words='-c --config --csv --days --json --sort --what-if -h --help' files= ;;
	'config') words='check show --help' files= ;;
	'config check') words='-c --config -h --help' files= ;;
	'config show') words='-c --config --json -h --help' files= ;;
	'version') words='-h --help' files= ;;
	esac
	case "$path $prev" in
	'serve -c' | 'serve --config') words='' files=1 ;;
	'check -c' | 'check --config') words='' files=1 ;;
	'check --helo') words='' files= ;;
	'check --ip') words='' files= ;;
	'check --mail-from') words='' files= ;;
	'check --ptr') words='' files= ;;
	'check --rcpt') words='' files= ;;
	'check --zone') words='' files=1 ;;
	'explain -c' | 'explain --config') words='' files=1 ;;
	'explain --reason') words='000 001 002 010 1xx 100 101 102 103 104 108 109 111 112 115 116 130 2xx 201 202 3xx 301 4xx 401 402 501 502 6xx 601 7xx 701 702 703 704 9xx 905' files= ;;
	'sealers list -c' | 'sealers list --config') words='' files=1 ;;
	'sealers add -c' | 'sealers add --config') words='' files=1 ;;
	'sealers remove -c' | 'sealers remove --config') words='' files=1 ;;
	'sealers set -c' | 'sealers set --config') words='' files=1 ;;
	'spoof list -c' | 'spoof list --config') words='' files=1 ;;
	'spoof allow -c' | 'spoof allow --config') words='' files=1 ;;
	'spoof allow --days') words='' files= ;;
	'spoof allow --expires') words='' files= ;;
	'spoof allow --from-insight') words='' files= ;;
	'spoof allow --note') words='' files= ;;
	'spoof block -c' | 'spoof block --config') words='' files=1 ;;
	'spoof block --days') words='' files= ;;
	'spoof block --expires') words='' files= ;;
	'spoof block --from-insight') words='' files= ;;
	'spoof block --note') words='' files= ;;
	'spoof remove -c' | 'spoof remove --config') words='' files=1 ;;
	'insight -c' | 'insight --config') words='' files=1 ;;
	'insight --days') words='' files= ;;
	'insight --sort') words='count last domain infrastructure reason' files= ;;
	'config check -c' | 'config check --config') words='' files=1 ;;
	'config show -c' | 'config show --config') words='' files=1 ;;
	esac
	if [[ -n $files && $cur != -* ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	fi
} && complete -F _assay assay
