# The client's site in nginx: certificate, key, and the file that names them. What nginx would refuse is not put where nginx reads it.
client={{quote .Name}}
site=/usr/local/lib/berth/client-$client/site.conf
folder=/etc/nginx/berth.d

if [ "$BERTH_ACTION" = remove ]; then
	rm -f -- "$folder/$client.conf" "$folder/$client.crt" "$folder/$client.key" "$folder/$client.pulls"
	if systemctl is-active --quiet nginx.service; then systemctl reload nginx.service; fi
	exit 0
fi

secret certificate | openssl x509 -noout -checkend 0 >/dev/null 2>&1 || die "the secret certificate is no PEM certificate, or has expired: give a new one for "{{quote .Hostname}}
if [ "$(secret certificate | openssl x509 -noout -pubkey)" != "$(secret certificate-key | openssl pkey -pubout 2>/dev/null)" ]; then
	die "the secrets certificate and certificate-key do not belong together: give both anew"
fi
secret certificate | openssl x509 -noout -checkhost {{quote .Hostname}} | grep -q 'does match' || die "the secret certificate is not for "{{quote .Hostname}}

# Of two sites of one name nginx takes the first in the alphabet, and only warns.
for other in "$folder"/*.conf; do
	if [ "$other" != "$folder/$client.conf" ] && grep -qsF -- "server_name "{{quote .Hostname}}";" "$other"; then
		die {{quote .Hostname}}" is the name of another client's site already, ${other##*/}: give one of the two another hostname"
	fi
done

# Tried first beside what is there. Under check the names of the bundle's own files may not be there yet.
try() {
	local work=$1
	install -d -m 0700 "$work/berth.d"
	find "$folder" -maxdepth 1 -name '*.conf' ! -name "$client.conf" -exec cp -- {} "$work/berth.d/" \;
	secret certificate >"$work/$client.crt"
	(umask 077 && secret certificate-key >"$work/$client.key")
{{- if .OriginPulls}}
	setting origin-pull-authority | base64 -d >"$work/$client.pulls" || die "the setting origin-pull-authority is no base64"
{{- end}}
	sed "s|$folder/$client\.|$work/$client.|" "$site" >"$work/berth.d/$client.conf"
	sed "s|include $folder/|include $work/berth.d/|; s|^pid .*|pid $work/pid;|; s|^error_log .*|error_log stderr;|" /etc/nginx/berth.conf >"$work/berth.conf"
	nginx -t -q -c "$work/berth.conf"
}
if applying; then
	work=$(mktemp -d)
	trap 'rm -rf -- "$work"' EXIT
	try "$work" || die "nginx refuses the site of $client, and nothing was changed: see the line above"
fi
if ! [ -d "$folder" ]; then change "folder $folder" install -d -m 0755 "$folder"; fi
secret certificate | put 0644 root:root "$folder/$client.crt"
secret certificate-key | put 0600 root:root "$folder/$client.key"
{{- if .OriginPulls}}
setting origin-pull-authority | base64 -d | put 0644 root:root "$folder/$client.pulls"
{{- end}}
if [ -e "$site" ]; then
	put 0644 root:root "$folder/$client.conf" <"$site"
else
	would "write $folder/$client.conf"
fi
