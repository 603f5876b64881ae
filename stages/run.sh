#!/bin/sh
# Run a script with the Python that runs DVC, however DVC was started; if that lacks what stages need (a DVC of another
# environment), with the activated one or the project's own.
# Usage, in dvc.yaml: sh stages/run.sh stages/NAME.py ARGUMENT ...
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
export PYTHONPATH="$here/src"

# DVC is what stands above the shells that it starts a stage with. Its first argument is its interpreter.
dvc='' above=$PPID
while [ "${above:-0}" -gt 1 ]; do
  if [ -r "/proc/$above/cmdline" ]; then
    started=$(tr '\0' '\n' < "/proc/$above/cmdline" | head -n 1)
    next=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$above/status")
    # `.venv/bin/python -m dvc`, from the folder where that was typed.
    case $started in /*) ;; */*) started=$(cd "/proc/$above/cwd" && pwd -P)/$started ;; esac
  else
    started=$(ps -o comm= -p "$above") next=$(ps -o ppid= -p "$above")
  fi
  case ${started##*/} in
    [Pp]ython*) dvc=$started; break ;;
    sh | bash | dash | zsh | ksh | fish | busybox) above=$next ;;
    *) break ;;
  esac
done

# A stage starts by importing libraries, whose objects all stay. To look through them for what has become unreachable,
# after every few hundred as Python does and once more at the end, takes a fifth of the time that a short stage needs.
# Triton, which the export to ONNX imports, lists its objects as leaked where they are not looked through at the end.
run='import atexit, gc, runpy, sys; gc.set_threshold(100_000, 50, 50); del sys.argv[0]
atexit.register(lambda: "triton" in sys.modules or gc.freeze())
runpy.run_path(sys.argv[0], run_name="__main__")'
can='import importlib.util as u, sys; sys.exit(sys.version_info < (3, 11) or None in map(u.find_spec, ("torch", "skorch")))'
for python in "$dvc" python "${VIRTUAL_ENV:-}/bin/python" "$here/.venv/bin/python"; do
  if [ -n "$python" ] && "$python" -c "$can" 2> /dev/null; then
    # No process more: signals reach the stage itself. -P: what lies in the project's folder is no library.
    exec "$python" -P -c "$run" "$@"
  fi
done
echo "error: no Python with torch and skorch here: \`make install\` makes one, then \`.venv/bin/dvc repro\` runs in it." \
  "What DVC removed for this stage, \`.venv/bin/dvc checkout\` brings back." >&2
exit 1
