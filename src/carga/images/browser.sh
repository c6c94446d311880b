# The start of a user's container: Chromium takes its commands from one named pipe and answers on another, so it
# ends with whoever holds their other ends. Opening a pipe waits for the other end, which may be gone already: both
# ends are opened here first, then the spare ones are closed.
set -eu
exec 5<>/carga/commands 6<>/carga/answers
exec 3</carga/commands 4>/carga/answers
exec 5>&- 6>&- </dev/null >/dev/null
exec chromium-headless-shell --remote-debugging-pipe --user-data-dir=/tmp/profile "$@" about:blank
