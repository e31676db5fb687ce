#!/usr/bin/env bash
# berth-keys makes the key pairs of a machine, on the machine: private halves never leave it.
#
#   berth-keys <folder> <generation>
#
# The folder, which root alone can enter, then holds
#
#   wireguard.key, wireguard.pub   the tunnel's pair, base64 (X25519)
#   authority.key, authority.crt   the machine's own certificate authority (EC P-256, ten years)
#   authority-trusted.crt          what the sister site is to trust: the present authority, and the one before it
#   generation                     how often they were made
#
# Standard output is wireguard=<public key> and authority=<base64 of authority-trusted.crt>. The same generation again changes
# nothing. A larger one makes new keys; the authority before stays trusted until the next, so that no certificate fails meanwhile.
# A smaller one is refused. It needs bash, coreutils, flock and openssl.
set -Eeuo pipefail

fail() {
  printf 'berth-keys: %s\n' "$*" >&2
  exit 1
}

# x25519_raw prints the last 32 bytes of a DER file, which are the key itself, in base64.
x25519_raw() {
  tail -c 32 | openssl base64 -A
}

# make_pair writes the tunnel's pair into folder $1.
make_pair() {
  openssl genpkey -algorithm X25519 -outform DER -out "$1/pair.der"
  { x25519_raw <"$1/pair.der"; echo; } >"$1/wireguard.key"
  { openssl pkey -inform DER -in "$1/pair.der" -pubout -outform DER | x25519_raw; echo; } >"$1/wireguard.pub"
  rm "$1/pair.der"
}

# make_authority writes the authority of generation $2 into folder $1. The generation is part of its name: two authorities of one
# machine are trusted side by side, and whoever checks a certificate finds its issuer by name.
make_authority() {
  local host
  host=$(uname -n)
  host=${host//[^A-Za-z0-9.-]/}
  cat >"$1/request.cnf" <<CNF
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
string_mask = utf8only
[name]
CN = Berth ${host:0:50}
OU = generation $2
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CNF
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1/authority.key"
  openssl req -x509 -new -sha256 -days 3650 -key "$1/authority.key" -config "$1/request.cnf" -out "$1/authority.crt"
  rm "$1/request.cnf"
}

# settle moves what is ready in folder $1 to its place. Each move is atomic and the generation is the last: whoever is killed here is
# completed by the next run, which comes by first of all.
settle() {
  local dir=$1 name
  [[ -d $dir/.ready ]] || return 0
  for name in wireguard.key wireguard.pub authority.key authority.crt authority-trusted.crt generation; do
    if [[ -e $dir/.ready/$name ]]; then mv -fT "$dir/.ready/$name" "$dir/$name"; fi
  done
  sync "$dir"
  rmdir "$dir/.ready"
}

# make_all makes the keys of generation $2 below folder $1, aside, until all of them are on the disk.
make_all() {
  local dir=$1 next=$1/.making
  mkdir "$next"
  make_pair "$next"
  make_authority "$next" "$2"
  cat "$next/authority.crt" >"$next/authority-trusted.crt"
  if [[ -s $dir/authority.crt ]]; then cat "$dir/authority.crt" >>"$next/authority-trusted.crt"; fi
  echo "$2" >"$next/generation"
  sync "$next"/* "$next"
  mv -T "$next" "$dir/.ready"
}

# intact refuses to go on with half of the keys: made anew under the same number, others would go on to trust what is gone.
intact() {
  local dir=$1 name
  for name in wireguard.key wireguard.pub authority.key authority.crt authority-trusted.crt; do
    [[ -s $dir/$name ]] || fail "$dir/$name is missing, although generation $2 was made: put it back, or ask for generation $(($2 + 1)), which makes new keys"
  done
}

main() {
  local dir=${1-} want=${2-} have=0
  [[ $# -eq 2 && $dir == /* ]] || fail "usage: berth-keys <absolute folder> <generation>"
  [[ $want =~ ^[1-9][0-9]{0,8}$ ]] || fail "generation \"$want\" is no number from 1 to 999999999"
  command -v openssl >/dev/null || fail "openssl is not installed: apt-get install openssl"
  umask 077
  mkdir -p "$dir"
  chmod 0700 "$dir"
  # One at a time: a timer, a bundle and a person may ask at once.
  exec 9<"$dir"
  flock -w 60 9 || fail "another berth-keys works in $dir for more than a minute: see what it waits for (fuser -v $dir)"
  rm -rf "$dir/.making"
  settle "$dir"
  if [[ -s $dir/generation ]]; then have=$(<"$dir/generation"); fi
  [[ $have =~ ^[0-9]{1,9}$ ]] || fail "$dir/generation says \"$have\", which is no number: write the number of the last rotation into it"
  ((want >= have)) || fail "generation $want is asked for, but $have was made already: ask for $have to keep its keys, or for $((have + 1)) for new ones"
  if ((have > 0 && want == have)); then
    intact "$dir" "$have"
  else
    make_all "$dir" "$want"
    settle "$dir"
  fi
  echo "wireguard=$(<"$dir/wireguard.pub")"
  echo "authority=$(openssl base64 -A -in "$dir/authority-trusted.crt")"
}

main "$@"
