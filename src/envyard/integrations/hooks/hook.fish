# envyard's hook for fish 3.1 and newer; hook.sh says what the variables hold.

set -g _envyard_seen ''
set -g _envyard_found ''
set -g _envyard_begun ''

function _envyard_hook --on-event fish_prompt --on-variable PWD
    functions -q __direnv_export_eval; and return 0 # the two would undo each other's work
    set -l stamp ''
    test -r "$_envyard_index"; and read stamp <"$_envyard_index"
    if test "$stamp $PWD" != "$_envyard_seen"
        _envyard_find (pwd -P 2>/dev/null | string collect)
        set -g _envyard_seen "$stamp $PWD"
    end
    set -l bin ''
    if test -n "$_envyard_found"
        if test -x "$_envyard_found/venv/bin/python"
            set bin "$_envyard_found/venv/bin"
        else if test -x "$_envyard_found/venv/Scripts/python.exe"
            set bin "$_envyard_found/venv/Scripts"
        end
    end
    set -l wanted ''
    test -n "$bin"; and set wanted "$stamp $bin"
    # A new shell begins anew: its start-up files may have put other folders before ours.
    if test "$wanted" = "$_envyard_active"; and test -n "$_envyard_begun"
        return 0
    end
    set -g _envyard_begun 1
    _envyard_leave
    test -n "$bin"; and _envyard_enter $bin $wanted
    return 0
end

function _envyard_find # _envyard_find FOLDER: the innermost project that holds it
    set -g _envyard_found ''
    set -g _envyard_key ''
    set -g _envyard_name ''
    set -g _envyard_set
    test -r "$_envyard_index"; or return 0
    set -l mine ''
    while read -l line
        set -l parts (string split -m 1 ' ' -- $line)
        switch $parts[1]
            case project
                set mine ''
                set -l folder (_envyard_decoded $parts[2] | string collect -N)
                if test (string sub -l (math (string length -- "$folder") + 1) -- "$argv[1]/") = "$folder/"
                    and test (string length -- "$folder") -gt (string length -- "$_envyard_found")
                    set mine 1
                    set -g _envyard_found $folder
                    set -g _envyard_set
                end
            case key
                test -n "$mine"; and set -g _envyard_key $parts[2]
            case name
                test -n "$mine"; and set -g _envyard_name (_envyard_decoded $parts[2] | string collect -N)
            case set
                test -n "$mine"; and set -ga _envyard_set $parts[2]
        end
    end <"$_envyard_index"
    if test -n "$_envyard_found"; and not test -e "$_envyard_found/venv"
        echo "envyard: no environment here, type: envyard envs.setup $_envyard_key" >&2
    end
end

function _envyard_decoded
    printf '%b' "$argv[1]"
end

function _envyard_enter # _envyard_enter BIN ACTIVE
    _envyard_put PROJECT_NAME "$_envyard_name"
    for line in $_envyard_set
        set -l parts (string split -m 1 '=' -- $line)
        _envyard_put $parts[1] (_envyard_decoded $parts[2] | string collect -N)
    end
    _envyard_put VIRTUAL_ENV "$_envyard_found/venv"
    _envyard_put VIRTUAL_ENV_PROMPT "$_envyard_key"
    _envyard_put PYTHONHOME ''
    set -e PYTHONHOME
    set -gx PATH $argv[1] $PATH
    set -gx _envyard_bin $argv[1]
    set -gx _envyard_active $argv[2]
end

function _envyard_put # _envyard_put NAME VALUE
    string match -qr '^[A-Za-z_][A-Za-z0-9_]*$' -- $argv[1]; or return 0
    set -l name $argv[1]
    if not contains -- $name (string split -n ' ' -- "$_envyard_names")
        set -gx _envyard_had_$name (set -q $name; and echo x; or echo '')
        set -gx _envyard_old_$name "$$name"
        set -gx _envyard_names "$_envyard_names $name"
    end
    set -gx $name "$argv[2]"
    set -gx _envyard_new_$name "$argv[2]"
end

function _envyard_leave # what somebody changed meanwhile stays as it is
    for name in (string split -n ' ' -- "$_envyard_names")
        set -l had _envyard_had_$name
        set -l old _envyard_old_$name
        set -l new _envyard_new_$name
        if test "$$name" = "$$new"
            if test -n "$$had"
                set -gx $name "$$old"
            else
                set -e $name
            end
        end
        set -e $had
        set -e $old
        set -e $new
    end
    if test -n "$_envyard_bin"
        set -l place (contains -i -- "$_envyard_bin" $PATH)
        and set -e PATH[$place]
    end
    set -e _envyard_names
    set -e _envyard_bin
    set -e _envyard_active
end
