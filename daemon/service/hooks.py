"""Lines for a shell's start-up file that look before each prompt whether the daemon is there.

Belongs here: the hooks. Does not belong here: the variables (`exports`).

Where the keeper is gone too, nobody answers on the port any more; from the next prompt on the shell does without it.
The hook asks nobody: it looks whether the process named in the lock's file lives, which costs less than a millisecond.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from daemon.service.exports import Shell

_POSIX = """\
__halton_meter_alive() {{ local p=""; [ -r {lock} ] && read -r p < {lock}; [ -n "$p" ] && kill -0 "$p" 2>/dev/null; }}
__halton_meter_look() {{
  local code=$?
  if __halton_meter_alive; then
    [ -n "${{HALTON_METER_EXPORTED:-}}" ] || eval "$({command} env --shell {shell}{options} --quiet)"
  elif [ -n "${{HALTON_METER_EXPORTED:-}}" ]; then
    eval "$({command} env --shell {shell} --unset)"
  fi
  return $code
}}
"""
_BASH = """\
case ";${PROMPT_COMMAND:-};" in
  *";__halton_meter_look;"*) ;;
  *) PROMPT_COMMAND="__halton_meter_look${PROMPT_COMMAND:+;$PROMPT_COMMAND}" ;;
esac
"""
_ZSH = """\
autoload -Uz add-zsh-hook
add-zsh-hook precmd __halton_meter_look
"""
_FISH = """\
function __halton_meter_look --on-event fish_prompt
  set -l p (cat {lock} 2>/dev/null)
  if test -n "$p"; and kill -0 $p 2>/dev/null
    set -q HALTON_METER_EXPORTED; or {command} env --shell fish{options} --quiet | source
  else if set -q HALTON_METER_EXPORTED
    {command} env --shell fish --unset | source
  end
end
"""


def hook(shell: Shell, *, lock: Path, command: list[str], gateway: bool) -> str | None:
    """Return the hook for `shell`; None where there is no such thing.

    Args:
        shell: which.
        lock: file with the keeper's process id.
        command: that runs `halton-meter`, with its home.
        gateway: whether the gateway's variables are wanted.
    """
    words = {
        "lock": shlex.quote(str(lock)),
        "command": shlex.join(command),
        "options": " --gateway" if gateway else "",
        "shell": shell,
    }
    match shell:
        case "bash":
            return _POSIX.format(**words) + _BASH
        case "zsh":
            return _POSIX.format(**words) + _ZSH
        case "fish":
            return _FISH.format(**words)
        case "powershell":
            return None
