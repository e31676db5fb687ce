# Starts the client's service, or starts it anew when its release, configuration or keys are others: the database is brought up to the
# release first, while the one before serves, and connections wait in the socket meanwhile. Where it serves it does so after a boot too. A
# standby that was not promoted, and a home whose sister was, do not serve: there it is stopped, and stays so.
client={{quote .Name}} version={{quote .Version}}
unit=taskflow@$client lib=/usr/local/lib/berth/host

if [ "$BERTH_ACTION" = remove ]; then
	systemctl disable --now "$unit.service" "$unit.socket" 2>/dev/null || true
	exit 0
fi

answers() { # whether the service can serve: database, migrations and storage
	curl --silent --fail --max-time 5 --output /dev/null --unix-socket "/run/taskflow/$client.sock" http://localhost/readyz
}
current() {
	[ "$(cat "/run/taskflow-$client/started" 2>/dev/null)" = "$("$lib/taskflow-digest" "$client")" ]
}
lasts() { # whether it comes back after a boot
	systemctl is-enabled --quiet "$unit.socket" 2>/dev/null && systemctl is-enabled --quiet "$unit.service" 2>/dev/null
}
begin() {
	systemctl start "taskflow-migrate@$client.service"
	systemctl start "$unit.socket"
	systemctl restart "$unit.service"
	for _ in {1..60}; do
		if answers; then return; fi
		sleep 1
	done
	journalctl -u "$unit.service" -n 20 --no-pager -o cat >&2 || true
	die "TaskFlow of $client was started and does not answer that it is ready: see journalctl -u $unit.service"
}
halt() {
	systemctl disable --now "$unit.socket" "$unit.service"
}

if checking && [ ! -e "/etc/taskflow/$client/standing" ]; then
	{{if .Home}}would "start TaskFlow $version of $client"{{else}}:{{end}}
elif "$lib/serves" "$client"; then
	if ! lasts; then change "TaskFlow of $client starts after a boot" systemctl enable "$unit.socket" "$unit.service"; fi
	if ! systemctl is-active --quiet "$unit.socket" || ! systemctl is-active --quiet "$unit.service"; then
		change "start TaskFlow $version of $client" begin
	elif ! current; then
		change "restart TaskFlow of $client as $version" begin
	fi
else
	if systemctl is-active --quiet "$unit.socket" || systemctl is-active --quiet "$unit.service" ||
		systemctl is-enabled --quiet "$unit.socket" 2>/dev/null || systemctl is-enabled --quiet "$unit.service" 2>/dev/null; then
		change "stop TaskFlow of $client: the sister site serves it" halt
	fi
fi
