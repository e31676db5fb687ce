# shellcheck shell=bash
# What the scripts around the clusters share. Clusters are named from where one stands: "main" is this machine's own, "sister" the
# copy of the other site's main; the counterpart of main is the other machine's sister, and the other way round.

# shellcheck source=/dev/null
source /usr/local/lib/berth/host/site.conf
MARKERS=/var/lib/berth/promoted
CLIENTS=/etc/berth/clients.d
CERTIFICATES=/etc/berth/certificates
PGPASSFILE=/nonexistent # no password is ever used here
export PGPASSFILE

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# journal TEXT: what is done, for whoever does it and for the record.
journal() {
  printf '%s\n' "$*"
  logger -t "${0##*/}" -- "$*" 2>/dev/null || true
}

as_postgres() { (cd / && exec runuser -u postgres -- "$@"); }

port_of() { if [ "$1" = main ]; then echo 5432; else echo 5433; fi; }
# counterpart_port CLUSTER: where the other machine has the same data.
counterpart_port() { if [ "$1" = main ]; then echo 5433; else echo 5432; fi; }
data_of() { echo "$DATA/$1"; }
unit_of() { echo "postgresql@$VERSION-$1.service"; }

known_cluster() { [[ " $CLUSTERS " == *" $1 "* ]]; }

# sql CLUSTER DATABASE: runs standard input as the superuser, prints what comes. Of the database, which a client owns, it takes no
# name but those it asks for by schema: a function or operator that somebody planted there is not run.
sql() { as_postgres env PGOPTIONS="-c search_path=pg_catalog ${PGOPTIONS-}" psql -X -q -At -v ON_ERROR_STOP=1 -h /run/postgresql -p "$(port_of "$1")" -U postgres -d "$2" -f -; }

# one CLUSTER QUERY: one value.
one() { printf '%s\n' "$2" | sql "$1" postgres; }

# conninfo PORT: how this machine signs in at the other one: over TLS both ways, by certificates, in the tunnel.
conninfo() {
  printf 'host=%s port=%s user=berth_replication sslmode=verify-full sslrootcert=%s sslcert=%s sslkey=%s connect_timeout=5 application_name=%s' \
    "$SISTER_ADDRESS" "$1" "$CERTIFICATES/trusted.crt" "$CERTIFICATES/postgresql/replication.pem" "$CERTIFICATES/postgresql/replication.pem" "$SITE"
}

# counterpart CLUSTER: how its counterpart is: primary, standby, absent (nobody answers) or unknown (somebody answers, but not to us).
counterpart() {
  local port answer
  port=$(counterpart_port "$1")
  answer=$(as_postgres psql -X -q -At -d "$(conninfo "$port") dbname=postgres" -c 'SELECT pg_is_in_recovery()' 2>/dev/null) || answer=
  case $answer in
    f) echo primary ;;
    t) echo standby ;;
    *)
      # Whoever accepts or rejects connections is alive, even if it does not take our certificate. 2 is: no answer at all.
      local rc=0
      as_postgres "$BIN/pg_isready" -q -t 5 -h "$SISTER_ADDRESS" -p "$port" || rc=$?
      if [ "$rc" = 2 ]; then echo absent; else echo unknown; fi
      ;;
  esac
}

# state CLUSTER: none (never made), down, primary or standby.
state() {
  local answer
  [ -s "$(data_of "$1")/PG_VERSION" ] || { echo none; return; }
  answer=$(one "$1" 'SELECT pg_is_in_recovery()' 2>/dev/null) || { echo down; return; }
  if [ "$answer" = t ]; then echo standby; else echo primary; fi
}

# answers CLUSTER SECONDS: waits until it takes queries.
answers() {
  local end=$((SECONDS + $2))
  until one "$1" 'SELECT 1' >/dev/null 2>&1; do
    if ((SECONDS >= end)); then return 1; fi
    sleep 0.2
  done
}

# clients_of CLUSTER: the names of the clients whose data it holds.
clients_of() {
  local file
  for file in "$CLIENTS"/*; do
    if [ -r "$file" ] && grep -qx "cluster=$1" "$file"; then basename "$file"; fi
  done
}

# of_client CLIENT KEY
of_client() { sed -n "s/^$2=//p" "$CLIENTS/$1"; }

# copy CLUSTER: a base backup of its counterpart, complete or not there at all.
copy() {
  local cluster=$1 target
  target=$(data_of "$cluster")
  rm -rf -- "$target.copy"
  # The primary makes the slot, for its step and its timer do; the copy is taken through it, so that nothing is missing after.
  as_postgres "$BIN/pg_basebackup" --dbname "$(conninfo "$(counterpart_port "$cluster")")" --no-password --pgdata "$target.copy" \
    --wal-method stream --slot sister --checkpoint fast || { rm -rf -- "$target.copy"; return 1; }
  as_postgres touch "$target.copy/standby.signal"
  sync -f "$target.copy"
  mv -T -- "$target.copy" "$target"
}

# away_marker CLUSTER: the file that says that the other machine serves it, or is about to.
away_marker() { if [ "$1" = main ]; then echo "$MARKERS/elsewhere"; else echo "$MARKERS/handed-back"; fi; }

# serve CLIENT: its service runs here from now on, after a boot too; it brings the database up to its release by itself.
serve() {
  systemctl enable --now "taskflow@$1.socket" "taskflow@$1.service" || return 1
  local end=$((SECONDS + 120))
  until curl --silent --fail --max-time 5 --output /dev/null --unix-socket "/run/taskflow/$1.sock" http://localhost/readyz; do
    if ((SECONDS >= end)); then return 1; fi
    sleep 0.5
  done
}

# leave CLIENT: its service does not run here any more.
leave() { systemctl disable --now "taskflow@$1.socket" "taskflow@$1.service"; }
