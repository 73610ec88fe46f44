"""What lets bash, zsh and fish complete commands, options, their values and file names.

The scripts are written from the commands' declarations, so that pressing Tab does not run Python;
but for the addresses in a saved network, which are asked of `clearprop show FILE --list`.
"""

from collections.abc import Iterable
from shlex import quote

from clearprop.base.errors import ConfigurationError
from clearprop.cli.command_line import HELP, Command, Option, Takes
from clearprop.cli.commands import COMMANDS, OPTIONS, SHELLS


def script(shell: str) -> str:
    """The lines for the shell to evaluate. Raises ConfigurationError for one that is not known."""
    if shell not in SHELLS:
        raise ConfigurationError("shell_unknown", name=shell, known=", ".join(SHELLS))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _names(options: Iterable[Option]) -> list[str]:
    return [name for one in options for name in (one.short, one.name) if name]


def _options(command: Command) -> tuple[Option, ...]:
    return (*command.options, HELP)


# In bash a function is told the words so far, and of `--name=value` the three parts; a file's
# name is left to bash itself, which knows about spaces and quotes.
_BASH = """\
# Completion of clearprop for bash, in ~/.bashrc: eval "$(clearprop --completion bash)"
_clearprop_words() {{
    COMPREPLY=($(compgen -W "$1" -- "$2"))
}}
_clearprop_paths() {{
    local one
    compopt -o filenames -o default 2>/dev/null
    while IFS= read -r one; do COMPREPLY+=("$one"); done < <(compgen "$1" -- "$2")
}}
_clearprop_listed() {{
    local one bare file=
    for one in "${{COMP_WORDS[@]}}"; do
        bare=${{one//[\\\\\\'\\"]/}}
        [[ $bare == *.safetensors || -f ${{bare/#\\~/$HOME}}/model.safetensors ]] && file=$bare
    done
    [[ $file ]] || return
    # As it is without the quotes and backslashes that it was typed with.
    local typed=${{2//[\\\\\\'\\"]/}}
    compopt -o filenames 2>/dev/null
    while IFS= read -r one; do [[ $one == "$typed"* ]] && COMPREPLY+=("$one"); done \\
        < <("${{COMP_WORDS[0]}}" show "${{file/#\\~/$HOME}}" --list "$1" 2>/dev/null)
}}
_clearprop() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    COMPREPLY=()
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    local command=${{COMP_WORDS[1]}}
    ((COMP_CWORD > 1)) || command=
    case "$command $before" in
{values}
    esac
    case "$command $word" in
{options}
    esac
    case "$command" in
{operands}
        *) ((COMP_CWORD > 1)) || _clearprop_words {commands} "$word" ;;
    esac
}}
complete -F _clearprop clearprop
"""
_BASH_PATHS = {
    Takes.FILE: '_clearprop_paths -f "$word"',
    Takes.FOLDER: '_clearprop_paths -d "$word"',
}


def _bash() -> str:
    def proposal(one: Option) -> str:
        words = f'_clearprop_words {quote(" ".join(one.words))} "$word"'
        if one.listed:
            return f'_clearprop_listed {one.listed} "$word"'
        return _BASH_PATHS.get(one.takes, words if one.words else ":")

    every = [("", OPTIONS), *((one.name, _options(one)) for one in COMMANDS)]
    # `clearprop --completion bash` has the option where a command's name stands.
    values = [
        f"        {'|'.join(quote(f'{name or one.name} {spelled}') for spelled in _names([one]))})"
        f" {proposal(one)}; return ;;"
        for name, options in every
        for one in options
        if one.takes is not Takes.NOTHING
    ]
    offered = [
        f"        {quote(f'{name} -')}*) _clearprop_words"
        f' {quote(" ".join(_names(options)))} "$word"; return ;;'
        for name, options in every
    ]
    operands = [
        f"        {one.name}) {_BASH_PATHS[one.operand]} ;;"
        for one in COMMANDS
        if one.operand in _BASH_PATHS
    ]
    return _BASH.format(
        values="\n".join(values),
        options="\n".join(offered),
        operands="\n".join(operands),
        commands=quote(" ".join(one.name for one in COMMANDS)),
    )


_ZSH = """\
#compdef clearprop
# Completion of clearprop for zsh, in ~/.zshrc: eval "$(clearprop --completion zsh)"
_clearprop_listed() {{
    local one file=
    for one in ${{(Q)words}}; do
        [[ $one == *.safetensors || -f ${{~one}}/model.safetensors ]] && file=$one
    done
    [[ -n $file ]] || return 1
    local -a found=(${{(f)"$(clearprop show ${{~file}} --list $1 2>/dev/null)"}})
    compadd -a found
}}
_clearprop() {{
    local context state state_descr line
    typeset -A opt_args
    _arguments -C {options} {commands} '*::word:->words' && return
    case $line[1] in
{cases}
    esac
}}
if [[ ${{funcstack[1]}} == _clearprop ]]; then
    _clearprop "$@"
else
    (( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit }}
    compdef _clearprop clearprop
fi
"""
_ZSH_PATHS = {Takes.FILE: "_files", Takes.FOLDER: "_files -/"}


def _zsh() -> str:
    def told(one: Option) -> str:
        action = _ZSH_PATHS.get(one.takes, f"({' '.join(one.words)})" if one.words else " ")
        if one.listed:
            # Without the space _arguments hands over options of its own.
            action = f" _clearprop_listed {one.listed}"
        behind = "" if one.takes is Takes.NOTHING else f":value:{action}"
        forms = [one.short + "+"] if one.short and behind else [one.short] if one.short else []
        forms.append(f"{one.name}=" if behind else one.name)
        return " ".join(quote(form + behind) for form in forms)

    cases = []
    for one in COMMANDS:
        words = [*map(told, _options(one))]
        words += [
            quote(f":operand:{_ZSH_PATHS[operand]}")
            for operand in (one.operand, one.second)
            if operand in _ZSH_PATHS
        ]
        cases.append(f"        {one.name}) _arguments {' '.join(words)} ;;")
    return _ZSH.format(
        options=" ".join(map(told, OPTIONS)),
        commands=quote(f"1:command:({' '.join(one.name for one in COMMANDS)})"),
        cases="\n".join(cases),
    )


_FISH_LISTED = (
    "function __clearprop_listed",
    "    for word in (commandline -opc)",
    "        string match -q '*.safetensors' -- $word; or test -f $word/model.safetensors",
    "        and clearprop show $word --list $argv[1] 2>/dev/null",
    "    end",
    "end",
)
_FISH_VALUES = {Takes.FILE: "-r -F", Takes.FOLDER: "-x -a '(__fish_complete_directories)'"}


def _fish() -> str:
    def told(one: Option, when: str) -> str:
        short = f" -s {one.short[1:]}" if one.short else ""
        words = f"-x -a {quote(' '.join(one.words))}" if one.words else "-x"
        if one.listed:
            words = f"-x -a '(__clearprop_listed {one.listed})'"
        behind = "" if one.takes is Takes.NOTHING else f" {_FISH_VALUES.get(one.takes, words)}"
        return f"complete -c clearprop -n {quote(when)}{short} -l {one.name[2:]}{behind}"

    first = "__fish_use_subcommand"
    lines = [
        "# Completion of clearprop for fish, in ~/.config/fish/config.fish:",
        "# clearprop --completion fish | source",
        *_FISH_LISTED,
        "complete -c clearprop -f",
        f"complete -c clearprop -n {first} -a {quote(' '.join(one.name for one in COMMANDS))}",
        *(told(one, first) for one in OPTIONS),
    ]
    for command in COMMANDS:
        there = f"__fish_seen_subcommand_from {command.name}"
        lines += [told(one, there) for one in _options(command)]
        if command.operand is Takes.FILE:
            lines.append(f"complete -c clearprop -n {quote(there)} -F")
    return "\n".join(lines) + "\n"
