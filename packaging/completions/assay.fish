# fish completion for assay
# Written by the tests from the table of commands; do not edit.

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
complete -c assay -n '__assay_next' -a serve -d 'run the milter in the foreground'
complete -c assay -n '__assay_next' -a check -d 'evaluate one message file exactly as serve would, and say why'
complete -c assay -n '__assay_next' -a explain -d 'say in plain words what the authentication results of a message mean'
complete -c assay -n '__assay_next' -a sealers -d 'list or change the domains whose ARC seals are trusted'
complete -c assay -n '__assay_next' -a spoof -d 'list or change who may, and who may not, send in the name of others'
complete -c assay -n '__assay_next' -a insight -d 'show who sent mail in whose name'
complete -c assay -n '__assay_next' -a config -d 'check the config, or show what is in force'
complete -c assay -n '__assay_next' -a version -d 'print version, commit and Go version'
complete -c assay -n '__assay_in serve' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in serve' -s h -l help -d 'print help'
complete -c assay -n '__assay_in check' -F
complete -c assay -n '__assay_in check' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in check' -l helo -x -a '' -d 'the NAME that the client said in HELO'
complete -c assay -n '__assay_in check' -l ip -x -a '' -d 'the client\'s ADDRESS'
complete -c assay -n '__assay_in check' -l json -d 'print JSON'
complete -c assay -n '__assay_in check' -l mail-from -x -a '' -d 'the envelope sender ADDRESS; "" or <> is the null sender'
complete -c assay -n '__assay_in check' -l ptr -x -a '' -d 'take NAME for the client\'s confirmed name'
complete -c assay -n '__assay_in check' -l rcpt -x -a '' -d 'a recipient ADDRESS; may be given again'
complete -c assay -n '__assay_in check' -l zone -r -F -d 'answer DNS from a master FILE only'
complete -c assay -n '__assay_in check' -s h -l help -d 'print help'
complete -c assay -n '__assay_in explain' -F
complete -c assay -n '__assay_in explain' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in explain' -l json -d 'print JSON'
complete -c assay -n '__assay_in explain' -l list -d 'list all reason codes of compauth'
complete -c assay -n '__assay_in explain' -l reason -x -a '000 001 002 010 1xx 100 101 102 103 104 108 109 111 112 115 116 130 2xx 201 202 3xx 301 4xx 401 402 501 502 6xx 601 7xx 701 702 703 704 9xx 905' -d 'explain the reason CODE of compauth, such as 601 or 6xx'
complete -c assay -n '__assay_in explain' -s h -l help -d 'print help'
complete -c assay -n '__assay_next sealers' -a list -d 'print every trusted sealer and where that comes from'
complete -c assay -n '__assay_next sealers' -a add -d 'trust the seals of domains'
complete -c assay -n '__assay_next sealers' -a remove -d 'trust the seals of domains no more'
complete -c assay -n '__assay_next sealers' -a set -d 'make the list hold these domains and no others'
complete -c assay -n '__assay_in sealers list' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in sealers list' -l json -d 'print one JSON list of entries with their origin'
complete -c assay -n '__assay_in sealers list' -s h -l help -d 'print help'
complete -c assay -n '__assay_in sealers add' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in sealers add' -s h -l help -d 'print help'
complete -c assay -n '__assay_in sealers remove' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in sealers remove' -s h -l help -d 'print help'
complete -c assay -n '__assay_in sealers set' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in sealers set' -s h -l help -d 'print help'
complete -c assay -n '__assay_next spoof' -a list -d 'print every entry, its state, and when it was used last'
complete -c assay -n '__assay_next spoof' -a allow -d 'take no action on messages of a spoofed user from an infrastructure'
complete -c assay -n '__assay_next spoof' -a block -d 'fail the messages of a spoofed user from an infrastructure'
complete -c assay -n '__assay_next spoof' -a remove -d 'take entries out of the list'
complete -c assay -n '__assay_in spoof list' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in spoof list' -l json -d 'print one JSON list of entries'
complete -c assay -n '__assay_in spoof list' -s h -l help -d 'print help'
complete -c assay -n '__assay_in spoof allow' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in spoof allow' -l days -x -a '' -d 'look at the last N days, today among them, 1 to 3650; 7 without it'
complete -c assay -n '__assay_in spoof allow' -l expires -x -a '' -d 'WHEN the entry ends: its last day as 2026-12-31, a time as in RFC 3339, or a number of days as 30d'
complete -c assay -n '__assay_in spoof allow' -l external -d 'the entry is for the domains of others'
complete -c assay -n '__assay_in spoof allow' -l from-insight -x -a '' -d 'take user and infrastructure from row N of assay insight'
complete -c assay -n '__assay_in spoof allow' -l internal -d 'the entry is for our own domains'
complete -c assay -n '__assay_in spoof allow' -l note -x -a '' -d 'write TEXT behind the entry'
complete -c assay -n '__assay_in spoof allow' -s h -l help -d 'print help'
complete -c assay -n '__assay_in spoof block' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in spoof block' -l days -x -a '' -d 'look at the last N days, today among them, 1 to 3650; 7 without it'
complete -c assay -n '__assay_in spoof block' -l expires -x -a '' -d 'WHEN the entry ends: its last day as 2026-12-31, a time as in RFC 3339, or a number of days as 30d'
complete -c assay -n '__assay_in spoof block' -l external -d 'the entry is for the domains of others'
complete -c assay -n '__assay_in spoof block' -l from-insight -x -a '' -d 'take user and infrastructure from row N of assay insight'
complete -c assay -n '__assay_in spoof block' -l internal -d 'the entry is for our own domains'
complete -c assay -n '__assay_in spoof block' -l note -x -a '' -d 'write TEXT behind the entry'
complete -c assay -n '__assay_in spoof block' -s h -l help -d 'print help'
complete -c assay -n '__assay_in spoof remove' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in spoof remove' -l external -d 'the entry is for the domains of others'
complete -c assay -n '__assay_in spoof remove' -l internal -d 'the entry is for our own domains'
complete -c assay -n '__assay_in spoof remove' -s h -l help -d 'print help'
complete -c assay -n '__assay_in insight' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in insight' -l csv -d 'print CSV'
complete -c assay -n '__assay_in insight' -l days -x -a '' -d 'look at the last N days, today among them, 1 to 3650; 7 without it'
complete -c assay -n '__assay_in insight' -l json -d 'print JSON'
complete -c assay -n '__assay_in insight' -l sort -x -a 'count last domain infrastructure reason' -d 'the ORDER of the rows: count, last, domain, infrastructure, reason; count without it'
complete -c assay -n '__assay_in insight' -l what-if -d 'show what other settings would have done'
complete -c assay -n '__assay_in insight' -s h -l help -d 'print help'
complete -c assay -n '__assay_next config' -a check -d 'report every mistake of the config, with its line'
complete -c assay -n '__assay_next config' -a show -d 'print every key with its value and where that comes from'
complete -c assay -n '__assay_in config check' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in config check' -s h -l help -d 'print help'
complete -c assay -n '__assay_in config show' -s c -l config -r -F -d 'read the config from FILE; without it /etc/assay/assay.toml if that exists, else the built-in defaults'
complete -c assay -n '__assay_in config show' -l json -d 'print one JSON object: key to value and origin'
complete -c assay -n '__assay_in config show' -s h -l help -d 'print help'
complete -c assay -n '__assay_in version' -s h -l help -d 'print help'
