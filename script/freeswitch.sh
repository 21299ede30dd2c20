# Sourced by the scripts that run FreeSWITCH, when it is installed.
# shellcheck shell=bash

# Arguments for configure: where the environment says it is.
voxeme_freeswitch=()
# shellcheck disable=SC2034  # for whoever sources this
[[ ! ${VOXEME_FREESWITCH-} ]] || voxeme_freeswitch=("--with-freeswitch=$VOXEME_FREESWITCH")

# voxeme_freeswitch_found DIR
# Whether the build in DIR has the module; if so, tells the tests where everything is.
voxeme_freeswitch_found() {
  local found
  # shellcheck disable=SC2016  # make expands it
  found=$(make -s -C "$1" -f Makefile -f - print-fs <<<'print-fs: ; @echo "$(FREESWITCH_PREFIX) $(FREESWITCH_MODULESDIR)"')
  [[ -e $1/.libs/mod_voxeme.so && $found == /* ]] || return
  export VOXEME_MODULE=$1/.libs/mod_voxeme.so VOXEME_HEAP_MODULE=$1/tests/freeswitch/.libs/mod_heap.so
  export VOXEME_FREESWITCH=${found% *} VOXEME_FREESWITCH_MODULES=${found#* }
}
