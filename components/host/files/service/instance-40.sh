# The client's user, folders, keys and release: all that has to be there before anything of the client's runs.
client={{quote .Name}} user={{quote .User}} version={{quote .Version}} sum={{quote .SHA256}}
etc=/etc/taskflow/$client data=/srv/data/taskflow/$client link=/opt/taskflow/clients/$client
lib=/usr/local/lib/berth/host

add_user() {
	useradd --system --user-group --no-create-home --home-dir "$data" --shell /usr/sbin/nologin --comment "TaskFlow of $client" "$user"
}
folder() { # MODE OWNER PATH
	install -d -m "$1" -o "${2%%:*}" -g "${2##*:}" "$3"
}
ensure_folder() {
	if [ -L "$3" ]; then die "$3 is a link, and has to be a folder"; fi
	if [ ! -d "$3" ] || [ "$(stat -c '%a %U:%G' "$3")" != "$1 $2" ]; then
		change "folder $3" folder "$1" "$2" "$3"
	fi
}
# Below the client's own folder its user does it: root would follow whatever link lies there.
own_folder() {
	runuser -u "$user" -- mkdir -p -m 0700 -- "$data/$1"
}
mark() {
	printf '%s\n' "$client" | runuser -u "$user" -- tee -- "$data/files/.client" >/dev/null
}
key() { # NAME: a secret as a file that the client's processes can read
	if checking && ! id -u "$user" >/dev/null 2>&1; then
		would "write $etc/$1"
	else
		secret "$1" | put 0440 "root:$user" "$etc/$1"
	fi
}
install_release() {
	"$lib/install-release" "$version" "$sum" {{quote .URL}} {{quote .PublicKey}}
}
point() {
	mkdir -p "${link%/*}"
	ln -sfn "../$version" "$link.new"
	mv -fT "$link.new" "$link"
}

if [ "$BERTH_ACTION" = remove ]; then
	# Whatever the client's people made stays: files, backups, and the user who owns them.
	rm -f -- "$link" "$etc/application-key" "$etc/backup-key" "$etc/database-password" "$etc/database-ca.pem"
	exit 0
fi

# TaskFlow would refuse another one when it starts, with the release before already gone.
if [ "$(secret application-key | tr -d '\n' | tr -- '-_' '+/' | base64 -d 2>/dev/null | wc -c)" != 32 ] && ! secret application-key | grep -qxE '[0-9A-Za-z]{48,}'; then
	die "the secret application-key is neither 32 random bytes in base64 (openssl rand -base64 32) nor 48 or more random letters and digits"
fi
if [ "$(secret backup-key | tr -d '\n' | wc -m)" -lt 40 ]; then
	die "the secret backup-key is shorter than 40 letters: openssl rand -base64 48 makes one"
fi

if ! id -u "$user" >/dev/null 2>&1; then change "add user $user" add_user; fi
ensure_folder 755 root:root /srv/data/taskflow
ensure_folder 755 root:root "$etc"
ensure_folder 700 "$user:$user" "$data"
for name in files backups scratch; do
	if [ -L "$data/$name" ] || [ ! -d "$data/$name" ]; then change "folder $data/$name" own_folder "$name"; fi
done
# The mark by which the other site knows that the disk is there.
if [ -L "$data/files/.client" ] || [ ! -s "$data/files/.client" ]; then change "write $data/files/.client" mark; fi
key application-key
key backup-key
{{- if .Remote}}
key database-password
# The database's authority is Amazon's; without it nobody would notice another database in its place.
fetch_authority() {
	local new
	new=$(mktemp)
	curl --proto '=https' --tlsv1.2 --fail --silent --show-error --retry 5 --max-time 120 --output "$new" \
		https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
	openssl x509 -noout -in "$new"
	put 0644 root:root "$etc/database-ca.pem" <"$new"
	rm -f -- "$new"
}
if ! openssl x509 -noout -in "$etc/database-ca.pem" 2>/dev/null; then change "fetch the authorities of the database" fetch_authority; fi
jq --arg host "$(setting database-host)" --argjson port "$(setting database-port)" \
	'.client.database.host = $host | .client.database.port = $port' "$etc/config.template" | put 0644 root:root "$etc/config.yaml"
{{- end}}

if [ ! -x "/opt/taskflow/$version/taskflow" ] || [ "$(cat "/opt/taskflow/$version/.sha256" 2>/dev/null)" != "$sum" ]; then
	change "install TaskFlow $version" install_release
fi
if [ "$(readlink "$link" 2>/dev/null)" != "../$version" ]; then change "TaskFlow $version is the release of $client" point; fi
