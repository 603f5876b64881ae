#!/bin/sh
# Where git does not answer for this folder (a downloaded zip, no git at all), let DVC run without it, and say so.
# Usage, in a folder with .dvc: sh stages/without_git.sh
if said=$(git rev-parse --is-inside-work-tree 2>&1); then
  # It may not have been there before.
  if grep -qs no_scm .dvc/config.local; then dvc config --local --unset core.no_scm; fi
  exit 0
fi
case $said in
  *"dubious ownership"*)
    # DVC reads the repository itself.
    echo "note: this checkout belongs to another user, so git refuses it; \`git config --global --add safe.directory '$PWD'\` mends that." >&2
    exit 0 ;;
  *"not found"*) way="install git, then \`git init && git add -A && git commit\`" ;;
  *) way="\`git init && git add -A && git commit\`" ;;
esac
echo "note: no git repository here, so \`dvc exp\` and \`dvc ... diff\` have nothing to compare with ($way mends that); all else works." >&2
dvc config --local core.no_scm true
