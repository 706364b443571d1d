autoload -Uz add-zsh-hook
add-zsh-hook precmd _envyard_hook
add-zsh-hook chpwd _envyard_hook
