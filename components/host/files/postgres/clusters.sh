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
# psql itself: the one on PATH is a script of Debian's that takes longer than the question.
sql() { as_postgres env PGOPTIONS="-c search_path=pg_catalog ${PGOPTIONS-}" "$BIN/psql" -X -q -At -v ON_ERROR_STOP=1 -h /run/postgresql -p "$(port_of "$1")" -U postgres -d "$2" -f -; }

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
  answer=$(as_postgres "$BIN/psql" -X -q -At -d "$(conninfo "$port") dbname=postgres" -c 'SELECT pg_is_in_recovery()' 2>/dev/null) || answer=
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

# timeline: what a primary writes on; each promotion begins a new one, with the next number.
TIMELINE="SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int"

# timeline_here CLUSTER: of a cluster that is down, what its control file says, which is at most too low.
timeline_here() {
  one "$1" "$TIMELINE" 2>/dev/null && return
  LC_ALL=C "$BIN/pg_controldata" -D "$(data_of "$1")" | sed -n "s/^Latest checkpoint's TimeLineID: *//p"
}

# timeline_there CLUSTER: of its counterpart, which is primary.
timeline_there() { as_postgres "$BIN/psql" -X -q -At -d "$(conninfo "$(counterpart_port "$1")") dbname=postgres" -c "$TIMELINE" 2>/dev/null; }

# newer CLUSTER: who goes on where both lead: here, there, neither (each was promoted by itself, and nobody but people can tell) or unknown.
newer() {
  local here there
  here=$(timeline_here "$1") || here=
  there=$(timeline_there "$1") || there=
  if ! [[ $here =~ ^[0-9]+$ && $there =~ ^[0-9]+$ ]]; then
    echo unknown
  elif ((here > there)); then
    echo here
  elif ((here < there)); then
    echo there
  else
    echo neither
  fi
}

# copy CLUSTER: a base backup of its counterpart takes its place; what lies there goes aside, and is never without a successor. A run
# that was killed between the two renames is completed by the next.
copy() {
  local cluster=$1 target aside
  target=$(data_of "$cluster")
  if [ -e "$target" ] || ! [ -e "$target.copy" ]; then
    rm -rf -- "$target.copy" "$target.copying"
    # The primary makes the slot, for its step and its timer do; the copy is taken through it, so that nothing is missing after.
    as_postgres "$BIN/pg_basebackup" --dbname "$(conninfo "$(counterpart_port "$cluster")")" --no-password --pgdata "$target.copying" \
      --wal-method stream --slot sister --checkpoint fast || { rm -rf -- "$target.copying"; return 1; }
    as_postgres touch "$target.copying/standby.signal"
    sync -f "$target.copying"
    mv -T -- "$target.copying" "$target.copy"
  fi
  if [ -e "$target" ]; then
    aside=$target.kept-$(date -u +%Y%m%dT%H%M%SZ)
    journal "what cluster $cluster was lies in $aside. Delete it when nobody needs it"
    mv -T -- "$target" "$aside"
  fi
  mv -T -- "$target.copy" "$target"
}

# room CLUSTER: megabytes that a copy of it takes, as far as what is here tells, and megabytes that are free.
room() {
  local need=0
  if [ -e "$(data_of "$1")" ]; then need=$(du -sm -- "$(data_of "$1")" | cut -f1); fi
  echo "$((need + need / 10)) $(df --output=avail -BM -- "$DATA" | tail -n 1 | tr -cd 0-9)"
}

# away_marker CLUSTER: the file that says that the other machine serves it, or is about to.
away_marker() { if [ "$1" = main ]; then echo "$MARKERS/elsewhere"; else echo "$MARKERS/handed-back"; fi; }

# files: whether the other machine hands its clients' files out: answers, refuses (it runs, and does not) or silent (it is not there).
files() {
  local said
  if said=$(LC_ALL=C timeout 3 bash -c "exec 3<>/dev/tcp/$SISTER_ADDRESS/873" 2>&1); then
    echo answers
  elif [[ $said == *refused* ]]; then
    echo refuses
  else
    echo silent
  fi
}

# fetch CLIENT: what the other machine has of its files, as it is now.
fetch() {
  local unit=taskflow-attachments@$1.service
  # A run that is under way began before; who asks for it now only waits for that one.
  if [ "$(systemctl is-active "$unit" || true)" = activating ]; then systemctl start "$unit" || true; fi
  systemctl start "$unit"
}

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

# here CLIENT: whether its service runs here, or would after a boot.
here() {
  local unit
  for unit in "taskflow@$1.socket" "taskflow@$1.service"; do
    if systemctl is-enabled --quiet "$unit" 2>/dev/null || systemctl is-active --quiet "$unit"; then return 0; fi
  done
  return 1
}

# depart CLUSTER: no client of it is served from here any more.
depart() {
  local client
  for client in $(clients_of "$1"); do
    if here "$client"; then leave "$client" || true; fi
  done
}

# away CLUSTER: the other machine serves it, or is about to; from here on it does not lead here, whatever is killed.
away() {
  install -d "$MARKERS"
  touch "$(away_marker "$1")"
  if [ "$1" = sister ]; then rm -f "$MARKERS/sister"; fi
}

# tell SEVERITY TEXT: to whoever is on call, under the check that looks at the same.
tell() {
  journal "$2"
  if [ -x /usr/local/sbin/berth-alert ]; then /usr/local/sbin/berth-alert standby "$1" "$2" || true; fi
}
