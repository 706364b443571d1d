# shellcheck shell=bash disable=SC2128,SC2178 # PROMPT_COMMAND is a string, or since bash 5.1 an array
case ${PROMPT_COMMAND[*]-} in
*_envyard_hook*) ;;
*)
    if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
        PROMPT_COMMAND=(_envyard_hook "${PROMPT_COMMAND[@]}")
    else
        PROMPT_COMMAND="_envyard_hook${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
    fi
    ;;
esac
