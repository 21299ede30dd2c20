# Sourced by the scripts: builds the checkout it lies in, out of tree.
# shellcheck shell=bash

# voxeme_build DIR [configure argument...] -- [make argument...]
# Configures DIR when it is new or was configured otherwise, then runs make. Says little when all
# goes well, everything when it does not.
voxeme_build() {
  local dir=$1 arguments=() log
  shift
  while (($#)) && [[ $1 != -- ]]; do
    arguments+=("$1")
    shift
  done
  (($#)) && shift
  mkdir -p "$dir"
  log=$dir/build.log
  # One build of a directory at a time.
  exec {build_lock}>"$dir/.lock"
  flock "$build_lock"
  if ! voxeme_build_steps "$dir" "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "the build in $dir failed (log: $log)" >&2
    exec {build_lock}>&-
    return 1
  fi
  exec {build_lock}>&-
}

# Uses `arguments` of its caller.
voxeme_build_steps() {
  local dir=$1 root
  shift
  root=$PWD
  if [[ ! -x configure || configure -ot configure.ac || Makefile.in -ot Makefile.am ]]; then
    autoreconf -fi || return
  fi
  if [[ $(cat "$dir/.configured" 2>/dev/null) != "${arguments[*]}" || ! -f $dir/Makefile ]]; then
    (cd "$dir" && "$root/configure" --quiet "${arguments[@]}") || return
    printf '%s\n' "${arguments[*]}" >"$dir/.configured"
  fi
  make -C "$dir" -j"$(nproc)" "$@"
}
