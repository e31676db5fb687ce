# What mail goes out with. The password cannot be in a file of the bundle, which everybody may read.
if [ "$BERTH_ACTION" = remove ]; then
	rm -f -- /etc/berth/msmtprc
	exit 0
fi
{
	cat <<'END'
defaults
auth {{if .User}}on{{else}}off{{end}}
tls on
tls_starttls {{if eq .TLS "tls"}}off{{else}}on{{end}}
tls_trust_file /etc/ssl/certs/ca-certificates.crt
timeout 30
syslog LOG_MAIL
account relay
host {{.Host}}
port {{.Port}}
from {{.From}}
END
{{- if .User}}
	echo user {{quote .User}}
	password=$(secret mail-password)
	case $password in *\"* | *\\*) die "the secret mail-password has a quotation mark or a backslash, which msmtp cannot read: choose another" ;; esac
	printf 'password "%s"\n' "$password"
{{- end}}
	echo 'account default : relay'
} | put 0600 root:root /etc/berth/msmtprc
