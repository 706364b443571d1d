# shellcheck shell=bash disable=SC2034,SC2154 # _envyard_index stands before it; `eval` uses the variables
# envyard's hook for bash and zsh: POSIX sh with `local` and `printf -v`.
# At a prompt it reads one line of the index, and all of it after a change of folder; it starts no process.
#
# What it set is remembered in exported variables, so that a shell started inside a project can leave it too:
#   _envyard_active   the first line of the index and the folder put into PATH; empty: nothing is active
#   _envyard_bin      that folder
#   _envyard_names    the variables, with _envyard_had_X, _envyard_old_X and _envyard_new_X of each

_envyard_seen='' _envyard_found='' _envyard_key='' _envyard_name='' _envyard_set='' _envyard_begun=''

_envyard_hook() {
    local code=$?
    _envyard_follow
    return "$code"
}

_envyard_follow() {
    if [ -n "${ZSH_VERSION-}" ]; then emulate -L sh; fi
    if command -v _direnv_hook >/dev/null; then return 0; fi # the two would undo each other's work
    local stamp='' bin='' wanted='' IFS=' '
    if [ -r "$_envyard_index" ]; then IFS= read -r stamp <"$_envyard_index"; fi
    if [ "$stamp $PWD" != "$_envyard_seen" ]; then
        _envyard_find "$(builtin pwd -P 2>/dev/null)"
        _envyard_seen="$stamp $PWD"
    fi
    if [ -n "$_envyard_found" ]; then
        if [ -x "$_envyard_found/venv/bin/python" ]; then
            bin=$_envyard_found/venv/bin
        elif [ -x "$_envyard_found/venv/Scripts/python.exe" ]; then
            bin=$_envyard_found/venv/Scripts
        fi
    fi
    if [ -n "$bin" ]; then wanted="$stamp $bin"; fi
    # A new shell begins anew: its start-up files may have put other folders before ours.
    if [ "$wanted" = "${_envyard_active-}" ] && [ -n "$_envyard_begun" ]; then return 0; fi
    _envyard_begun=1
    _envyard_leave
    if [ -n "$bin" ]; then _envyard_enter "$bin" "$wanted"; fi
}

_envyard_find() { # _envyard_find FOLDER: the innermost project that holds it
    local line='' word='' value='' mine=''
    _envyard_found='' _envyard_key='' _envyard_name='' _envyard_set=''
    if [ ! -r "$_envyard_index" ]; then return 0; fi
    while IFS= read -r line; do
        word=${line%% *} value=${line#* }
        case $word in
        project)
            mine=''
            printf -v value '%b' "$value"
            case $1/ in
            "$value"/*)
                if [ "${#value}" -gt "${#_envyard_found}" ]; then
                    mine=1 _envyard_found=$value _envyard_set=''
                fi
                ;;
            esac
            ;;
        key) if [ -n "$mine" ]; then _envyard_key=$value; fi ;;
        name) if [ -n "$mine" ]; then printf -v _envyard_name '%b' "$value"; fi ;;
        set) if [ -n "$mine" ]; then _envyard_set="$_envyard_set$value
"; fi ;;
        esac
    done <"$_envyard_index"
    if [ -n "$_envyard_found" ] && [ ! -e "$_envyard_found/venv" ]; then
        printf 'envyard: no environment here, type: envyard envs.setup %s\n' "$_envyard_key" >&2
    fi
}

_envyard_enter() { # _envyard_enter BIN ACTIVE
    local rest=$_envyard_set line='' value=''
    _envyard_put PROJECT_NAME "$_envyard_name"
    while [ -n "$rest" ]; do
        line=${rest%%"
"*}
        rest=${rest#*"
"}
        printf -v value '%b' "${line#*=}"
        _envyard_put "${line%%=*}" "$value"
    done
    _envyard_put VIRTUAL_ENV "$_envyard_found/venv"
    _envyard_put VIRTUAL_ENV_PROMPT "$_envyard_key"
    _envyard_put PYTHONHOME ''
    unset PYTHONHOME
    PATH=$1${PATH:+:$PATH}
    _envyard_bin=$1 _envyard_active=$2
    export PATH _envyard_bin _envyard_active _envyard_names
}

_envyard_put() { # _envyard_put NAME VALUE
    case $1 in
    '' | [0-9]* | *[!A-Za-z0-9_]*) return 0 ;;
    esac
    case " ${_envyard_names-} " in
    *" $1 "*) ;;
    *)
        eval "_envyard_had_$1=\${$1+x} _envyard_old_$1=\${$1-}"
        _envyard_names="${_envyard_names-} $1"
        ;;
    esac
    eval "$1=\$2 _envyard_new_$1=\$2"
    eval "export $1 _envyard_had_$1 _envyard_old_$1 _envyard_new_$1"
}

_envyard_leave() { # what somebody changed meanwhile stays as it is
    local name='' now='' new='' had='' old='' rest=''
    for name in ${_envyard_names-}; do
        eval "now=\${$name-} new=\${_envyard_new_$name-} had=\${_envyard_had_$name-} old=\${_envyard_old_$name-}"
        if [ "$now" = "$new" ]; then
            if [ -n "$had" ]; then eval "$name=\$old; export $name"; else unset "$name"; fi
        fi
        unset "_envyard_had_$name" "_envyard_old_$name" "_envyard_new_$name"
    done
    if [ -n "${_envyard_bin-}" ]; then
        rest=:$PATH:
        case $rest in
        *":$_envyard_bin:"*)
            rest=${rest%%":$_envyard_bin:"*}:${rest#*":$_envyard_bin:"}
            rest=${rest#:}
            PATH=${rest%:}
            ;;
        esac
    fi
    unset _envyard_names _envyard_bin _envyard_active
}

