# SPDX-License-Identifier: BSD-3-Clause
# weirctl.bash - completion for bash; copy to /usr/share/bash-completion/completions/weirctl
# tests/unit/test_cli.c compares its words with the tables in ctrl/cli/.

_weirctl()
{
	local commands="status errors reload drain undrain why ban capture lookup customer scan check config"
	local global="--socket --config --json --version --help"
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command= verb= word skip= i
	COMPREPLY=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [ -n "$skip" ]; then skip=; continue; fi
		case $word in
		--socket|--config|--ip|--helo|--from|--rcpt|--rules|--cache|--customers|--model|--geo|--batch|--output|-o|--for|--why|--count|--seconds|--write|-w|--ham|--spam|--tsv|--root|--seed)
			skip=1 ;;
		-*) ;;
		*) if [ -z "$command" ]; then command=$word; elif [ -z "$verb" ]; then verb=$word; fi ;;
		esac
	done

	case $prev in
	--socket|--config|--customers|--model|--geo|--batch|--output|-o|--write|-w|--ham|--spam|--tsv)
		COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--rules|--cache|--root)
		COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--for)
		COMPREPLY=($(compgen -W "10m 1h 1d 7d" -- "$cur")); return ;;
	--ip|--helo|--from|--rcpt|--why|--count|--seconds|--seed)
		return ;;
	esac

	if [[ $cur == -* ]]; then
		local own=
		case "$command $verb" in
		scan*) own="--ip --helo --from --rcpt --rules --cache --customers --model --geo --batch --text --explain" ;;
		train*) own="--ham --spam --root --seed --output" ;;
		eval*) own="--tsv --root --model --rules" ;;
		learn*) own="--model --seconds" ;;
		capture*) own="--count --seconds --write" ;;
		drain*) own="--wait --seconds" ;;
		"ban add") own="--for --why" ;;
		"lookup mailbox") own="--flush" ;;
		"customer import") own="--replace" ;;
		"customer export") own="--output" ;;
		esac
		COMPREPLY=($(compgen -W "$own $global" -- "$cur"))
		return
	fi

	case "$command $verb" in
	" ") COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
	"ban ") COMPREPLY=($(compgen -W "add del list" -- "$cur")) ;;
	"lookup ") COMPREPLY=($(compgen -W "ip domain url mailbox route sender phone sha256" -- "$cur")) ;;
	"customer ") COMPREPLY=($(compgen -W "import export list show del" -- "$cur")) ;;
	"config ") COMPREPLY=($(compgen -W "reference explain" -- "$cur")) ;;
	"learn ") COMPREPLY=($(compgen -W "ham spam status promote" -- "$cur")) ;;
	scan*|"learn ham"|"learn spam"|"customer import") COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}
complete -o filenames -F _weirctl weirctl
