# Sourced by the scripts: how test programs say how they went, and what all of them come to. The last line of each is
# "N passed, N failed"; when tests were skipped, a line "N skipped" stands right before it.
# shellcheck shell=bash

passed=0 failed=0 skipped=0

# count_add FILE: adds up what the output in FILE ends with; false when that is no count.
count_add() {
  local last before
  last=$(tail -n 1 "$1")
  before=$(tail -n 2 "$1" | head -n 1)
  [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]] || return 1
  passed=$((passed + BASH_REMATCH[1]))
  failed=$((failed + BASH_REMATCH[2]))
  [[ ! $before =~ ^([0-9]+)\ skipped$ ]] || skipped=$((skipped + BASH_REMATCH[1]))
}

# count_print: the sum, in the same form.
count_print() {
  ((skipped == 0)) || echo "$skipped skipped"
  echo "$passed passed, $failed failed"
}
