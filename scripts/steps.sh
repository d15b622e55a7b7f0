# What scripts/test, scripts/release-check and scripts/systemd-check share; to be sourced. `may_install` says whether
# packages may be installed.

# A package cache of our own: another apt, or a container image's clean-up hook, may empty
# the common one while we install.
install_packages() {
  local root=() archives status=0
  if [ "$(id -u)" -ne 0 ]; then root=(sudo -n); fi
  archives=$(mktemp -d)
  chmod 755 "$archives"
  mkdir "$archives/partial"
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
    -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root -o "Dir::Cache::archives=$archives")
  "${apt[@]}" update && "${apt[@]}" install --no-install-recommends --no-upgrade "$@" || status=$?
  "${root[@]}" rm -rf "$archives"
  return "$status"
}

can_install() {
  [ "$may_install" = yes ] && command -v apt-get >/dev/null &&
    { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
}

# Debian 12 has no cargo-deb: one of a fixed version, in a folder of its own. To be had before a build with it.
PATH="$PATH:$PWD/target/cargo-deb/bin"
install_cargo_deb() {
  local folder=$PWD/target/cargo-deb
  [ -x "$folder/bin/cargo-deb" ] && return
  [ "$may_install" = yes ] || { echo "missing: $folder/bin/cargo-deb; run once without --no-install" >&2; return 1; }
  cargo install --quiet --locked --root "$folder" --target-dir "$folder/target" cargo-deb@3.8.0
}

table=()
notes=() # what a step wants to be read by whoever reads the table
passed=0
failed=0

# step NAME COMMAND...: runs the command, times it, and remembers how it ended.
step() {
  local name=$1 began=$SECONDS verdict took
  shift
  printf '\n==> %s: %s\n' "$name" "$*"
  if "$@"; then
    verdict=pass
    passed=$((passed + 1))
  else
    verdict=FAIL
    failed=$((failed + 1))
  fi
  took=$((SECONDS - began))
  printf '<== %s: %s after %d s\n' "$name" "$verdict" "$took"
  table+=("$(printf '%-4s  %5d s  %s' "$verdict" "$took" "$name")")
}

# Prints all steps, the notes and the sum; fails if one of them did.
close_table() {
  printf '\n'
  printf '%s\n' "${table[@]}"
  if [ ${#notes[@]} -gt 0 ]; then printf '\n%s\n' "${notes[@]}"; fi
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
