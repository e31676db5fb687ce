# shellcheck shell=bash
# What the scripts around backups share: one repository at a time, so that one that is away hides no other.
# shellcheck source=/dev/null
source /usr/local/lib/berth/host/clusters.sh
RECORDS=/var/lib/berth/backups

# What is backed up goes by three names: "main", this machine's own cluster; "sister", the sister's once it was promoted here; and "copy",
# the sister's main as it runs there: pgBackRest writes to a repository from the machine that has it, so each site takes the other's
# backup into repository 2, most of it from the standby that is here.
stanza_of() { if [ "$1" = main ]; then echo "$SITE"; else echo "$SISTER"; fi; }
config_of() { if [ "$1" = main ]; then echo /etc/pgbackrest/pgbackrest.conf; else echo "/etc/pgbackrest/$1.conf"; fi; }
includes_of() { if [ "$1" = main ]; then echo /etc/pgbackrest/conf.d; else echo /etc/pgbackrest/sister.d; fi; }

# repositories_of NAME: where copies of it are. Of the sister's there is none on the sister itself, which is lost.
repositories_of() {
  case $1 in
    main) echo "$REPOSITORIES" ;;
    sister) echo "${REPOSITORIES#1 }" ;;
    copy) echo 2 ;;
  esac
}
# written_of NAME: those of them that are written from here.
written_of() { if [ "$1" = main ] && [ -n "$SISTER" ]; then echo "${REPOSITORIES/2/}"; else repositories_of "$1"; fi; }

place_of() {
  case $1:$2 in
    main:1 | sister:2 | copy:2) echo "this machine" ;;
    main:2) echo "${SISTER:-the folder}" ;;
    *) echo "the bucket" ;;
  esac
}

# served: the clusters that clients write to here.
served() {
  local cluster
  for cluster in $CLUSTERS; do
    if [ "$cluster" = main ] || [ -e "$MARKERS/sister" ]; then
      if [ "$(state "$cluster")" = primary ]; then echo "$cluster"; fi
    fi
  done
}

# written: what is to be backed up from here.
written() {
  served
  if [ -n "$SISTER" ] && ! [ -e "$MARKERS/sister" ] && [ "$(state sister)" = standby ]; then echo copy; fi
}

# repository NAME NUMBER COMMAND…: pgBackRest with that one repository. Files are read from a folder that names no other; it stays, for a
# restored cluster asks for its write-ahead log by it.
repository() {
  local name=$1 number=$2 folder file
  shift 2
  folder=$RECORDS/only-$name-$number
  mkdir -p "$folder"
  for file in "$(includes_of "$name")"/repo"$number"*.conf; do
    if [ "$(readlink "$folder/${file##*/}")" != "$file" ]; then ln -sfn "$file" "$folder/${file##*/}"; fi
  done
  as_postgres pgbackrest --config="$(config_of "$name")" --config-include-path="$folder" --stanza="$(stanza_of "$name")" "$@"
}

# newest CLUSTER NUMBER: seconds of the epoch at which the newest full backup ended, and its label; nothing when there is none.
newest() {
  repository "$1" "$2" info --output=json |
    jq -r '.[0] | if .status.code != 0 and .status.code != 2 then error(.status.message) else . end
      | [.backup[]? | select(.type == "full" and .error != true)] | if length == 0 then empty else max_by(.timestamp.stop) | "\(.timestamp.stop) \(.label)" end'
}

# given_up CLUSTER: the last segment of write-ahead log that was given up because too many waited. Its primary keeps the name beside the data, from
# where it comes to the standby too: each site sees for itself whether the copies that it writes have to begin anew.
given_up() {
  local cluster=$1
  if [ "$cluster" = copy ]; then cluster=sister; fi
  one "$cluster" "SELECT substring(shobj_description(oid, 'pg_database') FROM '^given up: ([0-9A-F]{24})$') FROM pg_database WHERE datname = 'template1'"
}

# note_given_up CLUSTER: pgBackRest tells its log alone, which is rotated.
note_given_up() {
  local log last
  log=/var/log/pgbackrest/$(stanza_of "$1")-archive-push-async.log
  last=$({ cat -- "$log.1" "$log" 2>/dev/null || true; } | sed -n "s/.* dropped WAL file '\([0-9A-F]\{24\}\)[^']*' because archive queue exceeded.*/\1/p" | tail -n 1)
  if [ -n "$last" ] && [[ $last > $(given_up "$1") ]]; then
    one "$1" "COMMENT ON DATABASE template1 IS 'given up: $last'" >/dev/null
    journal "write-ahead log of $(stanza_of "$1") was given up, up to $last: until the next full backup no moment after it can be restored"
  fi
}

# gap CLUSTER NUMBER: the segment that was given up, where no full backup of that repository began after it.
gap() {
  local last
  last=$(given_up "$1")
  if [ -z "$last" ]; then return; fi
  repository "$1" "$2" info --output=json |
    jq -r --arg last "$last" '[.[0].backup[]? | select(.type == "full" and .error != true) | .archive.start] | if any(. > $last) then empty else $last end'
}

# record CLUSTER NUMBER OK SECONDS TEXT: how the last backup went.
record() {
  [ -d "$RECORDS" ] || install -d -m 0750 -g postgres "$RECORDS"
  jq -n --arg cluster "$1" --argjson repository "$2" --argjson ok "$3" --argjson seconds "$4" --arg text "$5" --arg at "$(date -u +%FT%TZ)" \
    '{at: $at, cluster: $cluster, repository: $repository, ok: $ok, seconds: $seconds, text: $text}' >"$RECORDS/$1-$2.json.new"
  mv -fT "$RECORDS/$1-$2.json.new" "$RECORDS/$1-$2.json"
}

# full CLUSTER NUMBER: a full backup into one repository, and the record of it. What is too old is expired by pgBackRest right after.
full() {
  local begin=$SECONDS output
  if output=$(repository "$1" "$2" backup --type=full 2>&1); then
    record "$1" "$2" true "$((SECONDS - begin))" "$(newest "$1" "$2" | cut -d' ' -f2)"
    journal "full backup of $(stanza_of "$1") to $(place_of "$1" "$2"): $((SECONDS - begin)) s"
  else
    record "$1" "$2" false "$((SECONDS - begin))" "$(tail -n 3 <<<"$output")"
    journal "full backup of $(stanza_of "$1") to $(place_of "$1" "$2") FAILED: $output"
    return 1
  fi
}
